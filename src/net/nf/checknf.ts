/** For tests of nf: rules from a few words, a datagram and its answer, counters and connections as text. */
import { formatIp, maskOf4, parseIp, parsePrefix } from '../../base/addr.ts'
import { assert } from '../../base/assert.ts'
import { nsOf, runFor } from '../ip/checkip.ts'
import { sockSendTo } from '../sock/send.ts'
import { sockBind, sockConnect, sockError, sockOpen, sockRecv } from '../sock/socket.ts'
import type { Netns, Socket, World } from '../types.ts'
import { MS, SEC } from '../wheel.ts'
import { nfChains } from './chains.ts'
import { nfCounters, nfNewChain, nfReplaceTable, nfRuleset } from './tables.ts'
import type { AddrMatch, Chain, IfMatch, Match, NatRange, Rule, TableName, Target } from './types.ts'
import { CT_STATE, CT_STATUS } from './types.ts'

/** Does `-t nat -A PREROUTING -p udp -d 10.0.0.1 --dport 53 -j DNAT --to-destination 10.0.0.2:53`, -N and -P too. */
export function iptables(world: World, name: string, line: string, family: 4 | 6 = 4): void {
  const words = line.trim().split(/\s+/)
  let table: TableName = 'filter'
  if (words[0] === '-t') {
    table = words[1] as TableName
    words.splice(0, 2)
  }
  const [verb, chain, ...rest] = words as [string, string, ...string[]]
  const ns = nsOf(world, name)
  const old = nfRuleset(ns, family).tables.get(table)
  const chains = new Map((old === undefined ? [] : nfChains(old)).map((chain) => [chain.name, chain]))
  if (verb === '-N') chains.set(chain, nfNewChain(table, chain))
  else {
    // A built-in chain exists from the first command that needs it.
    const was = chains.get(chain) ?? nfNewChain(table, chain)
    assert(was.hook >= 0 || chains.has(chain), `there is a chain ${chain}`)
    if (verb === '-P') chains.set(chain, { ...was, policy: rest[0] as 'ACCEPT' | 'DROP' })
    else chains.set(chain, { ...was, rules: [...was.rules, ruleOf(rest, family)] })
  }
  nfReplaceTable(world, ns, family, { name: table, chains })
}

/** `filter FORWARD policy 0 0`, `filter FORWARD 1 3 180`: every counter that is not 0. */
export function counters(ns: Netns, family: 4 | 6 = 4): string[] {
  const out: string[] = []
  const say = (chain: Chain, table: string, id: number, what: string | number): void => {
    const { packets, bytes } = nfCounters(ns, id)
    if (packets !== 0) out.push(`${table} ${chain.name} ${what} ${packets} ${bytes}`)
  }
  for (const table of nfRuleset(ns, family).tables.values()) {
    for (const chain of nfChains(table)) {
      for (const [i, rule] of chain.rules.entries()) say(chain, table.name, rule.id, i + 1)
      if (chain.hook >= 0) say(chain, table.name, chain.policyId, 'policy')
    }
  }
  return out
}

