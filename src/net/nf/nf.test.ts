/**
 * What Linux 6.18 did with real namespaces: `conntrack -L`, `conntrack -E`, the kernel log, and the facts listed in
 * shared/kernel.md. A client (10.0.1.2, 10.0.1.3), a router (10.0.1.1, 10.0.2.1) and a server (10.0.2.2).
 */
import { describe, expect, it } from 'vitest'
import { formatIp, parseMac } from '../../base/addr.ts'
import { dev, doLine, drops, ip, netOf, nsOf, ping, runFor, stepsOf, udp } from '../ip/checkip.ts'
import { linkSet } from '../link/netlink.ts'
import { connectTo, hear, listenOn, say } from '../sock/checktcp.ts'
import { sockBind, sockClose, sockError, sockOpen } from '../sock/socket.ts'
import { tcpAbort, tcpAccept, tcpConnect, tcpShutdown } from '../sock/tcp.ts'
import { StepKind } from '../trace.ts'
import type { Socket, World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { ask, conns, counters, iptables, server } from './checknf.ts'
import { ctList, ctListen, ctRead, ctSeconds } from './ctops.ts'
import type { HookEvidence } from './ctx.ts'

const ROUTED = `
  link client/eth0 router/eth0
  link server/eth0 router/eth1
  addr client/eth0 10.0.1.2/24
  addr client/eth0 10.0.1.3/24
  addr router/eth0 10.0.1.1/24
  addr router/eth1 10.0.2.1/24
  addr server/eth0 10.0.2.2/24
  sysctl router net.ipv4.ip_forward=1
  route client add default via 10.0.1.1`

function routed(...rules: string[]): World {
  const world = netOf(ROUTED)
  for (const rule of rules) iptables(world, 'router', rule)
  return world
}

const DNAT = '-t nat -A PREROUTING -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to-destination 10.0.2.2:8080'
const MASQ = '-t nat -A POSTROUTING -o eth1 -j MASQUERADE'

/** A connection attempt from an address and a port of the client. */
function from(world: World, addr: string, sport: number, to: string, dport: number): Socket {
  const ns = nsOf(world, 'client')
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: 1 })
  expect(sockBind(world, ns, sock, { addr: ip(addr), port: sport })).toBeNull()
  expect(tcpConnect(world, ns, sock, ip(to), dport)).toBeNull()
  runFor(world, 20 * MS)
  return sock
}

/** `431999 tcp ESTABLISHED …` of every connection, as `conntrack -L` counts the seconds. */
function listed(world: World, name = 'router'): string[] {
  const ns = nsOf(world, name)
  const texts = conns(ns)
  return ctList(world, ns).map((conn, i) => `${ctSeconds(world, conn)} ${texts[i]}`)
}

const CLIENT =
  'src=10.0.1.2 dst=10.96.0.10 sport=5555 dport=80 src=10.0.2.2 dst=10.0.2.1 sport=8080 dport=5555'

