/** Virtual time as a calendar shows it: UTC, from the lab's epoch. */

/** What the clock showed when the lab booted: 2026-01-01 00:00:00 UTC, seconds since 1970. */
export const EPOCH_SECONDS = 1_767_225_600

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = [
  'January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November',
  'December',
] // biome-ignore format: one list

interface Civil {
  year: number
  month: number
  day: number
  weekday: number
  yearday: number
  second: number
}

/** `now` (ns since boot) by a strftime(3) format. Conversions that are not modelled stay as they are. */
export function dateText(now: number, format: string): string {
  const seconds = EPOCH_SECONDS + Math.floor(now / 1e9)
  const c = civil(seconds)
  const two = (n: number) => String(n).padStart(2, '0')
  const hour = Math.floor(c.second / 3600)
  const minute = Math.floor(c.second / 60) % 60
  const table: Record<string, string> = {
    Y: String(c.year),
    y: two(c.year % 100),
    C: two(Math.floor(c.year / 100)),
    m: two(c.month),
    d: two(c.day),
    e: String(c.day).padStart(2),
    H: two(hour),
    I: two(hour % 12 === 0 ? 12 : hour % 12),
    M: two(minute),
    S: two(c.second % 60),
    p: hour < 12 ? 'AM' : 'PM',
    N: String(now % 1_000_000_000).padStart(9, '0'),
    s: String(seconds),
    a: DAYS[c.weekday]!.slice(0, 3),
    A: DAYS[c.weekday]!,
    b: MONTHS[c.month - 1]!.slice(0, 3),
    h: MONTHS[c.month - 1]!.slice(0, 3),
    B: MONTHS[c.month - 1]!,
    j: String(c.yearday).padStart(3, '0'),
    u: String(c.weekday === 0 ? 7 : c.weekday),
    w: String(c.weekday),
    Z: 'UTC',
    z: '+0000',
    n: '\n',
    t: '\t',
    '%': '%',
  }
  const whole: Record<string, string> = {
    F: '%Y-%m-%d',
    T: '%H:%M:%S',
    R: '%H:%M',
    D: '%m/%d/%y',
    c: '%a %b %e %H:%M:%S %Y',
  }
  const flat = format.replace(/%(%|[FTRDc])/g, (found, letter: string) => whole[letter] ?? found)
  return flat.replace(/%([a-zA-Z%])/g, (found, letter: string) => table[letter] ?? found)
}

/** Days to a date by the Gregorian calendar's 400-year eras. */
function civil(seconds: number): Civil {
  const days = Math.floor(seconds / 86_400)
  const z = days + 719_468
  const era = Math.floor(z / 146_097)
  const doe = z - era * 146_097
  const yoe = Math.floor(
    (doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365,
  )
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100))
  const mp = Math.floor((5 * doy + 2) / 153)
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1
  const month = mp < 10 ? mp + 3 : mp - 9
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0)
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const yearday = month > 2 ? doy + 60 + (leap ? 1 : 0) : doy - 305
  return { year, month, day, weekday: (days + 4) % 7, yearday, second: seconds - days * 86_400 }
}
