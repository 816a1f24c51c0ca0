/**
 * Gives every node its pod ranges. Models pkg/controller/nodeipam/ipam (RangeAllocator and cidrset, Kubernetes 1.32):
 * ranges are taken in order and one that is given back is not used again before all others were.
 * Not here: the allocators of cloud providers.
 */
import type { Ip, Prefix } from '../../base/addr.ts'
import { formatIp, inPrefix, maskIp, parsePrefix } from '../../base/addr.ts'
import { enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch } from '../api/local.ts'
import { findCluster } from '../cluster.ts'
import type { Node } from '../objects.ts'
import { recordEvent } from './common.ts'

/** The real allocator's limit: a cluster range of one family holds at most so many node ranges. */
const MOST = 2 ** 16

/** One cluster range, cut into ranges of nodes. */
interface Ranges {
  readonly cidr: string
  readonly mask: number
  readonly count: number
  /** Where the next search begins. */
  next: number
  /** Numbers of the ranges in use. */
  used: Map<number, true>
}

interface State {
  ranges: Ranges[]
  /** Ranges of nodes, as they were seen. */
  nodes: Map<string, readonly string[]>
}

export const nodeIpamController: AgentProgram = {
  name: 'node-ipam-controller',
  wants: () => [{ resource: 'nodes' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start(ctx) {
    ctx.agent.state = { ranges: clusterRanges(ctx), nodes: new Map() } satisfies State
    const nodes = cacheList<Node>(ctx, 'nodes')
    for (const node of nodes) noteNode(ctx, node)
    for (const { metadata } of nodes) enqueue(ctx, metadata.name)
  },
  observe(ctx, { object, type, key }) {
    if (type === 'DELETED') forget(ctx, key)
    else {
      noteNode(ctx, object as Node)
      if (cidrsOf(object as Node).length === 0) enqueue(ctx, key)
    }
  },
  reconcile,
}

/** The n-th range of `len` bits in a network. */
export function subRange(base: Ip, len: number, n: number): string {
  if (typeof base === 'number') return `${formatIp(base + n * 2 ** (32 - len))}/${len}`
  const sum = BigInt(`0x${base}`) + (BigInt(n) << BigInt(128 - len))
  return `${formatIp(sum.toString(16).padStart(32, '0'))}/${len}`
}

function clusterRanges({ world }: AgentCtx): Ranges[] {
  const options = findCluster(world)?.options
  if (options === undefined || !options.allocateNodeCidrs) return []
  const ranges: Ranges[] = []
  for (const cidr of options.podCidrs) {
    const prefix = parsePrefix(cidr)
    if (prefix === undefined) continue
    const mask = typeof prefix.addr === 'number' ? options.nodeMask4 : options.nodeMask6
    if (mask < prefix.len) continue
    const count = Math.min(MOST, 2 ** (mask - prefix.len))
    ranges.push({ cidr, mask, count, next: 0, used: new Map() })
  }
  return ranges
}

function cidrsOf({ spec }: Node): readonly string[] {
  if (spec?.podCIDRs !== undefined && spec.podCIDRs.length > 0) return spec.podCIDRs
  return (spec?.podCIDR ?? '') === '' ? [] : [spec!.podCIDR!]
}

/** Ranges that a node has, whoever gave them, are in use. */
function noteNode(ctx: AgentCtx, node: Node): void {
  const { ranges, nodes } = ctx.agent.state as State
  const cidrs = cidrsOf(node)
  if (cidrs.length === 0 || nodes.has(node.metadata.name)) return
  nodes.set(node.metadata.name, Object.freeze([...cidrs]))
  for (const cidr of cidrs) markUsed(ranges, cidr, true)
}

function forget(ctx: AgentCtx, name: string): void {
  const { ranges, nodes } = ctx.agent.state as State
  for (const cidr of nodes.get(name) ?? []) markUsed(ranges, cidr, false)
  nodes.delete(name)
}

function markUsed(ranges: readonly Ranges[], cidr: string, used: boolean): void {
  for (const one of ranges) {
    const span = spanOf(one, cidr)
    if (span === undefined) continue
    for (let n = span[0]; n <= span[1]; n++) {
      if (used) one.used.set(n, true)
      else one.used.delete(n)
    }
  }
}

/** First and last number of the node ranges that a prefix touches; undefined where it touches none. */
function spanOf({ cidr, mask, count }: Ranges, touched: string): [number, number] | undefined {
  const whole = parsePrefix(cidr)!
  const part = parsePrefix(touched)
  if (part === undefined || typeof part.addr !== typeof whole.addr) return undefined
  if (inPrefix(whole.addr, maskIp(part.addr, part.len), part.len)) return [0, count - 1]
  if (!inPrefix(part.addr, whole.addr, whole.len)) return undefined
  const first = numberOf(whole, maskIp(part.addr, part.len), mask)
  const last = part.len >= mask ? first : first + 2 ** (mask - part.len) - 1
  return first >= count ? undefined : [first, Math.min(last, count - 1)]
}

function numberOf(whole: Prefix, addr: Ip, mask: number): number {
  const base = maskIp(whole.addr, whole.len)
  if (typeof addr === 'number') return Math.floor((addr - (base as number)) / 2 ** (32 - mask))
  return Number((BigInt(`0x${addr}`) - BigInt(`0x${base}`)) >> BigInt(128 - mask))
}

/** The next free range, undefined where all are taken. Ranges that meet a service range are never given out. */
function take(ranges: Ranges, services: readonly string[]): string | undefined {
  const barred = services.map((cidr) => spanOf(ranges, cidr)).filter((span) => span !== undefined)
  const base = maskIp(parsePrefix(ranges.cidr)!.addr, parsePrefix(ranges.cidr)!.len)
  for (let tried = 0; tried < ranges.count; ) {
    const n = ranges.next % ranges.count
    const bar = barred.find(([first, last]) => n >= first && n <= last)
    const step = bar === undefined ? 1 : bar[1] - n + 1
    ranges.next = (n + step) % ranges.count
    tried += step
    if (bar !== undefined || ranges.used.has(n)) continue
    ranges.used.set(n, true)
    return subRange(base, ranges.mask, n)
  }
  return undefined
}

function reconcile(ctx: AgentCtx, name: string): Reconciled {
  const { world, agent } = ctx
  const { ranges, nodes } = agent.state as State
  const node = cacheGet<Node>(ctx, 'nodes', '', name)
  if (ranges.length === 0 || node === undefined || cidrsOf(node).length > 0 || nodes.has(name)) return {}
  const services = findCluster(world)?.options.serviceCidrs ?? []
  const got: string[] = []
  for (const one of ranges) {
    const cidr = take(one, services)
    if (cidr !== undefined) got.push(cidr)
  }
  if (got.length < ranges.length) {
    for (const cidr of got) markUsed(ranges, cidr, false)
    const message = `Node ${name} status is now: CIDRNotAvailable`
    recordEvent(ctx, node, 'Normal', 'CIDRNotAvailable', message)
    return { retry: true }
  }
  nodes.set(name, Object.freeze(got))
  const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: got[0]!, podCIDRs: got } }
  if (apiPatch(world, actorOf(agent), 'nodes', '', name, { type: 'merge', body }).ok) return {}
  forget(ctx, name)
  return { retry: true }
}