describe('a TCP connection through DNAT and MASQUERADE', () => {
  it('has the states, times and events that the kernel listed', () => {
    const world = routed(DNAT, MASQ)
    const [router, s] = [nsOf(world, 'router'), nsOf(world, 'server')]
    const first = ctListen(world, router, 99)
    const listener = listenOn(world, 'server', 8080)
    const client = from(world, '10.0.1.2', 5555, '10.96.0.10', 80)
    const served = tcpAccept(world, s, listener)!
    expect(formatIp(served.remote!)).toBe('10.0.2.1')
    expect(listed(world)).toEqual([`431999 tcp ESTABLISHED ${CLIENT} [ASSURED]`])
    say(world, 'client', client, 100)
    runFor(world, 100 * MS)
    expect(hear(world, 'server', served)).toBe('100')
    tcpShutdown(world, nsOf(world, 'client'), client, 'wr')
    runFor(world, 100 * MS)
    expect(listed(world)).toEqual([`59 tcp CLOSE_WAIT ${CLIENT} [ASSURED]`])
    sockClose(world, s, served)
    runFor(world, 100 * MS)
    expect(listed(world)).toEqual([`119 tcp TIME_WAIT ${CLIENT} [ASSURED]`])
    expect(
      ctRead(world, router, 99, first).map((e) => `${e.type} ${e.conn.state} ${e.conn.status & 4}`),
    ).toEqual([
      'NEW SYN_SENT 0',
      'UPDATE SYN_RECV 0',
      'UPDATE ESTABLISHED 4',
      'UPDATE FIN_WAIT 4',
      'UPDATE CLOSE_WAIT 4',
      'UPDATE LAST_ACK 4',
      'UPDATE TIME_WAIT 4',
    ])
    runFor(world, 125 * SEC)
    expect(listed(world)).toEqual([])
    expect(router.nf!.conntrack!.conns.size).toBe(0)
  })

  it('keeps the source port, and a clash draws another one from 1024 on', () => {
    const world = routed(DNAT, MASQ)
    listenOn(world, 'server', 8080)
    from(world, '10.0.1.2', 5555, '10.96.0.10', 80)
    from(world, '10.0.1.3', 5555, '10.96.0.10', 80)
    const [a, b] = ctList(world, nsOf(world, 'router'))
    expect(a!.reply.dport).toBe(5555)
    expect(b!.reply.dport).not.toBe(5555)
    expect(b!.reply.dport).toBeGreaterThanOrEqual(1024)
    expect([a!.state, b!.state]).toEqual(['ESTABLISHED', 'ESTABLISHED'])
  })

  it('ends at once by a reset, and was never there where a reset is all the answer', () => {
    const world = routed(DNAT, MASQ)
    const listener = listenOn(world, 'server', 8080)
    from(world, '10.0.1.2', 5555, '10.96.0.10', 80)
    tcpAbort(world, nsOf(world, 'server'), tcpAccept(world, nsOf(world, 'server'), listener)!)
    runFor(world, 100 * MS)
    expect(listed(world)).toEqual([`9 tcp CLOSE ${CLIENT} [ASSURED]`])
    const refused = from(world, '10.0.1.2', 5557, '10.0.2.2', 81)
    expect(sockError(refused)).toBe('ECONNREFUSED')
    expect(ctList(world, nsOf(world, 'router')).length).toBe(1)
  })

  it('stays SYN_SENT while nobody answers; a repeated SYN renews nothing and skips nat', () => {
    const world = routed(DNAT, MASQ, '-A FORWARD -m conntrack --ctstate NEW -j ACCEPT')
    doLine(world, 'route server add blackhole 10.0.2.1/32')
    listenOn(world, 'server', 8080)
    from(world, '10.0.1.2', 5558, '10.0.2.2', 8080)
    runFor(world, 1500 * MS)
    expect(listed(world)).toEqual([
      '118 tcp SYN_SENT src=10.0.1.2 dst=10.0.2.2 sport=5558 dport=8080 [UNREPLIED] src=10.0.2.2 dst=10.0.2.1 sport=8080 dport=5558',
    ])
    expect(counters(nsOf(world, 'router'))).toEqual([
      'nat PREROUTING policy 1 60',
      'nat POSTROUTING 1 1 60',
      'filter FORWARD 1 2 120',
    ])
  })
})

