/**
 * Text of the real tcpdump 4.99.3 (libpcap 1.10.3) for frames that a pcap file held: `tcpdump -t -n` and `-t -n -e -v`,
 * and which of those frames each filter let pass (how many, and a sum over their places). Left out: frames with protocols
 * that Kubehop does not have, IPv6 flow labels, 802.1Q frames under filters (a live kernel shows those without their tag).
 */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dev } from '../../net/ip/checkip.ts'
import type { Packet } from '../../net/types.ts'
import { decodeFrame } from '../../wire/decode.ts'
import { begin, interrupt, pass, printed, probeLab, runText } from './probecheck.ts'
import { matches } from './tcpdump-filter-ast.ts'
import { parseFilter } from './tcpdump-filter-parse.ts'
import type { PrintOptions, TcpFlow } from './tcpdump-print.ts'
import { frameText } from './tcpdump-print.ts'

const LAB = `link a/eth0 r/ra
  link b/eth0 r/rb
  addr a/eth0 10.1.1.2/24
  addr r/ra 10.1.1.1/24
  addr r/rb 10.1.2.1/24
  addr b/eth0 10.1.2.2/24
  sysctl r net.ipv4.ip_forward=1
  route a add default via 10.1.1.1
  route b add default via 10.1.2.1`

interface Row {
  packet: Packet
  plain: string
  full: string
}

function read(name: string): string[] {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
}

function rows(): Row[] {
  const list: Row[] = []
  const lines = read('./tcpdump.real.txt')
  const text = (line: string) =>
    line
      .slice(line.indexOf(' ') + 1)
      .replaceAll('\\n', '\n')
      .replaceAll('\\t', '\t')
  for (let i = 0; i < lines.length; i += 3) {
    const bytes = Uint8Array.from(Buffer.from(lines[i]!.slice(4), 'hex'))
    list.push({ packet: decodeFrame(bytes)!.packet, plain: text(lines[i + 1]!), full: text(lines[i + 2]!) })
  }
  return list
}

function options(change: Partial<PrintOptions>, flows = new Map<string, TcpFlow>()): PrintOptions {
  const none = { link: false, verbose: 0, quick: false, cooked: null, numeric: true, absolute: false }
  return { ...none, host: () => undefined, flows, ...change }
}

describe('what tcpdump prints of a frame', () => {
  it('is what the real one prints, plain and with -e -v', () => {
    const all = rows()
    expect(all.length).toBeGreaterThan(100)
    const flows = new Map<string, TcpFlow>()
    const flowsFull = new Map<string, TcpFlow>()
    for (const { packet, plain, full } of all) {
      expect(frameText(packet, options({}, flows))).toBe(plain)
      expect(frameText(packet, options({ link: true, verbose: 1 }, flowsFull))).toBe(full)
    }
  })

  it('names vendors, hosts and broadcast without -n', () => {
    const { packet } = rows()[0]!
    const o = options({
      numeric: false,
      link: true,
      host: (ip) => (ip === packet.arp!.spa ? 'h1' : undefined),
    })
    expect(frameText(packet, o)).toBe(
      '02:00:00:00:00:01 (oui Unknown) > Broadcast, ethertype ARP (0x0806), length 42: ' +
        'Request who-has 10.9.0.2 tell h1, length 28',
    )
  })
})

describe('capture filters', () => {
  it('let the same frames pass as the real ones, and refuse in its words', () => {
    const untagged = rows().filter(({ packet }) => packet.vlan === 0)
    for (const line of read('./tcpdump-filter.real.txt')) {
      const [want, text] = line.split('\t') as [string, string]
      const parsed = parseFilter(text, () => [])
      if ('error' in parsed) {
        expect(`! ${parsed.error}\t${text}`).toBe(line)
        continue
      }
      const passed = untagged.flatMap(({ packet }, i) => (matches(parsed.filter, packet, 'in') ? [i] : []))
      const sum = passed.reduce((total, place, k) => total + (k + 1) * place, 0)
      expect(`${passed.length} ${sum}\t${text}`).toBe(`${want}\t${text}`)
    }
  })

  it('find tagged frames', () => {
    const vlans = (text: string) => {
      const parsed = parseFilter(text, () => [])
      return 'error' in parsed
        ? parsed.error
        : rows().filter((row) => matches(parsed.filter, row.packet, 'in')).length
    }
    expect([vlans('vlan'), vlans('vlan 10'), vlans('vlan 20 and icmp'), vlans('vlan 30')]).toEqual([
      2, 1, 1, 0,
    ])
  })

  it('never throw, whatever is typed', () => {
    const words =
      'host net port src dst and or not ( ) [ ] icmp tcp ip6 10.0.0.1 ::1 80 < = & len vlan 1-5 \\arp : /'
    const packet = rows()[8]!.packet
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words.split(' ')), { maxLength: 12 }), (list) => {
        const parsed = parseFilter(list.join(' '), () => [])
        if ('filter' in parsed) matches(parsed.filter, packet, 'out')
        return true
      }),
      { numRuns: 5000 },
    )
    const deep = parseFilter('('.repeat(5000), () => [])
    expect('error' in deep).toBe(true)
  })
})

