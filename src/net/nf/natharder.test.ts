// A masqueraded port whose connection is over is taken over, as nf_nat_used_tuple_harder of Linux 6.18 has it.
import { expect, it } from 'vitest'
import { parseIp4 } from '../../base/addr.ts'
import { netOf, nsOf } from '../ip/checkip.ts'
import { createPacket } from '../packet.ts'
import type { World } from '../types.ts'
import { ETH_P_IP, IPPROTO_TCP } from '../types.ts'
import { conns, iptables } from './checknf.ts'
import { NF_ACCEPT, NF_INET_POST_ROUTING, NF_INET_PRE_ROUTING, nfRun } from './hook.ts'

function syn(world: World, sport: number, seq: number): boolean {
  const ns = nsOf(world, 'r')
  const packet = Object.assign(createPacket(world, ETH_P_IP, 0), {
    src: parseIp4('10.0.1.2'),
    dst: parseIp4('10.0.2.2'),
    proto: IPPROTO_TCP,
    tcp: { seq, ack: 0, flags: 2, window: 100, urgent: 0, options: [] },
    sport,
    dport: 80,
    length: 40,
    ttl: 60,
  })
  if (nfRun(world, ns, NF_INET_PRE_ROUTING, packet, 2, 0) !== NF_ACCEPT) return false
  return nfRun(world, ns, NF_INET_POST_ROUTING, packet, 0, 3) === NF_ACCEPT
}

it('where it is over and the new one’s sequence numbers lie behind its own', () => {
  const world = netOf(`
    link a/eth0 r/eth0
    link b/eth0 r/eth1
    addr r/eth0 10.0.1.1/24
    addr r/eth1 10.0.2.1/24
    sysctl r net.ipv4.ip_forward=1`)
  iptables(world, 'r', '-t nat -A POSTROUTING -o eth1 -p tcp -j MASQUERADE --to-ports 4000-4001')
  const ns = nsOf(world, 'r')
  expect([syn(world, 1001, 5000), syn(world, 1002, 5000)]).toEqual([true, true])
  expect(syn(world, 1003, 9000)).toBe(false)
  for (const conn of ns.nf!.conntrack!.conns.values()) conn.state = 'TIME_WAIT'
  expect(syn(world, 1004, 3000)).toBe(false)
  expect(syn(world, 1005, 9000)).toBe(true)
  expect(conns(ns).filter((line) => line.includes('sport=1005'))).toHaveLength(1)
  expect(ns.nf!.conntrack!.conns.size).toBe(2)
})