describe('kernel.md', () => {
  it('4: an ACK whose SYN-ACK went another way is INVALID', () => {
    const world = netOf(`
      link client/eth0 router/eth0
      link server/eth0 router/eth1
      link client/eth1 server/eth1
      addr client/eth0 10.0.1.2/24
      addr router/eth0 10.0.1.1/24
      addr router/eth1 10.0.2.1/24
      addr server/eth0 10.0.2.2/24
      addr client/eth1 10.0.3.2/24
      addr server/eth1 10.0.3.3/24
      sysctl router net.ipv4.ip_forward=1
      route client add default via 10.0.1.1
      route server add 10.0.1.0/24 via 10.0.3.2`)
    iptables(world, 'router', '-A FORWARD -m conntrack --ctstate INVALID -j DROP')
    const listener = listenOn(world, 'server', 80)
    connectTo(world, 'client', '10.0.2.2', 80)
    runFor(world, 100 * MS)
    expect(tcpAccept(world, nsOf(world, 'server'), listener)).toBeUndefined()
    expect(counters(nsOf(world, 'router'))).toContain('filter FORWARD 1 1 52')
    expect(conns(nsOf(world, 'router'))[0]).toContain('tcp SYN_SENT')
  })

  it('5: a namespace without rules that ask for it tracks nothing', () => {
    const world = routed('-A FORWARD -p icmp -j ACCEPT')
    doLine(world, 'route server add default via 10.0.2.1')
    expect(ping(world, 'client', '10.0.2.2')).toEqual(['1 ttl=63'])
    expect(nsOf(world, 'router').nf!.conntrack).toBeNull()
  })

  it('6: ports come from the class of the old one where it is taken', () => {
    const world = routed('-t nat -A POSTROUTING -o eth1 -j MASQUERADE')
    const drawn = (sport: number): number => {
      for (const addr of ['10.0.1.2', '10.0.1.3']) {
        const sock = sockOpen(world, nsOf(world, 'client'), { kind: 'udp', family: 4, pid: 1 })
        sock.local = ip(addr)
        sock.lport = sport
        ask(
          world,
          'client',
          '10.0.2.2',
          9,
          [],
          sport,
          Object.assign(sock, { remote: ip('10.0.2.2'), rport: 9 }),
        )
      }
      return ctList(world, nsOf(world, 'router')).at(-1)!.reply.dport
    }
    const [low, middle, high] = [drawn(300), drawn(700), drawn(3000)]
    expect(low >= 1 && low <= 511 && low !== 300).toBe(true)
    expect(middle >= 600 && middle <= 1023 && middle !== 700).toBe(true)
    expect(high >= 1024 && high !== 3000).toBe(true)
  })

  it('6: --random-fully draws always', () => {
    const world = routed('-t nat -A POSTROUTING -o eth1 -j MASQUERADE --random-fully')
    ask(world, 'client', '10.0.2.2', 9, [])
    expect(ctList(world, nsOf(world, 'router'))[0]!.reply.dport).not.toBe(5555)
  })

  it('8: an error about a translated packet is translated inside and out', () => {
    const world = routed(
      '-t nat -A PREROUTING -d 10.96.0.10 -p udp --dport 53 -j DNAT --to-destination 10.0.2.2:53',
    )
    doLine(world, 'route server add default via 10.0.2.1')
    const sock = udp(world, 'client', '10.96.0.10', 53)
    runFor(world, SEC)
    const [error] = sock.errors
    expect([formatIp(error!.offender!), error!.type, error!.code]).toEqual(['10.96.0.10', 3, 3])
    expect([formatIp(error!.packet.dst), error!.packet.dport]).toEqual(['10.96.0.10', 53])
  })

  it('8: a path MTU learned through DNAT is stored under the cluster IP', () => {
    const world = routed(
      '-t nat -A PREROUTING -d 10.96.0.10 -p udp --dport 53 -j DNAT --to-destination 10.0.2.2:53',
    )
    doLine(world, 'mtu router/eth1 1400')
    udp(world, 'client', '10.96.0.10', 53, { payload: new Uint8Array(1450), df: true })
    runFor(world, SEC)
    expect(nsOf(world, 'client').exceptions?.get(ip('10.96.0.10'))?.mtu).toBe(1400)
    expect(nsOf(world, 'client').exceptions?.get(ip('10.0.2.2'))).toBeUndefined()
  })

  it('11: fragments are put together before the hooks and cut again on the way out', () => {
    const world = routed('-t nat -A PREROUTING -d 10.96.0.10 -j DNAT --to-destination 10.0.2.2')
    doLine(world, 'route server add default via 10.0.2.1')
    expect(ping(world, 'client', '10.96.0.10', { size: 4000, pmtudisc: 0 })).toEqual(['1 ttl=63'])
    expect(counters(nsOf(world, 'router'))).toEqual(['nat PREROUTING 1 1 4028'])
  })

  it('11: fragments leave as small as they came, though the link takes more', () => {
    const world = routed('-t nat -A PREROUTING -d 10.96.0.10 -j DNAT --to-destination 10.0.2.2')
    for (const end of ['client/eth0', 'router/eth0']) doLine(world, `mtu ${end} 1000`)
    doLine(world, 'route server add default via 10.0.2.1')
    expect(ping(world, 'client', '10.96.0.10', { size: 1200, pmtudisc: 0 })).toEqual(['1 ttl=63'])
    const sent = stepsOf(world, StepKind.Tx).filter(
      (s) => (s.dev === 'eth1' && s.headers.icmp !== null) || s.headers.fragOffset > 0,
    )
    const out = sent.filter((s) => s.dev === 'eth1').map((s) => `${s.headers.fragOffset} ${s.headers.length}`)
    expect(out).toEqual(['0 996', '976 252'])
    expect(counters(nsOf(world, 'router'))).toEqual(['nat PREROUTING 1 1 1228'])
  })

  it('10: a rule drops on the way out, and the sender is told', () => {
    const world = routed('-A OUTPUT -p icmp -j DROP')
    expect(ping(world, 'router', '10.0.2.2')).toEqual(['1 EPERM'])
  })
})

