/** IPv6 through ip6tables' rules: what Linux 6.18 did with the same rules and the same packets (recorded). */
import { expect, it } from 'vitest'
import { netOf, nsOf, ping, runFor } from '../ip/checkip.ts'
import { connectTo, listenOn } from '../sock/checktcp.ts'
import { sockError } from '../sock/socket.ts'
import { SEC } from '../wheel.ts'
import { ask, conns, counters, iptables, server } from './checknf.ts'

const NET = `
  link client/eth0 router/eth0
  link server/eth0 router/eth1
  sysctl router net.ipv6.conf.all.forwarding=1
  addr client/eth0 fd01::2/64 nodad
  addr router/eth0 fd01::1/64 nodad
  addr router/eth1 fd02::1/64 nodad
  addr server/eth0 fd02::2/64 nodad
  route client add default via fd01::1`

const RULES = [
  '-t nat -A PREROUTING -d fd96::10 -p udp --dport 53 -j DNAT --to-destination [fd02::2]:9000',
  '-t nat -A PREROUTING -p udp --dport 7000 -j REDIRECT --to-ports 9001',
  '-t nat -A OUTPUT -d fd02::77 -p udp --dport 53 -j DNAT --to-destination [fd02::2]:9000',
  '-t nat -A POSTROUTING -o eth1 -j MASQUERADE',
  '-A FORWARD -p udp --dport 81 -j REJECT',
  '-A FORWARD -p udp --dport 82 -j REJECT --reject-with icmp6-adm-prohibited',
  '-A FORWARD -p tcp --dport 83 -j REJECT --reject-with tcp-reset',
  '-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT',
]

it('IPv6 is translated, refused and tracked as the kernel did', () => {
  const world = netOf(NET, true)
  runFor(world, 5 * SEC)
  for (const rule of RULES) iptables(world, 'router', rule, 6)
  const servers = [
    ['server', server(world, 'server', 9000, 6)],
    ['router', server(world, 'router', 9001, 6)],
  ] as const
  const says = (from: string, to: string, port: number, sport: number) =>
    ask(world, from, to, port, servers, sport).said
  expect(says('client', 'fd96::10', 53, 5555)).toBe('pong')
  expect(says('client', 'fd02::2', 99, 5556)).toBe('ECONNREFUSED')
  expect(says('client', 'fd02::2', 81, 5557)).toBe('ECONNREFUSED')
  expect(says('client', 'fd02::2', 82, 5558)).toBe('EACCES')
  expect(says('client', 'fd02::2', 7000, 5559)).toBe('pong')
  expect(says('router', 'fd02::77', 53, 5560)).toBe('pong')
  listenOn(world, 'server', 83, 5, 6)
  const tcp = connectTo(world, 'client', 'fd02::2', 83)
  runFor(world, SEC)
  expect(sockError(tcp)).toBe('ECONNREFUSED')
  expect(ping(world, 'client', 'fd02::2')).toEqual(['1 ttl=63'])
  const router = nsOf(world, 'router')
  const ids = conns(router).map((line) => line.replace(/ id=\d+/g, ''))
  expect(ids.sort()).toEqual(
    [
      'udp src=fd01::2 dst=fd02::2 sport=5556 dport=99 [UNREPLIED] src=fd02::2 dst=fd02::1 sport=99 dport=5556',
      'udp src=fd01::2 dst=fd96::10 sport=5555 dport=53 src=fd02::2 dst=fd02::1 sport=9000 dport=5555',
      'udp src=fd02::1 dst=fd02::77 sport=5560 dport=53 src=fd02::2 dst=fd02::1 sport=9000 dport=5560',
      'udp src=fd01::2 dst=fd02::2 sport=5559 dport=7000 src=fd01::1 dst=fd01::2 sport=9001 dport=5559',
      'icmpv6 src=fd01::2 dst=fd02::2 type=128 code=0 src=fd02::2 dst=fd02::1 type=129 code=0',
    ].sort(),
  )
  // Neighbour discovery is not tracked; how much of it there is, is a matter of time.
  const counted = counters(router, 6).filter((line) => !/policy|filter INPUT/.test(line))
  expect(counted).toEqual([
    'nat PREROUTING 1 1 52',
    'nat PREROUTING 2 1 52',
    'nat OUTPUT 1 1 52',
    'nat POSTROUTING 1 4 260',
    'filter FORWARD 1 1 52',
    'filter FORWARD 2 1 52',
    'filter FORWARD 3 1 80',
  ])
  expect(counters(router, 6).some((line) => line.startsWith('filter INPUT 1 '))).toBe(true)
})