describe('a running tcpdump', () => {
  it('shows every device with -i any, ends by Ctrl-C, counts', () => {
    const lab = probeLab(LAB)
    const dump = begin(lab, 'r', 'tcpdump -n -t -i any icmp')
    pass(lab, 0.1)
    runText(lab, 'a', 'ping -c1 10.1.2.2')
    interrupt(lab, dump)
    pass(lab, 0.1)
    const { out, err, code } = printed(lab, dump)
    // The real router printed the same four lines but for the id.
    expect(out.replace(/id \d+/g, 'id N')).toBe(
      'ra    In  IP 10.1.1.2 > 10.1.2.2: ICMP echo request, id N, seq 1, length 64\n' +
        'rb    Out IP 10.1.1.2 > 10.1.2.2: ICMP echo request, id N, seq 1, length 64\n' +
        'rb    In  IP 10.1.2.2 > 10.1.1.2: ICMP echo reply, id N, seq 1, length 64\n' +
        'ra    Out IP 10.1.2.2 > 10.1.1.2: ICMP echo reply, id N, seq 1, length 64\n\n',
    )
    expect(err).toBe(
      'tcpdump: data link type LINUX_SLL2\n' +
        'tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n' +
        'listening on any, link-type LINUX_SLL2 (Linux cooked v2), snapshot length 262144 bytes\n' +
        '4 packets captured\n4 packets received by filter\n0 packets dropped by kernel\n',
    )
    expect(code).toBe(0)
  })

  it('prints fragments as the real one does', () => {
    const lab = probeLab(LAB)
    const dump = begin(lab, 'b', 'tcpdump -nt -c3 -i eth0 src 10.1.1.2')
    pass(lab, 0.1)
    runText(lab, 'a', 'ping -c1 -s 3000 10.1.2.2')
    expect(printed(lab, dump).out.replace(/id \d+/g, 'id N')).toBe(
      'IP 10.1.1.2 > 10.1.2.2: ICMP echo request, id N, seq 1, length 1480\n' +
        'IP 10.1.1.2 > 10.1.2.2: ip-proto-1\nIP 10.1.1.2 > 10.1.2.2: ip-proto-1\n',
    )
    expect(printed(lab, dump).code).toBe(0)
  })

  it('makes the device promiscuous while it runs, unless -p', () => {
    const lab = probeLab(LAB)
    const promisc = () => dev(lab.world, 'b/eth0').promisc
    const counts = [promisc()]
    for (const line of ['tcpdump -i eth0', 'tcpdump -p -i eth0']) {
      const dump = begin(lab, 'b', line)
      pass(lab, 0.1)
      counts.push(promisc())
      interrupt(lab, dump)
      pass(lab, 0.1)
      counts.push(promisc())
    }
    expect(counts).toEqual([0, 1, 0, 0, 0])
  })

  it('says what the real one says of mistakes', () => {
    const lab = probeLab(LAB)
    const said = (line: string) => runText(lab, 'a', `tcpdump ${line}`)
    expect(said('-i nope')).toBe('E: tcpdump: nope: No such device exists\nE: (No such device exists)\n= 1\n')
    expect(said('-i eth0 -c x')).toBe('E: tcpdump: invalid packet count x\n= 1\n')
    expect(said('-i eth0 -s x')).toBe('E: tcpdump: invalid snaplen x (must be >= 0 and <= 262144)\n= 1\n')
    expect(said('-i eth0 -Q foo')).toBe("E: tcpdump: unknown capture direction `foo'\n= 1\n")
    expect(said('-i 77')).toBe('E: tcpdump: Invalid adapter index\n= 1\n')
    expect(said('-i eth0 foo')).toBe("E: tcpdump: can't parse filter expression: syntax error\n= 1\n")
    expect(said('-i any ether host 02:00:00:00:00:01')).toBe(
      'E: tcpdump: data link type LINUX_SLL2\nE: tcpdump: ethernet addresses supported only on ' +
        'ethernet/FDDI/token ring/802.11/ATM LANE/Fibre Channel\n= 1\n',
    )
  })
})
