/**
 * Netfilter's hooks as stations of a namespace: which tables look there, in the kernel's order, and at which station
 * each step of a packet happened. Models the priorities of include/uapi/linux/netfilter_ipv4.h (Linux 6.18).
 */
import { sysctlInt } from '../net/sysctl.ts'
import { nfChain } from '../net/nf/chains.ts'
import type { BuiltinChain, Ruleset, TableName } from '../net/nf/types.ts'
import type { Netns } from '../net/types.ts'
import type { StepDetail } from '../net/trace.ts'
import { StepAction, StepKind } from '../net/trace.ts'
import { evidenceOf } from './evidence.ts'
import type { SceneStation, StationId } from './types.ts'

type Place = TableName | 'conntrack' | 'confirm'

/** What is registered at each hook by rising priority; nat of the source comes after filter. */
const ORDER: readonly [BuiltinChain, readonly Place[]][] = [
  ['PREROUTING', ['raw', 'conntrack', 'mangle', 'nat']],
  ['INPUT', ['mangle', 'filter', 'security', 'nat', 'confirm']],
  ['FORWARD', ['mangle', 'filter', 'security']],
  ['OUTPUT', ['raw', 'conntrack', 'mangle', 'nat', 'filter', 'security']],
  ['POSTROUTING', ['mangle', 'nat', 'confirm']],
]

/** The stations of a namespace with any table; undefined where netfilter has nothing to do. */
export function stationsOf(ns: Netns): SceneStation[] | undefined {
  const nf = ns.nf
  if (nf == null || (nf.rules4 === null && nf.rules6 === null)) return undefined
  const stations: SceneStation[] = ORDER.map(([id, places]) => ({
    id,
    tables: places.flatMap((place) => namesAt(ns, id, place)),
  }))
  if (stations.every(({ tables }) => tables.length === 0)) return undefined
  if (!hasBridgeHooks(ns)) return stations
  const inBridge = (id: 'PREROUTING' | 'FORWARD' | 'POSTROUTING'): SceneStation => ({
    id: `bridge-${id}`,
    tables: stations.find((one) => one.id === id)?.tables ?? [],
  })
  return [...stations, inBridge('PREROUTING'), inBridge('FORWARD'), inBridge('POSTROUTING')]
}

function namesAt(ns: Netns, hook: BuiltinChain, place: Place): string[] {
  const names: string[] = []
  const { rules4, rules6, active4, active6 } = ns.nf!
  if (place === 'conntrack' || place === 'confirm') return active4 || active6 ? [place] : []
  if (hasChain(rules4, place, hook)) names.push(place)
  if (hasChain(rules6, place, hook)) names.push(`${place}6`)
  return names
}

function hasChain(rules: Ruleset | null, place: TableName, hook: BuiltinChain): boolean {
  const table = rules?.tables.get(place)
  return table !== undefined && nfChain(table, hook) !== undefined
}

/** br_netfilter hands bridged packets to the IP hooks. */
function hasBridgeHooks(ns: Netns): boolean {
  if (!ns.links.some((link) => link !== undefined && link.bridge !== null)) return false
  const four = ns.nf?.rules4 != null && sysctlInt(ns, 'net.bridge.bridge-nf-call-iptables') !== 0
  return four || (ns.nf?.rules6 != null && sysctlInt(ns, 'net.bridge.bridge-nf-call-ip6tables') !== 0)
}

const BRIDGED = 1

/** The station of each step of one hop, in order; '' for steps at devices, bridges and neighbours. */
export function stationsAlong(steps: readonly StepDetail[]): (StationId | '')[] {
  let born = steps[0]?.kind === StepKind.Originate
  let routed = false
  let local = false
  let last: StationId | '' = ''
  return steps.map((step) => {
    if (step.kind === StepKind.Rx) {
      // The packet begins anew: from a device, or handed up by a bridge.
      born = false
      routed = false
      local = false
      return ''
    }
    if (step.kind === StepKind.Route) {
      routed = true
      local = step.action === StepAction.Local && !born
      last = born ? 'ROUTE_OUT' : 'ROUTE'
      return last
    }
    const bridged = (step.headers.nfBridge & BRIDGED) !== 0 && !routed && !born
    const at = plainStation(step, born, local, last)
    if (at === '') return ''
    last = bridged && (at === 'PREROUTING' || at === 'FORWARD' || at === 'POSTROUTING') ? `bridge-${at}` : at
    return last
  })
}

function plainStation(step: StepDetail, born: boolean, local: boolean, last: StationId | ''): StationId | '' {
  const found = evidenceOf(step.evidence)
  if (found.kind === 'rule') return found.hit.hook as StationId
  if (found.kind === 'connection') {
    const { what, field } = found.note
    if (what === 'clash' || what === 'lost') return last
    if (what === 'translate' && field === 'source') return local ? 'INPUT' : 'POSTROUTING'
    return born ? 'OUTPUT' : 'PREROUTING'
  }
  switch (step.kind) {
    case StepKind.Originate:
    case StepKind.Deliver:
      return 'LOCAL'
    case StepKind.Forward:
      return 'FORWARD'
    case StepKind.Hook:
    case StepKind.Drop:
      return last
    default:
      return ''
  }
}
