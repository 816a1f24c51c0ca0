// Packed records against the rule-by-rule walk: the same verdict, and the same rules have counted.
import { expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { trieOf, trieSet } from '../../base/trie.ts'
import { netOf, nsOf } from '../ip/checkip.ts'
import { createPacket } from '../packet.ts'
import type { Packet, World } from '../types.ts'
import { ETH_P_IP, IPPROTO_TCP, IPPROTO_UDP } from '../types.ts'
import { counters, ruleOf } from './checknf.ts'
import { nfChains } from './chains.ts'
import { NF_INET_FORWARD, nfRun } from './hook.ts'
import { nfSharedId } from './ids.ts'
import { nfShareChains } from './share.ts'
import {
  nfFreezeRule,
  nfNewChain,
  nfPatchTable,
  nfReplaceTable,
  nfRuleset,
  nfTable,
  nfZero,
} from './tables.ts'
import type { Chain } from './types.ts'

const NET = `
  link a/eth0 r/eth0
  link b/eth0 r/eth1
  addr r/eth0 10.0.1.1/24
  addr r/eth1 10.0.2.1/24`
const CHAINS = ['FORWARD', 'U1', 'U2', 'U3']

type Below = (n: number) => number

function randomRule(chain: string, below: Below): string {
  const words: string[] = []
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
  const address = (): string => `10.9.0.${below(12)}`
  if (below(2) === 0) words.push(`${pick(['', '', '', '! '])}-d ${address()}${pick(['', '', '/31', '/24'])}`)
  if (below(3) === 0) words.push(`${pick(['', '', '! '])}-s ${address()}${pick(['', '', '/30'])}`)
  if (below(6) === 0) words.push(pick(['-i eth0', '-o eth1', '! -i eth1']))
  const proto = pick(['', 'tcp', 'udp', 'udp'])
  // A match that counts for itself, before or after the one that the index goes by.
  const own = pick([
    '',
    '',
    '',
    '-m statistic --mode nth --every 3 --packet 0',
    '-m limit --limit 1/sec --limit-burst 40',
    '-m statistic --mode random --probability 0.5',
    '-m mark --mark 7',
    '-m mark ! --mark 0x3/0x3',
  ])
  if (proto !== '') words.push(`-p ${proto}`)
  if (below(2) === 0) words.push(own)
  if (proto !== '' && below(4) !== 0) words.push(`--dport ${pick(['53', '80', '8080', '53:80'])}`)
  const later = CHAINS.slice(CHAINS.indexOf(chain) + 1)
  const verdicts = [
    '',
    '',
    '',
    'ACCEPT',
    'DROP',
    'RETURN',
    'MARK --set-mark 7',
    'MARK --set-xmark 0x3/0x5',
    ...later,
    ...later,
  ]
  const target = pick(verdicts)
  return `${words.join(' ')}${target === '' ? '' : ` -j ${target}`}`
}

/** Random chains of these names; those before keep what they are. */
function load(world: World, seed: number, names = CHAINS): void {
  const rng = createRng(seed, 1)
  const below: Below = (n) => nextBelow(rng, n)
  const old = nfChains(nfTable(nsOf(world, 'r'), 4, 'filter'))
  const chains = new Map<string, Chain>(old.map((chain) => [chain.name, chain]))
  for (const name of names) {
    const empty = nfNewChain('filter', name)
    const lines = Array.from({ length: 10 + below(60) }, () => randomRule(name, below))
    const rules = lines.map((line) => ruleOf(line.trim().split(/\s+/).filter(Boolean), 4))
    // Most rules of a chain that is indexed want something exact.
    const exact = Array.from({ length: 70 }, () =>
      ruleOf(`-d 10.9.0.${below(12)} -p udp --dport ${53 + below(3)}`.split(' '), 4),
    )
    const all = below(2) === 0 ? [...rules, ...exact] : [...exact, ...rules]
    chains.set(name, {
      ...(chains.get(name) ?? empty),
      rules: name !== 'FORWARD' && below(8) === 0 ? [] : all,
    })
  }
  nfReplaceTable(world, nsOf(world, 'r'), 4, { name: 'filter', chains })
}

function packetOf(world: World, below: Below): Packet {
  const packet = createPacket(world, ETH_P_IP, 0)
  const tcp = below(2) === 0
  return Object.assign(packet, {
    src: (parseIp4('10.9.0.0') as number) + below(13),
    dst: (parseIp4('10.9.0.0') as number) + below(13),
    proto: tcp ? IPPROTO_TCP : IPPROTO_UDP,
    tcp: tcp ? { seq: 1, ack: 0, flags: 2, window: 100, urgent: 0, options: [] } : null,
    sport: 1000 + below(4),
    dport: [53, 54, 80, 8080, 9][below(5)]!,
    length: 60 + below(1000),
    ttl: 60,
    // A later part of a packet has no ports.
    fragOffset: below(10) === 0 ? 1480 : 0,
  })
}

function twoWorlds(seed: number): [World, World] {
  return [0, 1].map((linear) => {
    const world = netOf(NET, false, seed)
    world.recorder.detail = null
    world.scalars.nfLinear = linear
    load(world, seed)
    return world
  }) as [World, World]
}

/** The same packets through both, with the same outcome. */
function compare(worlds: [World, World], seed: number, packets: number): void {
  const rngs = worlds.map(() => createRng(seed, 2))
  for (let n = 0; n < packets; n++) {
    const [short, long] = worlds.map((world, i) => {
      const ns = nsOf(world, 'r')
      const packet = packetOf(world, (max) => nextBelow(rngs[i]!, max))
      const [inIf, outIf] = [2, 3]
      const verdict = nfRun(world, ns, NF_INET_FORWARD, packet, inIf, outIf)
      return { verdict, mark: packet.mark, counted: counters(ns) }
    })
    expect(short).toEqual(long)
  }
}

it.each(Array.from({ length: 40 }, (_, i) => i + 1))('rule set %i', (seed) => {
  const worlds = twoWorlds(seed)
  compare(worlds, seed, 120)
  expect(counters(nsOf(worlds[0], 'r')).length).toBeGreaterThan(2)
})

it('keeps up with tables that are replaced, patched and put back', () => {
  for (let seed = 100; seed < 110; seed++) {
    const worlds = twoWorlds(seed)
    const rng = createRng(seed, 3)
    const older = worlds.map((world) => [nfRuleset(nsOf(world, 'r'), 4)])
    for (let round = 0; round < 8; round++) {
      compare(worlds, seed * 100 + round, 8)
      const what = nextBelow(rng, 3)
      const chain = CHAINS[1 + nextBelow(rng, 3)]!
      const back = nextBelow(rng, older[0]!.length)
      worlds.forEach((world, i) => {
        const ns = nsOf(world, 'r')
        if (what === 0) load(world, seed * 100 + round, [chain, 'FORWARD'])
        else if (what === 1) patch(world, seed * 100 + round, chain)
        else ns.nf!.rules4 = older[i]![back]!
        older[i]!.push(nfRuleset(ns, 4))
      })
    }
    compare(worlds, seed, 8)
  }
})

/** Other rules for one chain of the user. */
function patch(world: World, seed: number, chain: string): void {
  const rng = createRng(seed, 4)
  const lines = Array.from({ length: 5 + nextBelow(rng, 60) }, () =>
    randomRule(chain, (n) => nextBelow(rng, n)),
  )
  const rules = lines.map((line) => nfFreezeRule(ruleOf(line.trim().split(/\s+/).filter(Boolean), 4)))
  nfPatchTable(world, nsOf(world, 'r'), 4, 'filter', [{ name: chain, rules }], [])
}

/** Chains of these names that are shared, with random rules. */
function sharedChains(seed: number, names: readonly string[]): [string, Chain][] {
  const rng = createRng(seed, 5)
  return names.map((name) => {
    const lines = Array.from({ length: 5 + nextBelow(rng, 60) }, () =>
      randomRule(name, (n) => nextBelow(rng, n)),
    )
    const rules = lines.map((line, i) => {
      const rule = ruleOf(line.trim().split(/\s+/).filter(Boolean), 4)
      return nfFreezeRule({ ...rule, id: nfSharedId(4, 'filter', `${name} ${line} ${i}`) })
    })
    return [name, Object.freeze({ ...nfNewChain('filter', name), rules: Object.freeze(rules) })]
  })
}

it('asks shared chains in every version, with what a namespace has in their place', () => {
  for (let seed = 200; seed < 212; seed++) {
    const worlds = twoWorlds(seed)
    const rng = createRng(seed, 6)
    const users = CHAINS.slice(1)
    let common = trieOf(sharedChains(seed, users))
    for (const world of worlds) nfShareChains(world, nsOf(world, 'r'), 4, 'filter', common, null, [])
    const older = worlds.map((world) => [nfRuleset(nsOf(world, 'r'), 4)])
    for (let round = 0; round < 12; round++) {
      compare(worlds, seed * 100 + round, 8)
      const what = nextBelow(rng, 5)
      const chain = users[nextBelow(rng, 3)]!
      const back = nextBelow(rng, older[0]!.length)
      const [[, made]] = sharedChains(seed * 100 + round, [chain]) as [[string, Chain]]
      const next = trieSet(common, chain, made)
      worlds.forEach((world, i) => {
        const ns = nsOf(world, 'r')
        const standing = nfTable(ns, 4, 'filter').common
        if (what < 2 && standing === common)
          nfShareChains(world, ns, 4, 'filter', next, what === 0 ? [chain] : null, [])
        else if (what === 2) load(world, seed * 100 + round, [chain, 'FORWARD'])
        else if (what === 3) nfZero(world, ns, 4, 'filter', chain)
        else ns.nf!.rules4 = older[i]![back]!
        older[i]!.push(nfRuleset(ns, 4))
      })
      common = nfTable(nsOf(worlds[0], 'r'), 4, 'filter').common ?? common
    }
    compare(worlds, seed, 8)
  }
})
