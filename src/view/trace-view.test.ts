// Paths, TTLs and endings as Linux has them (shared/kernel.md: hop sequences, notes 14 to 22).
import { describe, expect, it } from 'vitest'
import { linkAdd, linkSet } from '../net/link/netlink.ts'
import { dev, doLine, netOf, nsOf, ping, runFor, udp } from '../net/ip/checkip.ts'
import { broadcast, run, switchWorld } from '../net/link/checklink.ts'
import { StepKind } from '../net/trace.ts'
import type { World } from '../net/types.ts'
import { namesOf } from './names.ts'
import { groupHops, groupTraces, traceView } from './trace-view.ts'
import { traceJson, traceText } from './trace-text.ts'
import { sentenceText } from './words.ts'
import type { HopView, TraceView } from './types.ts'

/** All traces of a world, their invariants held. */
function tracesOf(world: World): TraceView[] {
  const names = namesOf(world)
  const traces = [...groupTraces(world.recorder.detail ?? []).values()]
  for (const steps of traces) {
    const hops = groupHops(steps)
    expect(steps[0]?.kind).toBe(StepKind.Originate)
    for (const [i, hop] of hops.entries()) {
      if (i > 0) expect(hop[0]?.kind).toBe(StepKind.Rx)
      if (i < hops.length - 1 && hops.length === 2) expect(hop.at(-1)?.kind).toBe(StepKind.Tx)
      const sent = hops
        .slice(0, i)
        .flat()
        .some((one) => one.kind === StepKind.Tx && one.at < (hop[0]?.at ?? 0))
      expect(i === 0 || sent).toBe(true)
    }
  }
  return traces.map((steps) => traceView(steps, names))
}

function brief(trace: TraceView | undefined): string {
  return `${trace?.label}: ${trace?.hops.map(hopText).join(' ')} ${trace?.disposition} ${trace?.reason}`.trim()
}

function hopText(hop: HopView): string {
  return `${hop.devIn}[${hop.room}]${hop.devOut}`
}

function words(trace: TraceView | undefined): string[] {
  return (trace?.hops ?? []).flatMap((hop) => hop.steps.map((step) => sentenceText(step.sentence)))
}

const PAIR = 'link net1/veth1 net2/veth2\naddr net1/veth1 20.1.1.1/24\naddr net2/veth2 20.1.1.2/24'

describe('two namespaces', () => {
  it('ARP and its cause, the echo that waited for it, and the answer', () => {
    const world = netOf(PAIR)
    expect(ping(world, 'net1', '20.1.1.2', { waitMs: 100 })).toEqual(['1 ttl=64'])
    const [echo, who, is, reply] = tracesOf(world)
    expect(brief(who)).toBe('ARP who-has 20.1.1.2 tell 20.1.1.1: [net1]veth1 veth2[net2] DELIVERED')
    const mac = dev(world, 'net2/veth2').mac.toString(16).padStart(12, '0').match(/../g)?.join(':')
    expect(brief(is)).toBe(`ARP reply 20.1.1.2 is-at ${mac}: [net2]veth2 veth1[net1] DELIVERED`)
    expect(brief(echo)).toMatch(
      /^ICMP echo request 20.1.1.1 > 20.1.1.2 id \d+ seq 1: \[net1\]veth1 veth2\[net2\] ANSWERED$/,
    )
    expect(brief(reply)).toMatch(
      /^ICMP echo reply 20.1.1.2 > 20.1.1.1 id \d+ seq 1: \[net2\]veth2 veth1\[net1\] ACCEPTED$/,
    )
    expect([who?.cause, is?.cause, reply?.cause]).toEqual([echo?.id, who?.id, echo?.id])
    // The packet that waited: one hop, over two events.
    expect(new Set(echo?.hops[0]?.steps.map((step) => step.event)).size).toBe(2)
    expect(words(echo)).toContain('neighbour 20.1.1.2 is INCOMPLETE: the packet waits for the answer')
    expect(words(echo)).toContain(`neighbour 20.1.1.2 answered from ${mac}: the waiting packet goes on`)
  })

  it('a port that nobody listens on', () => {
    const world = netOf(PAIR)
    udp(world, 'net1', '20.1.1.2', 33434)
    runFor(world, 1e8)
    const traces = tracesOf(world)
    const data = traces.find((trace) => trace.proto === 'udp')
    expect(brief(data)).toMatch(
      /^UDP 20.1.1.1:\d+ > 20.1.1.2:33434 length 8: \[net1\]veth1 veth2\[net2\] DROPPED NO_SOCKET$/,
    )
    const error = traces.find((trace) => trace.label.startsWith('ICMP port'))
    expect(error?.label).toMatch(
      /^ICMP port unreachable 20.1.1.2 > 20.1.1.1 about 20.1.1.1:\d+ > 20.1.1.2:33434$/,
    )
    expect(error?.cause).toBe(data?.id)
    expect(words(data)).toContain('dropped: nobody listens on UDP port 33434')
  })

  it('nobody answers: three requests, then what waited is dropped', () => {
    const world = netOf(PAIR)
    expect(ping(world, 'net1', '20.1.1.9', { waitMs: 5000 })).toEqual(['1 from 20.1.1.1 3/1'])
    const traces = tracesOf(world)
    expect(traces.filter((trace) => trace.proto === 'arp').map((trace) => trace.disposition)).toHaveLength(3)
    expect(brief(traces[0])).toMatch(/: \[net1\] DROPPED NEIGH_FAILED$/)
    expect(words(traces[0])).toContain('dropped: neighbour 20.1.1.9 did not answer')
  })
})

