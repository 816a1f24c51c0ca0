/** What every plugin's setup works on, and zones as CoreDNS reads them (plugin/normalize.go, CoreDNS 1.11.3). */
import { parsePrefix } from '../../base/addr.ts'
import { isDnsName } from '../../wire/dnsname.ts'
import type { CoreConf, ServerConf } from './coretypes.ts'
import type { Dispenser } from './dispenser.ts'
import { goInt } from './gotext.ts'
import { absolute } from './text.ts'

/** Reads a file as text; undefined where there is none. */
export type ReadText = (path: string) => string | undefined

export interface SetupCtx {
  read: ReadText
  /** Addresses by interface: what `bind NAME` binds. */
  links: ReadonlyMap<string, readonly string[]>
  conf: CoreConf
  server: ServerConf
  /** The server block's own zones. */
  zones: readonly string[]
}

/** Takes a plugin's tokens, all lines of a block; answers what is wrong, without the plugin's name. '' for nothing. */
export type Setup = (ctx: SetupCtx, d: Dispenser) => string

export const ONCE = 'this plugin can only be used once per Server Block'

/** Zones and a port ('' for none) of `[SCHEME://]ZONE[:PORT]`. */
export function splitZone(text: string): { zones: string[]; port: string; error: string } {
  const wrong = (error: string) => ({ zones: [], port: '', error })
  let rest = text.replace(/^[a-z]+:\/\//, '')
  const colon = rest.lastIndexOf(':')
  if (colon >= 0 && colon === rest.length - 1) {
    return wrong(`expecting data after last colon: ${JSON.stringify(rest)}`)
  }
  let port = ''
  const number = goInt(rest.slice(colon + 1))
  if (colon >= 0 && number.value !== undefined) {
    port = String(number.value)
    rest = rest.slice(0, colon)
  }
  if (rest.length > 255) return wrong(`specified zone is too long: ${rest.length} > 255`)
  if (rest !== '' && !isDnsName(absolute(rest))) return wrong(`zone is not a valid domain name: ${rest}`)
  return { zones: reverseZones(rest) ?? [absolute(rest).toLowerCase()], port, error: '' }
}

/** The zones that an argument names; none where it cannot be one. */
export function zonesOf(text: string): string[] {
  return splitZone(text).zones
}

/** Zones in the arguments, or else the block's. */
export function origins(ctx: SetupCtx, args: readonly string[]): string[] {
  return args.length === 0 ? [...ctx.zones] : args.flatMap(zonesOf)
}

/** What `fallthrough` and its zones stand for. */
export function fallOf(args: readonly string[]): string[] {
  return args.length === 0 ? [] : args.map((text) => absolute(text).toLowerCase())
}

/** The reverse zones of a prefix: as many as its length is short of a whole label. */
function reverseZones(text: string): string[] | undefined {
  if (!/^[0-9a-f.:]+\/[0-9]+$/i.test(text)) return undefined
  const prefix = parsePrefix(text)
  if (prefix === undefined) return undefined
  const { addr, len } = prefix
  const [size, labels] =
    typeof addr === 'number'
      ? [8, [24, 16, 8, 0].map((shift) => (addr >>> shift) & 255)]
      : [4, [...addr].map((digit) => Number.parseInt(digit, 16))]
  const whole = Math.max(1, Math.ceil(len / size))
  const left = whole * size - len
  const first = (labels[whole - 1]! >> left) << left
  const end = size === 8 ? 'in-addr.arpa.' : 'ip6.arpa.'
  return Array.from({ length: 2 ** left }, (_, i) => {
    const own = [...labels.slice(0, whole - 1), first + i]
    return `${own
      .reverse()
      .map((label) => label.toString(size === 8 ? 10 : 16))
      .join('.')}.${end}`
  })
}
