import { describe, expect, it } from 'vitest'
import { createIcmp, createPacket } from '../net/packet.ts'
import { createWorld } from '../net/world.ts'
import type { StepDetail } from '../net/trace.ts'
import { DROP_REASONS, StepAction, StepKind } from '../net/trace.ts'
import type { Neigh, Route } from '../net/types.ts'
import type { Namer } from './sentence.ts'
import { actionName, kindName, sentenceOf } from './sentence.ts'
import { placesOf, SENTENCES, sentenceText } from './words.ts'

const NAMER: Namer = {
  dev: (_ns, ifindex) => `dev${ifindex}`,
  route: () => '10.0.0.0/24 dev dev1',
  bridge: () => 'br0',
  rule: () => '-s 10.0.0.0/8 -j DROP',
  tables: () => 'main, default',
}

const ROUTE: Route = {
  dst: 0x0a000000,
  len: 24,
  type: 'unicast',
  table: 254,
  scope: 0,
  proto: 3,
  metric: 0,
  prefsrc: undefined,
  mtu: 0,
  tos: 0,
  pref: 0,
  expiresAt: 0,
  nexthops: [{ oif: 2, via: 0x0a000001, weight: 1, onlink: false, scope: 253, dead: false, linkdown: false }],
}

const HIT = {
  table: 'filter',
  hook: 'FORWARD',
  chain: 'FOO',
  rule: 3,
  id: 9,
  verdict: 'DROP',
  change: [],
  seen: [],
  permitted: false,
}
const TUPLE = { src: 0x0a000001, dst: 0x0a000002, proto: 17, sport: 4444, dport: 53 }
const NEW = {
  table: 'conntrack',
  what: 'new',
  before: '',
  conn: { id: 1, orig: TUPLE, reply: TUPLE, state: '' },
}
const NAT = {
  ...NEW,
  what: 'translate',
  field: 'destination',
  from: { ip: 0x0a000002, port: 53 },
  to: { ip: 0x0a020002, port: 5353 },
}

function step(patch: Partial<StepDetail>): StepDetail {
  const headers = createPacket(createWorld(1, 64), 0x0800, 0)
  Object.assign(headers, {
    smac: 0x020000000001,
    dmac: 0x020000000002,
    src: 0x14010101,
    dst: 0x14010102,
    proto: 1,
    ttl: 64,
  })
  headers.icmp = createIcmp(8, 0)
  const base = {
    event: 1,
    at: 0,
    ns: 2,
    nsName: 'a',
    trace: 1,
    packet: 1,
    cause: 0,
    reason: '' as const,
    ifindex: 2,
    dev: 'eth0',
  }
  return { ...base, kind: StepKind.Rx, action: StepAction.None, headers, evidence: null, ...patch }
}

function text(patch: Partial<StepDetail>): string {
  return sentenceText(sentenceOf(step(patch), NAMER))
}

describe('every step has a sentence with all its places filled', () => {
  const neigh = { ip: 0x14010102, mac: 2, hasMac: true, state: 'REACHABLE', ifindex: 2 } as Neigh
  const fdb = { mac: 2, vlan: 0, port: 3, usedAt: 0 }
  it.each(Object.values(StepKind))('kind %i, every action, every evidence', (kind) => {
    for (const evidence of [null, ROUTE, neigh, fdb, HIT, { ...HIT, rule: 0 }, NEW, NAT]) {
      for (const action of Object.values(StepAction)) {
        const sentence = sentenceOf(step({ kind, action, evidence }), NAMER)
        const place = `${kindName(kind)} ${actionName(action)}`
        expect(SENTENCES, place).toHaveProperty([sentence.key])
        expect(sentence.key, place).not.toBe('step.other')
        for (const value of Object.values(sentence.args)) expect(value, place).not.toBe('')
        expect(sentenceText(sentence), place).not.toMatch(/[{}]/)
      }
    }
  })
})

describe('every drop reason has a sentence of its own', () => {
  it.each(DROP_REASONS)('%s', (reason) => {
    const sentence = sentenceOf(step({ kind: StepKind.Drop, reason }), NAMER)
    expect(sentence.key.startsWith(`drop.${reason}`)).toBe(true)
    expect(sentenceText(sentence)).not.toMatch(/[{}]/)
    expect(Object.keys(sentence.args).sort()).toEqual(placesOf(SENTENCES[sentence.key] ?? '').sort())
  })

  it('no sentence is for a reason that does not exist', () => {
    const known = new Set<string>(DROP_REASONS)
    const drops = Object.keys(SENTENCES).filter((key) => key.startsWith('drop.'))
    expect(drops.map((key) => key.split('.')[1] ?? '').filter((reason) => !known.has(reason))).toEqual([])
  })
})

describe('sentences name their evidence', () => {
  it('no route', () => {
    expect(text({ kind: StepKind.Drop, reason: 'IP_OUTNOROUTES' })).toBe(
      'dropped: no route to 20.1.1.2 in tables main, default',
    )
  })

  it('a route by a gateway', () => {
    expect(text({ kind: StepKind.Route, action: StepAction.Unicast, evidence: ROUTE })).toBe(
      'route to 20.1.1.2: 10.0.0.0/24 dev dev1, next hop 10.0.0.1',
    )
  })

  it('a neighbour and its state', () => {
    const evidence = { ip: 0x14010102, mac: 0x020000000005, hasMac: true, state: 'REACHABLE', ifindex: 2 }
    expect(text({ kind: StepKind.Neigh, action: StepAction.Resolved, evidence })).toBe(
      'neighbour 20.1.1.2 is REACHABLE at 02:00:00:00:00:05',
    )
  })

  it('the rule that dropped it, and a policy', () => {
    const drop = (evidence: unknown) => text({ kind: StepKind.Drop, reason: 'NETFILTER_DROP', evidence })
    expect(drop(HIT)).toBe('dropped by filter FOO, rule 3: -s 10.0.0.0/8 -j DROP')
    expect(drop({ ...HIT, chain: 'FORWARD', rule: 0 })).toBe('dropped by the policy of filter FORWARD')
  })

  it('what rules and connections change', () => {
    const hook = (evidence: unknown, action: StepDetail['action'] = StepAction.None) =>
      text({ kind: StepKind.Hook, action, evidence })
    const mark = { ...HIT, table: 'mangle', verdict: 'MARK', change: ['mark 0x0 -> 0x1'] }
    expect(hook(mark)).toBe('mangle FOO, rule 3, changes mark 0x0 -> 0x1: -s 10.0.0.0/8 -j DROP')
    expect(hook(NEW)).toBe('conntrack: a new connection, src=10.0.0.1 dst=10.0.0.2 sport=4444 dport=53')
    expect(hook(NAT, StepAction.Translate)).toBe(
      'NAT changes the destination from 10.0.0.2:53 to 10.2.0.2:5353',
    )
  })

  it('a flood and why', () => {
    expect(text({ kind: StepKind.Bridge, action: StepAction.Flood })).toBe(
      'bridge br0 floods: destination 02:00:00:00:00:02 is unknown',
    )
  })
})