/** Connections without their times: `udp src=… dst=… sport=… dport=… [UNREPLIED] src=… … [ASSURED]`. */
export function conns(ns: Netns): string[] {
  const out: string[] = []
  for (const conn of ns.nf?.conntrack?.conns.values() ?? []) {
    const side = (t: typeof conn.orig): string => {
      const head = `src=${formatIp(t.src)} dst=${formatIp(t.dst)}`
      if (t.proto === 1 || t.proto === 58)
        return `${head} type=${t.dport >> 8} code=${t.dport & 255} id=${t.sport}`
      return t.proto === 6 || t.proto === 17 ? `${head} sport=${t.sport} dport=${t.dport}` : head
    }
    const proto = ({ 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6' } as Record<number, string>)[
      conn.orig.proto
    ]
    const words = [proto ?? `unknown ${conn.orig.proto}`]
    if (conn.state !== '') words.push(conn.state)
    words.push(side(conn.orig))
    if ((conn.status & CT_STATUS.SEEN_REPLY) === 0) words.push('[UNREPLIED]')
    words.push(side(conn.reply))
    if ((conn.status & CT_STATUS.ASSURED) !== 0) words.push('[ASSURED]')
    if (conn.mark !== 0) words.push(`mark=${conn.mark}`)
    out.push(words.join(' '))
  }
  return out
}

/** A UDP server: what it hears is in its socket; `answer` sends `pong` to all of it. */
export function server(world: World, name: string, port: number, family: 4 | 6 = 4): Socket {
  const ns = nsOf(world, name)
  const sock = sockOpen(world, ns, { kind: 'udp', family, pid: 1 })
  assert(sockBind(world, ns, sock, { port }) === null, `port ${port} of ${name} is free`)
  return sock
}

/** Answers what the server has heard. Returns who asked. */
export function answer(world: World, name: string, sock: Socket): string[] {
  const ns = nsOf(world, name)
  const from: string[] = []
  for (let m = sockRecv(ns, sock); m !== undefined; m = sockRecv(ns, sock)) {
    const { src, sport } = m.packet
    from.push(`${formatIp(src)}:${sport}`)
    sockSendTo(world, ns, sock, { dst: src, dport: sport, payload: Uint8Array.of(1, 2, 3, 4) })
  }
  return from
}

/** One datagram of 4 bytes from a connected socket on `port`; `pong`, an errno, or `TimeoutError`. */
export function ask(
  world: World,
  from: string,
  to: string,
  port: number,
  servers: readonly (readonly [string, Socket])[],
  sport = 5555,
  known?: Socket,
): { said: string; sock: Socket } {
  const ns = nsOf(world, from)
  const dst = parseIp(to)!
  const family = typeof dst === 'number' ? 4 : 6
  const sock = known ?? sockOpen(world, ns, { kind: 'udp', family, pid: 1 })
  if (known === undefined) {
    sockBind(world, ns, sock, { port: sport })
    const refused = sockConnect(world, ns, sock, dst, port)
    if (refused !== null) return { said: refused, sock }
  }
  const sent = sockSendTo(world, ns, sock, { payload: Uint8Array.of(1, 2, 3, 4) })
  if ('errno' in sent) return { said: sent.errno, sock }
  for (let i = 0; i < 10; i++) {
    runFor(world, 100 * MS)
    for (const [name, one] of servers) answer(world, name, one)
  }
  runFor(world, SEC / 2)
  const error = sockError(sock)
  if (error !== '') return { said: error, sock }
  return { said: sockRecv(ns, sock) === undefined ? 'TimeoutError' : 'pong', sock }
}

/** The rule of its words, from the first selector on. */
export function ruleOf(given: readonly string[], family: 4 | 6 = 4): Rule {
  const words = [...given]
  const rule = {
    id: 0,
    src: null as AddrMatch | null,
    dst: null as AddrMatch | null,
    iif: null as IfMatch | null,
    oif: null as IfMatch | null,
    proto: null as Rule['proto'],
    fragment: 'any' as const,
    matches: [] as Match[],
    target: { name: '' } as Target,
    origin: '',
  }
  let not = false
  while (words.length > 0) {
    const word = words.shift()!
    if (word === '!') {
      not = true
      continue
    }
    switch (word) {
      case '-s':
        rule.src = addr(words.shift()!, not)
        break
      case '-d':
        rule.dst = addr(words.shift()!, not)
        break
      case '-i':
        rule.iif = device(words.shift()!, not)
        break
      case '-o':
        rule.oif = device(words.shift()!, not)
        break
      case '-p':
        rule.proto = { not, value: PROTO[words.shift()!]! }
        break
      case '--dport':
      case '--sport': {
        const range = { not, range: ports(words.shift()!) }
        const sport = word === '--sport' ? range : null
        const dport = word === '--dport' ? range : null
        if (rule.proto?.value === 6) {
          rule.matches.push({ name: 'tcp', sport, dport, flags: null, option: null })
        } else rule.matches.push({ name: 'udp', sport, dport })
        break
      }
      case '-m':
        match(rule.matches, words)
        break
      case '-j':
      case '-g':
        rule.target = target(word, words, family)
    }
    not = false
  }
  return rule
}

const PROTO: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 }

function addr(text: string, not: boolean): AddrMatch {
  const prefix = parsePrefix(text)!
  const mask = typeof prefix.addr === 'number' ? maskOf4(prefix.len) : 'f'.repeat(32)
  return { not, ...prefix, mask }
}

function device(text: string, not: boolean): IfMatch {
  return { not, name: text.replace('+', ''), prefix: text.endsWith('+') }
}

function ports(text: string): { from: number; to: number } {
  const [from, to] = text.split(/[:-]/)
  return { from: Number(from), to: Number(to ?? from) }
}

