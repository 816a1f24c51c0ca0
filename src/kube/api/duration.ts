/** Ages as kubectl prints them. Models apimachinery pkg/util/duration (1.32). Arguments are nanoseconds. */

const SECOND = 1_000_000_000
const INVALID = '<invalid>'

/** 119s, 2m, 9m59s, 10m, 179m, 3h, 47h, 2d1h, 8d, 729d, 2y */
export function humanDuration(ns: number): string {
  const seconds = Math.trunc(ns / SECOND)
  if (seconds < -1) return INVALID
  if (seconds < 0 || ns < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(hours / 24)
  if (hours < 192) return two(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.floor(days / 365)
  return hours < 24 * 365 * 8 ? two(years, 'y', days % 365, 'd') : `${years}y`
}

/** One unit only: 59s, 1m, 23h, 364d, 2y */
export function shortHumanDuration(ns: number): string {
  const seconds = Math.trunc(ns / SECOND)
  if (seconds < -1) return INVALID
  if (seconds < 0 || ns < 0) return '0s'
  if (seconds < 60) return `${seconds}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours}h`
  if (hours < 24 * 365) return `${Math.floor(hours / 24)}d`
  return `${Math.floor(hours / 24 / 365)}y`
}

function two(high: number, highUnit: string, low: number, lowUnit: string): string {
  return low === 0 ? `${high}${highUnit}` : `${high}${highUnit}${low}${lowUnit}`
}
