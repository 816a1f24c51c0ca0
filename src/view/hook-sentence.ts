/** The sentences of netfilter: which rule, policy or connection did what to the packet. */
import type { Ip } from '../base/addr.ts'
import { formatIp } from '../base/addr.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction } from '../net/trace.ts'
import { tupleText } from '../proc/print/conntrack.ts'
import type { ConnNote } from './evidence.ts'
import { evidenceOf } from './evidence.ts'
import type { Namer } from './sentence.ts'

export function hookKey(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  if (found.kind === 'rule') {
    const { rule, permitted, verdict, change } = found.hit
    if (permitted) return rule === 0 ? 'hook.permitted.policy' : 'hook.permitted.rule'
    if (rule === 0) return 'hook.policy'
    if (change.length > 0) return 'hook.change'
    return verdict === 'ACCEPT' ? 'hook.accept.rule' : 'hook.rule'
  }
  if (found.kind === 'connection') {
    const key = noteKey(found.note)
    if (key !== undefined) return key
  }
  if (step.action === StepAction.Translate) return 'hook.translate'
  return step.action === StepAction.Accept ? 'hook.accept' : 'hook.pass'
}

function noteKey({ what, field, conn, before }: ConnNote): string | undefined {
  if (what === 'invalid' || what === 'full') return `hook.conntrack.${what}`
  if (conn === undefined) return undefined
  if (what === 'translate') return field === 'source' ? 'hook.translate.source' : 'hook.translate.destination'
  if (what === 'new') return 'hook.conntrack.new'
  const moved = before !== undefined && before !== '' && conn.state !== '' && before !== conn.state
  return moved ? 'hook.conntrack.state' : 'hook.conntrack.known'
}

export function hookDropKey(step: StepDetail): string {
  const found = evidenceOf(step.evidence)
  if (found.kind === 'rule')
    return found.hit.rule === 0 ? 'drop.NETFILTER_DROP.policy' : 'drop.NETFILTER_DROP.rule'
  if (found.kind !== 'connection') return 'drop.NETFILTER_DROP'
  const { what } = found.note
  return what === 'full' || what === 'clash' || what === 'lost'
    ? `drop.NETFILTER_DROP.${what}`
    : 'drop.NETFILTER_DROP'
}

/** The value of a place in these sentences; undefined for places that are not theirs. */
export function hookPlace(place: string, step: StepDetail, namer: Namer): string | number | undefined {
  const found = evidenceOf(step.evidence)
  if (found.kind === 'rule') {
    const { hit } = found
    switch (place) {
      case 'table':
        return hit.table
      case 'chain':
        return hit.chain
      case 'number':
        return hit.rule
      case 'verdict':
        return hit.verdict
      case 'change':
        return hit.change.join(', ')
      case 'rule': {
        const family = typeof step.headers.src === 'number' ? 4 : 6
        return namer.rule(step.ns, family, hit) || `-j ${hit.verdict}`
      }
    }
  }
  if (found.kind !== 'connection') return undefined
  const { conn, before, from, to } = found.note
  switch (place) {
    case 'conn':
      return conn === undefined ? '' : tupleText(conn.orig)
    case 'before':
      return before ?? ''
    case 'now':
      return conn?.state ?? ''
    case 'from':
      return endText(from)
    case 'to':
      return endText(to)
    default:
      return undefined
  }
}

/** `10.0.0.1:80`, `[fd00::1]:80`, without a port where there is none. */
function endText(end: { ip: Ip; port: number } | undefined): string {
  if (end === undefined) return ''
  const ip = formatIp(end.ip)
  if (end.port === 0) return ip
  return typeof end.ip === 'number' ? `${ip}:${end.port}` : `[${ip}]:${end.port}`
}