const CONNTRACK: Extract<Match, { name: 'conntrack' }> = {
  name: 'conntrack',
  state: null,
  status: null,
  proto: null,
  origSrc: null,
  origDst: null,
  replSrc: null,
  replDst: null,
  origSport: null,
  origDport: null,
  replSport: null,
  replDport: null,
  expire: null,
  direction: '',
}

function match(matches: Match[], words: string[]): void {
  const name = words.shift()!
  const not = words[0] === '!'
  if (not) words.shift()
  const option = words.shift()!
  const value = (): string => words.shift()!
  switch (`${name} ${option}`) {
    case 'conntrack --ctstate': {
      const bits = value()
        .split(',')
        .reduce((sum, one) => sum | CT_STATE[one as keyof typeof CT_STATE], 0)
      matches.push({ ...CONNTRACK, state: { not: false, bits } })
      return
    }
    case 'statistic --mode': {
      const mode = value() as 'random' | 'nth'
      words.shift()
      const first = Number(value())
      const nth = mode === 'nth'
      if (nth) words.shift()
      const packet = nth ? Number(value()) : 0
      const probability = nth ? 0 : Math.round(first * 0x80000000)
      matches.push({ name: 'statistic', not: false, mode, probability, every: nth ? first : 0, packet })
      return
    }
    case 'mark --mark': {
      const [number, mask] = value().split('/')
      matches.push({ name: 'mark', not, value: Number(number), mask: Number(mask ?? '0xffffffff') })
      return
    }
    case 'limit --limit': {
      const [rate, unit] = value().split('/') as [string, string]
      words.shift()
      const seconds = ({ sec: 1, min: 60 } as Record<string, number>)[unit]!
      matches.push({ name: 'limit', rate: Number(rate), unit: seconds, burst: Number(value()) })
      return
    }
    case 'physdev --physdev-in':
      matches.push({
        name: 'physdev',
        in: device(value(), false),
        out: null,
        isIn: null,
        isOut: null,
        isBridged: null,
      })
      return
    case 'addrtype --dst-type':
      matches.push({
        name: 'addrtype',
        src: null,
        dst: { not: false, types: [value()] },
        limitIfaceIn: false,
        limitIfaceOut: false,
      })
      return
    default:
      assert(false, `checknf knows the match ${name} ${option}`)
  }
}

function target(verb: string, words: string[], family: 4 | 6): Target {
  const name = words.shift()!
  const option = words.shift()
  const value = words.shift() ?? ''
  switch (name) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'NOTRACK':
    case 'TRACE':
      return { name }
    case 'REJECT':
      return { name, with: value === '' ? `icmp${family === 6 ? '6' : ''}-port-unreachable` : value }
    case 'LOG':
      return { name, prefix: value, level: 4, flags: [] }
    case 'DNAT':
    case 'SNAT':
      return { name, range: natRange(value), random: false, randomFully: false, persistent: false }
    case 'MASQUERADE': {
      const range = option === '--to-ports' ? ports(value) : null
      return { name, ports: range, random: option === '--random', randomFully: option === '--random-fully' }
    }
    case 'REDIRECT':
      return { name, ports: option === '--to-ports' ? ports(value) : null, random: false }
    case 'MARK':
      return { name, value: Number(value.split('/')[0]), mask: Number(value.split('/')[1] ?? 0xffffffff) }
    case 'TTL':
      return { name, op: 'set', value: Number(value) }
    case 'TCPMSS':
      return { name, mss: Number(value), clamp: option === '--clamp-mss-to-pmtu' }
    case 'CONNMARK': {
      const op = option === '--set-mark' ? 'set' : option === '--save-mark' ? 'save' : 'restore'
      return { name, op, value: Number(value), mask: 0xffffffff, nfmask: 0xffffffff }
    }
    default:
      return { name: verb === '-g' ? 'GOTO' : 'JUMP', chain: name }
  }
}

function natRange(text: string): NatRange {
  const split = text.startsWith('[') ? text.indexOf(']:') + 1 : text.lastIndexOf(':')
  const six = text.split(':').length > 2
  const hasPort = six ? text.startsWith('[') : split >= 0
  const head = (hasPort ? text.slice(0, split) : text).replace(/[[\]]/g, '')
  const [from, to] = head.split('-')
  const first = parseIp(from!)
  return {
    from: first,
    to: to === undefined ? first : parseIp(to),
    ports: hasPort ? ports(text.slice(split + 1)) : null,
  }
}
