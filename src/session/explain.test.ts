// A probe meets what kernel.md says a real packet meets.
import { expect, it } from 'vitest'
import { ipRules, netOf } from '../net/ip/checkip.ts'
import { followProbe, readQuery } from './explain.ts'
import type { ExplainQuery } from './explain-types.ts'

const NET = `link a/eth0 r/a0\nlink b/eth0 r/b0\naddr a/eth0 10.0.1.2/24\naddr r/a0 10.0.1.1/24
addr b/eth0 10.0.2.2/24\naddr r/b0 10.0.2.1/24\nroute a add default via 10.0.1.1\nsysctl r net.ipv4.ip_forward=1`

function explain(query: Partial<ExplainQuery>): string[] | string {
  const world = netOf(NET)
  const probe = readQuery(world, { from: 'a', proto: 'icmp', dst: '10.0.2.2', ...query })
  if (typeof probe === 'string') return probe
  return followProbe(world, ipRules, probe).traces.map((trace) => {
    const hops = trace.hops.map((hop) => hop.room).join(' ')
    return `${trace.label.split(' ').slice(0, 3).join(' ')}: ${hops} ${trace.disposition} ${trace.reason}`.trim()
  })
}

it('the answer has no route back: it is seen to die where it was made', () => {
  const [probe, ...others] = explain({}) as string[]
  expect(probe).toBe('ICMP echo request: a r b ANSWERED')
  expect(others.filter((line) => !line.startsWith('ARP'))).toEqual([
    'ICMP echo reply: b DROPPED IP_OUTNOROUTES',
  ])
})

it('a closed port, and its answer', () => {
  expect(explain({ proto: 'udp', dport: 53, dst: '10.0.1.1' })).toContain(
    'ICMP port unreachable: r a DELIVERED',
  )
})

it('no route at the sender', () => {
  expect(explain({ from: 'b', dst: '10.0.9.9' })).toEqual(['ICMP echo request: b DROPPED IP_OUTNOROUTES'])
})

it('a neighbour that does not answer is waited for', () => {
  expect((explain({ from: 'b', dst: '10.0.2.9' }) as string[])[0]).toBe(
    'ICMP echo request: b DROPPED NEIGH_FAILED',
  )
})

it('what cannot be asked is named', () => {
  expect(explain({ from: 'x' })).toBe('no machine or namespace "x"')
  expect(explain({ dst: '10.0.0' })).toBe('"10.0.0" is not an IPv4 address and not an IPv6 address')
  expect(explain({ proto: 'udp' })).toBe('udp needs a destination port from 1 to 65535')
})