describe('the table', () => {
  it('is full at its limit, says so in the log, and drops', () => {
    const world = routed(MASQ)
    doLine(world, 'sysctl router net.netfilter.nf_conntrack_max=3')
    const said = [1, 2, 3, 4, 5].map((n) => ask(world, 'client', '10.0.2.2', 9, [], 5000 + n).said)
    expect(said.length).toBe(5)
    expect(ctList(world, nsOf(world, 'router')).length).toBe(3)
    expect(nsOf(world, 'router').log!.map((line) => line.text)).toContain(
      'nf_conntrack: nf_conntrack: table full, dropping packet',
    )
    expect(drops(world)).toContain('router NETFILTER_DROP')
  })

  it('of a namespace of a machine is named by the number of its inode', () => {
    const world = netOf(ROUTED.replaceAll('router', 'host.router'))
    iptables(world, 'host.router', MASQ)
    doLine(world, 'sysctl host.router net.netfilter.nf_conntrack_max=1')
    for (const n of [1, 2]) ask(world, 'client', '10.0.2.2', 9, [], 5000 + n)
    // As Linux 6.18 words it: `in netns 4026532317`.
    expect(
      nsOf(world, 'host.router')
        .log!.map((line) => line.text)
        .join('\n'),
    ).toMatch(/^nf_conntrack: nf_conntrack: table full in netns 4026\d{6}, dropping packet$/m)
  })

  it('forgets UDP after 30 s, and after 120 s where both sides talked for more than 2 s', () => {
    const world = routed(MASQ)
    const servers = [['server', server(world, 'server', 9)]] as const
    const { sock } = ask(world, 'client', '10.0.2.2', 9, servers)
    expect(listed(world)[0]).toMatch(/^(28|29) udp/)
    ask(world, 'client', '10.0.2.2', 9, servers, 5555, sock)
    ask(world, 'client', '10.0.2.2', 9, servers, 5555, sock)
    expect(listed(world)[0]).toMatch(/^11[89] udp .* \[ASSURED\]$/)
    runFor(world, 121 * SEC)
    expect(listed(world)).toEqual([])
  })

  it('forgets what was masqueraded when the address or the device goes, and nothing else', () => {
    const world = routed(MASQ)
    const count = () => ctList(world, nsOf(world, 'router')).length
    ping(world, 'client', '10.0.2.2')
    doLine(world, 'addr router/eth1 10.0.2.9/24')
    doLine(world, 'addrdel router/eth1 10.0.2.9/24')
    expect(count()).toBe(1)
    doLine(world, 'addrdel router/eth1 10.0.2.1/24')
    expect(count()).toBe(0)
    doLine(world, 'addr router/eth1 10.0.2.1/24')
    ping(world, 'client', '10.0.2.2')
    doLine(world, 'down router/eth0')
    expect(count()).toBe(1)
    doLine(world, 'down router/eth1')
    expect(count()).toBe(0)
  })

  it('keeps one mapping for one source towards several destinations', () => {
    const world = routed('-t nat -A POSTROUTING -o eth1 -p udp -j MASQUERADE --to-ports 7000-7999')
    doLine(world, 'addr server/eth0 10.0.2.3/24')
    sockClose(world, nsOf(world, 'client'), ask(world, 'client', '10.0.2.2', 9, []).sock)
    ask(world, 'client', '10.0.2.3', 9, [])
    const [a, b] = ctList(world, nsOf(world, 'router'))
    expect(a!.reply.dport).toBe(b!.reply.dport)
  })
})

