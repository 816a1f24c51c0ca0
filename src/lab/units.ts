/** Times, rates and shares as people write them, to integers and back. */

/** `20ms`, `1.5s`, `500us`, `10ns`; a bare number is milliseconds as in netem. Nanoseconds, at most 10 s. */
export function parseLatency(text: string): number | undefined {
  const ns = parseDuration(text, 'ms')
  return ns === undefined || ns > 10_000_000_000 ? undefined : ns
}

/** A time with unit (s, ms, us, ns); a bare number is in `unit`. Integer nanoseconds, at most 100 days. */
export function parseDuration(text: string, unit: 's' | 'ms'): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)\s*(s|ms|us|ns|m|h)?$/.exec(text.trim())
  if (match === null) return undefined
  const factors: Record<string, number> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }
  const ns = Math.round(Number(match[1]) * (factors[match[2] ?? unit] ?? 0))
  return ns <= 8_640_000_000_000_000 ? ns : undefined
}

/** `10%` to parts per million. */
export function parseLoss(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,4})?)\s*%?$/.exec(text.trim())
  if (match === null || Number(match[1]) > 100) return undefined
  return Math.round(Number(match[1]) * 10_000)
}

/** `10mbit` (as tc writes it) to bits per second; 0 is unlimited. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,6})?)\s*(bit|kbit|mbit|gbit)$/i.exec(text.trim())
  if (match === null) return undefined
  const factors: Record<string, number> = { bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 }
  const bps = Math.round(Number(match[1]) * (factors[(match[2] ?? '').toLowerCase()] ?? 0))
  return bps <= 1e12 ? bps : undefined
}

/** Milliseconds as a label writes them: `20ms`, `0.5ms`. */
export function latencyText(ms: number): string {
  return `${trimNumber(ms)}ms`
}

export function lossText(percent: number): string {
  return `${trimNumber(percent)}%`
}

export function rateText(mbit: number): string {
  return `${trimNumber(mbit)}mbit`
}

function trimNumber(n: number): string {
  return String(Number(n.toFixed(4)))
}
