// Commands on a table that shares chains with other namespaces do what they do on one that has all chains to itself.
import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../../base/rng.ts'
import { trieOf } from '../../base/trie.ts'
import { createNetns } from '../../net/netns.ts'
import { nfChains } from '../../net/nf/chains.ts'
import { nfSharedId } from '../../net/nf/ids.ts'
import { nfShareChains } from '../../net/nf/share.ts'
import { nfFreezeRule, nfSetCounters, nfTable } from '../../net/nf/tables.ts'
import type { Chain } from '../../net/nf/types.ts'
import type { World } from '../../net/types.ts'
import { createWorld, netnsOf } from '../../net/world.ts'
import { iptablesCommand, restoreRules } from '../kube/iptables.ts'
import { saveText } from './listing.ts'

const OPTIONS = {
  family: 4 as const,
  counters: true,
  table: 'nat' as const,
  program: 'iptables-save',
  date: '',
}
const SHARED = Array.from({ length: 30 }, (_, i) => `S${i}`)

function loaded(): { world: World; ids: [number, number] } {
  const world = createWorld(1)
  const ids = ['alone', 'sharing'].map((name) => createNetns(world, name, 0).id) as [number, number]
  const lines = SHARED.flatMap((name, i) => [
    `-A ${name} -s 10.0.${i}.0/24 -j RETURN`,
    ...(i < 25 ? [`-A ${name} -d 10.1.0.${i} -j S${25 + (i % 5)}`] : []),
  ])
  const own = '-A PREROUTING -j S0\n-A PREROUTING -j OWN\n-A OWN -j S1\n-A OWN -p udp -j ACCEPT\n'
  const heads = ['OWN', ...SHARED].map((name) => `:${name} - [0:0]\n`).join('')
  const text = `*nat\n:PREROUTING ACCEPT [0:0]\n${heads}${own}${lines.join('\n')}\nCOMMIT\n`
  for (const ns of ids) expect(restoreRules({ world, ns, family: 4 }, text)).toBe('')
  const chains = nfChains(nfTable(netnsOf(world, ids[1]), 4, 'nat'))
    .filter(({ name }) => SHARED.includes(name))
    .map((chain): [string, Chain] => {
      const rules = chain.rules.map((rule, i) => {
        const id = nfSharedId(4, 'nat', `${chain.name} ${i}`)
        return nfFreezeRule({ ...rule, id })
      })
      return [chain.name, Object.freeze({ ...chain, rules: Object.freeze(rules) })]
    })
  nfShareChains(world, netnsOf(world, ids[1]), 4, 'nat', trieOf(chains), null, [])
  for (const ns of ids) {
    let n = 0
    for (const chain of [...nfChains(nfTable(netnsOf(world, ns), 4, 'nat'))].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      for (const { id } of chain.rules) nfSetCounters(world, netnsOf(world, ns), id, ++n, n * 60)
    }
  }
  return { world, ids }
}

function randomCommand(below: (n: number) => number): string {
  const pick = (list: readonly string[]) => list[below(list.length)]!
  const chain = () =>
    pick(['PREROUTING', 'POSTROUTING', 'OWN', 'N1', 'N2', 'S0', 'S1', 'S7', 'S25', 'S29', 'S9'])
  const to = () => pick(['S0', 'S2', 'S25', 'S28', 'OWN', 'N1', 'N2', 'RETURN', 'ACCEPT'])
  const rule = () =>
    pick([`-d 10.1.0.${below(4)} -j ${to()}`, `-s 10.0.${below(3)}.0/24 -j RETURN`, `-j ${to()}`])
  switch (below(12)) {
    case 0:
      return `-N ${pick(['N1', 'N2', 'S1', 'S7'])}`
    case 1:
    case 2:
      return `-X ${chain()}`
    case 3:
      return `-F ${chain()}`
    case 4:
      return `-E ${chain()} ${pick(['N1', 'S7', 'S40'])}`
    case 5:
      return `-Z ${chain()}`
    case 6:
      return `-D ${chain()} ${pick([rule(), '1', '2'])}`
    case 7:
      return `-C ${chain()} ${rule()}`
    case 8:
      return `-R ${chain()} 1 ${rule()}`
    case 9:
      return `-I ${chain()} ${1 + below(2)} ${rule()}`
    case 10:
      return below(6) === 0 ? pick(['-F', '-Z', '-X']) : `-A ${chain()} ${rule()}`
    default:
      return `-A ${chain()} ${rule()}`
  }
}

it.each([1, 2, 3, 4, 5, 6])('random commands, %i', (seed) => {
  const { world, ids } = loaded()
  const rng = createRng(seed, 1)
  let shared = 0
  for (let i = 0; i < 60; i++) {
    const command = randomCommand((n) => nextBelow(rng, n))
    const [alone, sharing] = ids.map((ns) =>
      iptablesCommand({ world, ns, family: 4 }, ['-t', 'nat', ...command.split(' ')]),
    )
    expect(`${command}: ${sharing}`).toBe(`${command}: ${alone}`)
    const texts = ids.map((ns) => saveText(netnsOf(world, ns), OPTIONS))
    expect(texts[1]).toBe(texts[0])
    if (nfTable(netnsOf(world, ids[1]), 4, 'nat').common !== null) shared++
  }
  expect(shared).toBeGreaterThan(3)
})
