// The table of connections counts down with the time that is shown, forwards and backwards (lab 1.6: a ping through NAT).
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { testHost } from './clock.ts'
import { createLabSession } from './standard.ts'

it('a timeout falls second by second between two events, and rises again as time runs back', () => {
  const host = testHost()
  const session = createLabSession(host)
  session.open(readFileSync('public/labs/1.6-default-gateway.yaml', 'utf8'))
  const tty = session.openTerminal('host')
  session.type(tty, 'iptables -t nat -A POSTROUTING -s 192.168.15.0/24 -j MASQUERADE\r')
  session.setSpeed(2)
  session.play()
  host.advance(30_000)
  session.pause()
  const rows = () => session.inspect('host').tables.find((one) => one.id === 'conntrack')?.rows ?? []
  const seconds = () => Number(rows()[0]?.cells[1])
  const { now } = session.state()
  expect(now).toBeGreaterThan(1_000_000_000)
  session.seekTime(100_000_000)
  const [ref, first] = [rows()[0]?.ref, seconds()]
  // net.netfilter.nf_conntrack_icmp_timeout is 30 s.
  expect(first).toBe(29)
  session.seekTime(990_000_000)
  expect([rows()[0]?.ref, seconds()]).toEqual([ref, first])
  session.seekTime(100_000_000)
  expect(seconds()).toBe(first)
  session.seekTime(0)
  expect(rows()).toEqual([])
})