describe('a router', () => {
  const net = `link a/eth0 r/a0\nlink b/eth0 r/b0\naddr a/eth0 10.0.1.2/24\naddr r/a0 10.0.1.1/24
addr b/eth0 10.0.2.2/24\naddr r/b0 10.0.2.1/24\nroute a add default via 10.0.1.1\nroute b add default via 10.0.2.1
sysctl r net.ipv4.ip_forward=1`

  it('lowers the TTL and changes both MACs, and says so', () => {
    const world = netOf(net)
    expect(ping(world, 'a', '10.0.2.2', { waitMs: 100 })).toEqual(['1 ttl=63'])
    const echo = tracesOf(world)[0]
    expect(echo?.hops.map(hopText)).toEqual(['[a]eth0', 'a0[r]b0', 'eth0[b]'])
    expect(echo?.hops[1]?.changes.map((one) => one.field)).toEqual(['TTL', 'source MAC', 'destination MAC'])
    expect(echo?.hops[1]?.changes[0]).toEqual({ field: 'TTL', before: '64', after: '63' })
    expect(words(echo)).toContain('forwarded out of b0: TTL is now 63')
    expect(echo?.hops[0]?.changes).toEqual([])
  })

  it('without a route answers net unreachable and names the tables', () => {
    const world = netOf(net)
    expect(ping(world, 'a', '10.9.9.9', { waitMs: 100 })).toEqual(['1 from 10.0.1.1 3/0'])
    const traces = tracesOf(world)
    expect(brief(traces[0])).toMatch(/: \[a\]eth0 a0\[r\] DROPPED IP_INNOROUTES$/)
    expect(words(traces[0])).toContain('dropped: no route to 10.9.9.9 in tables main, default')
    const error = traces.find((trace) => trace.label.startsWith('ICMP net unreachable'))
    expect(brief(error)).toMatch(/: \[r\]a0 eth0\[a\] DELIVERED$/)
  })

  it('that does not forward drops', () => {
    const world = netOf(net)
    doLine(world, 'sysctl r net.ipv4.ip_forward=0')
    expect(ping(world, 'a', '10.0.2.2', { waitMs: 100 })).toEqual([])
    expect(brief(tracesOf(world)[0])).toMatch(/: \[a\]eth0 a0\[r\] DROPPED IP_INADDRERRORS$/)
  })

  it('as text: hops, steps, what changed, how it ended', () => {
    const world = netOf(net)
    ping(world, 'a', '10.0.2.2', { waitMs: 100 })
    const echo = tracesOf(world)[0] as TraceView
    const text = traceText(echo, false)
    const lines = text.split('\n')
    expect(lines[0]).toMatch(
      /^trace 1 at 0\.000000000: ICMP echo request 10\.0\.1\.2 > 10\.0\.2\.2 id \d+ seq 1$/,
    )
    expect(lines.filter((line) => line.startsWith('  hop')).map((line) => line.split('] ')[1])).toEqual([
      'a eth0>',
      'r a0< b0>',
      'b eth0<',
    ])
    expect(text).toContain('\n      changed: TTL 64 -> 63, source MAC ')
    expect(lines.at(-2)).toBe('  ANSWERED: the kernel replies')
    expect(traceText(echo, true)).toContain('Internet Protocol Version 4: DS field 0x00, Total Length 84')
    const json = JSON.parse(JSON.stringify(traceJson([echo])))
    expect([json.version, json.traces[0].id, json.traces[0].hops[1].room]).toEqual([1, 1, 'r'])
    expect(json.traces[0].hops[1].steps[0].text).toMatch(/^a0 receives it from/)
  })

  it('ends a packet whose TTL is used up', () => {
    const world = netOf(net)
    expect(ping(world, 'a', '10.0.2.2', { ttl: 1, waitMs: 100 })).toEqual(['1 from 10.0.1.1 11/0'])
    expect(tracesOf(world)[0]?.reason).toBe('TTL_EXPIRED')
  })

  it('cuts what is too big and the other end puts it together', () => {
    const world = netOf(`${net}\nmtu r/b0 1000\nmtu b/eth0 1000`)
    expect(ping(world, 'a', '10.0.2.2', { size: 1400, pmtudisc: 0, waitMs: 100 })).toEqual(['1 ttl=63'])
    const echo = tracesOf(world)[0]
    expect(echo?.disposition).toBe('ANSWERED')
    expect(echo?.hops.map(hopText)).toEqual(['[a]eth0', 'a0[r]b0', 'eth0[b]', 'eth0[b]'])
  })
})

