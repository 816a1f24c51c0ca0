/** A packet through kube-proxy's rules as data, every draw both ways: what a rule set can do with it. */
import { inPrefix, parseIp, parsePrefix } from '../../base/addr.ts'
import type { ProxyRule, ProxyRuleset } from '../../kube/node/proxy/types.ts'

export interface CasePacket {
  readonly sourceIP: string
  readonly protocol: string
  readonly destIP: string
  readonly destPort: number
}

export interface WalkResult {
  verdict: 'none' | 'dnat' | 'reject' | 'drop' | 'accept'
  destinations: string[]
  masquerade: boolean
}

interface Walk {
  rules: readonly ProxyRule[]
  packet: CasePacket
  localIPs: readonly string[]
  marked: boolean
  destinations: string[]
  depth: number
}

const MAX_DEPTH = 32

/** The verdict on a packet: nat first, then filter where nothing was translated. */
export function walkRuleset(
  rules: ProxyRuleset,
  packet: CasePacket,
  localIPs: readonly string[],
): WalkResult {
  const walk: Walk = { rules: rules.nat.rules, packet, localIPs, marked: false, destinations: [], depth: 0 }
  const localTo = isLocal(packet.destIP, localIPs)
  walkChain(walk, 'KUBE-SERVICES')
  const filter: Walk = { ...walk, rules: rules.filter.rules, destinations: [] }
  if (walk.destinations.length > 0) {
    return { verdict: 'dnat', destinations: [...new Set(walk.destinations)], masquerade: walk.marked }
  }
  const chains = localTo
    ? ['KUBE-PROXY-FIREWALL', 'KUBE-NODEPORTS', 'KUBE-EXTERNAL-SERVICES']
    : ['KUBE-PROXY-FIREWALL', 'KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES']
  for (const chain of chains) {
    const verdict = walkChain(filter, chain)
    if (verdict === 'DROP') return { verdict: 'drop', destinations: [], masquerade: false }
    if (verdict === 'REJECT') return { verdict: 'reject', destinations: [], masquerade: false }
    if (verdict === 'ACCEPT') return { verdict: 'accept', destinations: [], masquerade: false }
  }
  return { verdict: 'none', destinations: [], masquerade: false }
}

/** Walks a chain; a rule with `statistic` is taken and passed by. Answers a final target, or '' at the end. */
function walkChain(walk: Walk, chain: string): string {
  if (walk.depth >= MAX_DEPTH) throw new Error('rules jump in a circle')
  walk.depth++
  let result = ''
  for (const rule of walk.rules) {
    if (rule.chain !== chain) continue
    const match = matches(rule.args, walk)
    if (match === 'no') continue
    const target = argOf(rule.args, '-j')
    if (target === undefined) continue
    const ended = take(walk, target, rule.args)
    if (ended !== '' && match === 'yes') {
      result = ended
      break
    }
  }
  walk.depth--
  return result
}

function take(walk: Walk, target: string, args: readonly string[]): string {
  if (target === 'MARK') {
    walk.marked = true
    return ''
  }
  if (target === 'RETURN') return ''
  if (target === 'DNAT') {
    walk.destinations.push(argOf(args, '--to-destination')!)
    return 'DNAT'
  }
  if (target === 'DROP' || target === 'REJECT' || target === 'ACCEPT') return target
  return walkChain(walk, target)
}

function argOf(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option)
  return at < 0 ? undefined : args[at + 1]
}

function matches(args: readonly string[], walk: Walk): 'yes' | 'no' | 'maybe' {
  const { packet, localIPs } = walk
  let maybe = false
  for (let i = 0; i < args.length; i++) {
    const not = args[i - 1] === '!'
    const value = args[i + 1] ?? ''
    let holds = true
    switch (args[i]) {
      case '-p':
        holds = value === packet.protocol.toLowerCase()
        break
      case '-d':
        holds = within(packet.destIP, value)
        break
      case '-s':
        holds = within(packet.sourceIP, value)
        break
      case '--dport':
        holds = Number(value) === packet.destPort
        break
      case '--dst-type':
        holds = isLocal(packet.destIP, localIPs)
        break
      case '--src-type':
        holds = isLocal(packet.sourceIP, localIPs)
        break
      case '--probability':
      case '--rcheck':
        maybe = true
        break
      default:
        continue
    }
    if (holds === not) return 'no'
  }
  return maybe ? 'maybe' : 'yes'
}

function isLocal(text: string, localIPs: readonly string[]): boolean {
  return localIPs.includes(text) || within(text, '127.0.0.0/8')
}

function within(text: string, prefixText: string): boolean {
  const ip = parseIp(text)
  const prefix = parsePrefix(
    prefixText.includes('/') ? prefixText : `${prefixText}/${prefixText.includes(':') ? 128 : 32}`,
  )
  return ip !== undefined && prefix !== undefined && inPrefix(ip, prefix.addr, prefix.len)
}