describe('targets', () => {
  it('REJECT answers in every kind', () => {
    const kinds: Record<string, string> = {
      'icmp-net-unreachable': 'ENETUNREACH',
      'icmp-host-unreachable': 'EHOSTUNREACH',
      'icmp-proto-unreachable': 'ENOPROTOOPT',
      'icmp-port-unreachable': 'ECONNREFUSED',
      'icmp-net-prohibited': 'ENETUNREACH',
      'icmp-host-prohibited': 'EHOSTUNREACH',
      'icmp-admin-prohibited': 'EHOSTUNREACH',
      'tcp-reset': 'ECONNREFUSED',
    }
    for (const [kind, errno] of Object.entries(kinds)) {
      const world = routed(`-A FORWARD -p tcp --dport 80 -j REJECT --reject-with ${kind}`)
      const sock = from(world, '10.0.1.2', 5555, '10.0.2.2', 80)
      const fatal =
        ['ENOPROTOOPT', 'ECONNREFUSED'].includes(errno) ||
        kind.startsWith('icmp-net') ||
        kind.startsWith('icmp-host') ||
        kind.startsWith('icmp-admin')
      if (fatal) expect([kind, sockError(sock)]).toEqual([kind, errno])
    }
  })

  it('LOG writes the lines that the kernel wrote', () => {
    const world = netOf('link a/eth0 b/eth0')
    for (const [name, mac] of [
      ['a', '02:00:00:00:00:01'],
      ['b', '02:00:00:00:00:02'],
    ] as const) {
      linkSet(world, nsOf(world, name), dev(world, `${name}/eth0`), { address: parseMac(mac)! })
    }
    doLine(world, 'addr a/eth0 10.0.0.1/24')
    doLine(world, 'addr b/eth0 10.0.0.2/24')
    iptables(world, 'b', '-t mangle -A PREROUTING -j MARK --set-mark 7')
    iptables(world, 'b', '-A INPUT -j LOG --log-prefix in:')
    iptables(world, 'b', '-A OUTPUT -j LOG --log-prefix out:')
    ping(world, 'a', '10.0.0.2', { size: 8 })
    udp(world, 'a', '10.0.0.2', 9, { payload: new Uint8Array(3) })
    runFor(world, SEC)
    connectTo(world, 'a', '10.0.0.2', 9)
    runFor(world, SEC)
    const lines = nsOf(world, 'b').log!.map((l) =>
      l.text
        .replace(/^(in|out):/, '')
        .replace(/ ID=\d+/g, ' ID=N')
        .replace(/SPT=\d{5}/g, 'SPT=P')
        .replace(/DPT=\d{5}/g, 'DPT=P'),
    )
    expect(lines.filter((line) => line.includes('PROTO'))).toEqual([
      'IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=10.0.0.1 DST=10.0.0.2 LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=ICMP TYPE=8 CODE=0 ID=N SEQ=1 MARK=0x7 ',
      'IN= OUT=eth0 SRC=10.0.0.2 DST=10.0.0.1 LEN=36 TOS=0x00 PREC=0x00 TTL=64 ID=N PROTO=ICMP TYPE=0 CODE=0 ID=N SEQ=1 ',
      'IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=10.0.0.1 DST=10.0.0.2 LEN=31 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=UDP SPT=P DPT=9 LEN=11 MARK=0x7 ',
      'IN= OUT=eth0 SRC=10.0.0.2 DST=10.0.0.1 LEN=59 TOS=0x00 PREC=0xC0 TTL=64 ID=N PROTO=ICMP TYPE=3 CODE=3 [SRC=10.0.0.1 DST=10.0.0.2 LEN=31 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=UDP SPT=P DPT=9 LEN=11 ] ',
      'IN=eth0 OUT= MAC=02:00:00:00:00:02:02:00:00:00:00:01:08:00 SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=TCP SPT=P DPT=9 WINDOW=64240 RES=0x00 SYN URGP=0 MARK=0x7 ',
      'IN= OUT=eth0 SRC=10.0.0.2 DST=10.0.0.1 LEN=40 TOS=0x00 PREC=0x00 TTL=64 ID=N DF PROTO=TCP SPT=9 DPT=P WINDOW=0 RES=0x00 ACK RST URGP=0 ',
    ])
  })

  it('TCPMSS lowers what a SYN offers', () => {
    const world = routed('-t mangle -A FORWARD -p tcp -j TCPMSS --set-mss 1200')
    listenOn(world, 'server', 80)
    from(world, '10.0.1.2', 5555, '10.0.2.2', 80)
    const syns = stepsOf(world, StepKind.Tx).filter(
      (step) => step.nsName === 'router' && (step.headers.tcp?.flags ?? 0) === 2,
    )
    expect(syns.map((step) => step.headers.tcp!.mss)[0]).toBe(1200)
  })

  it('limit lets a burst pass and then what the rate allows', () => {
    const world = routed(
      '-A INPUT -p icmp -m limit --limit 1/sec --limit-burst 3 -j ACCEPT',
      '-A INPUT -p icmp -j DROP',
    )
    const heard = ping(world, 'client', '10.0.1.1', { count: 8, intervalMs: 300, waitMs: 500 })
    expect(heard.map((line) => line.split(' ')[0])).toEqual(['1', '2', '3', '5', '8'])
  })
})

