/** Wall-clock text as the API writes it (metav1.Time, RFC 3339 in UTC, whole seconds). Days as in a Gregorian calendar. */
import { interned } from '../base/intern.ts'

const DAY = 86_400_000

/** `2026-11-21T01:02:03Z`; with `micros`, as metav1.MicroTime: `2026-11-21T01:02:03.000000Z`. */
export function formatTime(ms: number, micros = false): string {
  const days = Math.floor(ms / DAY)
  const [year, month, day] = civil(days)
  const inDay = ms - days * DAY
  const part = (unit: number, size: number) => pad(Math.floor(inDay / unit) % size, 2)
  const fraction = micros ? `.${pad(Math.floor(inDay % 1000), 3)}000` : ''
  const date = [pad(year, 4), '-', pad(month, 2), '-', pad(day, 2), 'T']
  const clock = [part(3_600_000, 24), ':', part(60_000, 60), ':', part(1000, 60), fraction, 'Z']
  return interned(date.concat(clock).join(''))
}

/** ms since 1970, or undefined where the text is no RFC 3339 time. */
export function parseTime(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zone] = match
  if (+month < 1 || +month > 12 || +day < 1 || +day > 31 || +hour > 23 || +minute > 59 || +second > 59) {
    return undefined
  }
  const clock = (+hour * 60 + +minute) * 60 + +second
  const ms =
    daysFromCivil(+year, +month, +day) * DAY + clock * 1000 + Math.floor(Number(fraction ?? 0) * 1000)
  if (zone === 'Z' || zone === 'z') return ms
  const offset = (+zone.slice(1, 3) * 60 + +zone.slice(4)) * 60_000
  return zone.startsWith('-') ? ms + offset : ms - offset
}

function pad(n: number, width: number): string {
  return String(n).padStart(width, '0')
}

// March-based years make the leap day the last: the usual arithmetic on 400-year eras.
function civil(days: number): [number, number, number] {
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const doe = z - era * 146_097
  const yoe = Math.floor(
    (doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365,
  )
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100))
  const mp = Math.floor((5 * doy + 2) / 153)
  const month = mp < 10 ? mp + 3 : mp - 9
  return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - Math.floor((153 * mp + 2) / 5) + 1]
}

function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yoe = y - era * 400
  const doy = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yoe * 365 + Math.floor(yoe / 4) - Math.floor(yoe / 100) + doy - 719_468
}
