// Namespaces whose rules came about alike: one rule set in memory, and each goes its own way as soon as it differs.
import { expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { netOf, nsOf } from '../ip/checkip.ts'
import { createPacket } from '../packet.ts'
import type { World } from '../types.ts'
import { ETH_P_IP, IPPROTO_UDP } from '../types.ts'
import { counters, iptables } from './checknf.ts'
import { NF_ACCEPT, NF_INET_FORWARD, nfRun } from './hook.ts'
import { nfRuleset } from './tables.ts'

const NET = `
  link a/eth0 r/eth0
  link a/eth1 r/eth1
  link b/eth0 s/eth0
  link b/eth1 s/eth1`
const RULES = ['-N GATE', '-A GATE -p udp --dport 53 -j ACCEPT', '-A FORWARD -j GATE', '-P FORWARD DROP']

function both(world: World, line: string): void {
  for (const name of ['r', 's']) iptables(world, name, line)
}

/** What becomes of a datagram, without details: by packed records. */
function passes(world: World, name: string, dport: number): boolean {
  const packet = createPacket(world, ETH_P_IP, 0)
  const fields = {
    src: parseIp4('10.0.1.2'),
    dst: parseIp4('10.0.2.2'),
    proto: IPPROTO_UDP,
    dport,
    length: 60,
  }
  Object.assign(packet, fields)
  const ns = nsOf(world, name)
  return nfRun(world, ns, NF_INET_FORWARD, packet, 2, 3) === NF_ACCEPT
}

it('shares what is equal, numbers included, and counts apart', () => {
  const world = netOf(NET)
  world.recorder.detail = null
  for (const line of RULES) both(world, line)
  const [r, s] = [nsOf(world, 'r'), nsOf(world, 's')]
  expect(nfRuleset(r, 4)).toBe(nfRuleset(s, 4))
  expect([passes(world, 'r', 53), passes(world, 'r', 80), passes(world, 's', 80)]).toEqual([
    true,
    false,
    false,
  ])
  expect(counters(r)).toEqual(['filter GATE 1 1 60', 'filter FORWARD 1 2 120', 'filter FORWARD policy 1 60'])
  expect(counters(s)).toEqual(['filter FORWARD 1 1 60', 'filter FORWARD policy 1 60'])
})

it('parts where one is changed, and packets of both are judged by their own in turn', () => {
  const world = netOf(NET)
  world.recorder.detail = null
  for (const line of RULES) both(world, line)
  const judge = () => ['r', 's'].map((name) => [passes(world, name, 53), passes(world, name, 80)])
  expect(judge()).toEqual([
    [true, false],
    [true, false],
  ])
  const before = nfRuleset(nsOf(world, 's'), 4)
  iptables(world, 'r', '-A GATE -p udp --dport 80 -j ACCEPT')
  expect(nfRuleset(nsOf(world, 's'), 4)).toBe(before)
  expect(nfRuleset(nsOf(world, 'r'), 4)).not.toBe(before)
  for (let i = 0; i < 3; i++)
    expect(judge()).toEqual([
      [true, true],
      [true, false],
    ])
  iptables(world, 's', '-A GATE -p udp --dport 80 -j ACCEPT')
  expect(nfRuleset(nsOf(world, 'r'), 4)).toBe(nfRuleset(nsOf(world, 's'), 4))
  expect(judge()[1]).toEqual([true, true])
})

it('keeps apart what came about in another order: other numbers, or another order of chains', () => {
  const world = netOf(NET)
  for (const line of ['-N A', '-N B', '-A A -j DROP']) iptables(world, 'r', line)
  for (const line of ['-N B', '-N A', '-A A -j DROP']) iptables(world, 's', line)
  expect(nfRuleset(nsOf(world, 'r'), 4)).not.toBe(nfRuleset(nsOf(world, 's'), 4))
  for (const name of ['a', 'b']) iptables(world, name, '-A FORWARD -j DROP')
  iptables(world, 'b', '-A INPUT -j DROP')
  const chainOf = (name: string) => nfRuleset(nsOf(world, name), 4).tables.get('filter')!.whole.get('FORWARD')
  expect(chainOf('a')).toBe(chainOf('b'))
})