describe('evidence', () => {
  it('names table, chain and rule, and why the ones before did not match', () => {
    const world = routed(
      '-A FORWARD -p tcp -j ACCEPT',
      '-A FORWARD -s 10.9.9.9 -j ACCEPT',
      '-A FORWARD -p icmp -j DROP',
    )
    ping(world, 'client', '10.0.2.2')
    const step = stepsOf(world, StepKind.Drop).find((s) => s.reason === 'NETFILTER_DROP')!
    const { table, chain, rule, verdict, seen } = step.evidence as HookEvidence
    expect({ table, chain, rule, verdict }).toEqual({
      table: 'filter',
      chain: 'FORWARD',
      rule: 3,
      verdict: 'DROP',
    })
    expect(seen.map((s) => `${s.rule} ${s.why}`)).toEqual(['1 protocol', '2 source', '3 '])
  })

  it('permitAll: the drop is recorded, and the packet carries on', () => {
    const world = routed('-A FORWARD -p icmp -j DROP', '-P FORWARD DROP')
    doLine(world, 'route server add default via 10.0.2.1')
    world.scalars.permitAll = 1
    expect(ping(world, 'client', '10.0.2.2')).toEqual(['1 ttl=63'])
    const permitted = stepsOf(world, StepKind.Hook).filter((s) => (s.evidence as HookEvidence).permitted)
    expect(permitted.map((s) => (s.evidence as HookEvidence).verdict)).toEqual(['DROP', 'DROP'])
  })
})