describe('a bridge', () => {
  it('floods what it does not know, and everybody but the one meant ignores it', () => {
    const world = switchWorld('a', 'b', 'c')
    broadcast(world, 'a/eth0')
    run(world, 1e6)
    const steps = world.recorder.detail ?? []
    const view = traceView(steps, namesOf(world))
    expect(view.hops.map(hopText)).toEqual(['[a]eth0', 'p1[sw]p3, p2', 'eth0[c]', 'eth0[b]'])
    expect(words(view)).toContain('bridge br0 floods: the destination is broadcast')
    expect(words(view).filter((text) => text.startsWith('the bridge learns that'))).toHaveLength(1)
  })

  it('of a host with an address: the frame goes up to the bridge device in the same hop', () => {
    const world = netOf(
      'link a/eth0 h/p1\nlink b/eth0 h/p2\naddr a/eth0 10.0.0.1/24\naddr b/eth0 10.0.0.2/24',
    )
    const host = nsOf(world, 'h')
    linkAdd(world, host, { kind: 'bridge', name: 'br0' })
    linkSet(world, host, dev(world, 'h/br0'), { up: true })
    for (const port of ['h/p1', 'h/p2']) {
      linkSet(world, host, dev(world, port), { master: dev(world, 'h/br0').ifindex })
    }
    doLine(world, 'addr h/br0 10.0.0.9/24')
    world.recorder.detail = []
    expect(ping(world, 'a', '10.0.0.9', { waitMs: 100 })).toEqual(['1 ttl=64'])
    const echo = tracesOf(world)[0]
    expect(echo?.hops.map(hopText)).toEqual(['[a]eth0', 'p1[h]'])
    expect(words(echo).some((text) => text.startsWith('bridge br0 passes it up'))).toBe(true)
    const reply = tracesOf(world).find((trace) => trace.label.includes('echo reply'))
    // The bridge device sends, and the port below it is where the frame leaves the room.
    expect(reply?.hops.map(hopText)).toEqual(['[h]p1', 'eth0[a]'])
  })
})
