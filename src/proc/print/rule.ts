/** Policy rules as `ip rule` prints them. Models print_rule of ip/iprule.c (iproute2 6.1). */
import { formatIp } from '../../base/addr.ts'
import type { PolicyRule } from '../../net/types.ts'
import type { Place } from './names.ts'
import { protoName, tableName } from './names.ts'
import type { Writer } from './writer.ts'
import { both, closeObject, field, openObject, put } from './writer.ts'

/** One rule, to the end of its line. */
export function putRule(w: Writer, place: Place, rule: PolicyRule, details: number): void {
  openObject(w)
  const full = rule.family === 4 ? 32 : 128
  both(w, 'priority', rule.pref, `${rule.pref}:\t`)
  if (rule.not) both(w, 'not', null, 'not ')
  if (rule.srcLen === 0) both(w, 'src', 'all', 'from all')
  else {
    const src = formatIp(rule.src)
    both(w, 'src', src, rule.srcLen === full ? `from ${src}` : `from ${src}/${rule.srcLen}`)
    if (rule.srcLen !== full) field(w, 'srclen', rule.srcLen)
  }
  if (rule.dstLen !== 0) {
    const dst = formatIp(rule.dst)
    both(w, 'dst', dst, rule.dstLen === full ? ` to ${dst}` : ` to ${dst}/${rule.dstLen}`)
    if (rule.dstLen !== full) field(w, 'dstlen', rule.dstLen)
  }
  if (rule.tos !== 0) {
    const tos = `0x${rule.tos.toString(16).padStart(2, '0')}`
    both(w, 'tos', tos, ` tos ${tos}`)
  }
  if (rule.fwmark !== 0 || rule.fwmask !== 0) {
    const mark = `0x${(rule.fwmark >>> 0).toString(16)}`
    const mask = `0x${(rule.fwmask >>> 0).toString(16)}`
    both(w, 'fwmark', mark, ` fwmark ${mark}`)
    if (rule.fwmask !== -1) both(w, 'fwmask', mask, `/${mask}`)
  }
  putDevice(w, place, 'iif', rule.iif)
  putDevice(w, place, 'oif', rule.oif)
  if (rule.action === 'lookup') both(w, 'table', tableName(rule.table), ` lookup ${tableName(rule.table)}`)
  else both(w, 'action', rule.action, ` ${rule.action}`)
  if ((rule.proto !== 2 && rule.proto !== 0) || details > 0) {
    both(w, 'protocol', protoName(rule.proto), ` proto ${protoName(rule.proto)}`)
  }
  put(w, '\n')
  closeObject(w)
}

/** A rule as one line without its end. */
export function ruleLine(place: Place, rule: PolicyRule): string {
  const w: Writer = {
    json: false,
    pretty: false,
    oneline: true,
    color: false,
    text: '',
    depth: 0,
    sep: false,
  }
  putRule(w, place, rule, 0)
  return w.text.trimEnd()
}

function putDevice(w: Writer, place: Place, key: 'iif' | 'oif', name: string): void {
  if (name === '') return
  both(w, key, name, ` ${key} ${name}`)
  const known = place.ns.links.some((link) => link?.name === name)
  if (!known) both(w, `${key}_detached`, null, ' [detached]')
}
