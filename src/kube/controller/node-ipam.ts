/**
 * Gives every node its pod ranges. Models pkg/controller/nodeipam/ipam (RangeAllocator and cidrset, Kubernetes 1.32):
 * ranges are taken in order and one that is given back is not used again before all others were.
 * Not here: the allocators of cloud providers.
 */
import { enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiPatch } from '../api/local.ts'
import { findCluster } from '../cluster.ts'
import type { Node } from '../objects.ts'
import { recordEvent } from './common.ts'
import type { Ranges } from './node/cidrset.ts'
import { cutRange, markUsed, take } from './node/cidrset.ts'

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

function clusterRanges({ world }: AgentCtx): Ranges[] {
  const options = findCluster(world)?.options
  if (options === undefined || !options.allocateNodeCidrs) return []
  const ranges: Ranges[] = []
  for (const cidr of options.podCidrs) {
    const range = cutRange(cidr, cidr.includes(':') ? options.nodeMask6 : options.nodeMask4)
    if (range !== undefined) ranges.push(range)
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

function reconcile(ctx: AgentCtx, name: string): Reconciled {
  const { world, agent } = ctx
  const { ranges, nodes } = agent.state as State
  const node = cacheGet<Node>(ctx, 'nodes', '', name)
  if (ranges.length === 0 || node === undefined || node.metadata.deletionTimestamp !== undefined) return {}
  if (cidrsOf(node).length > 0 || nodes.has(name)) return {}
  const services = findCluster(world)?.options.serviceCidrs ?? []
  const got: string[] = []
  for (const one of ranges) {
    const cidr = take(one, services)
    if (cidr !== undefined) got.push(cidr)
  }
  if (got.length < ranges.length) {
    for (const cidr of got) markUsed(ranges, cidr, false)
    recordEvent(ctx, node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`)
    return { retry: true }
  }
  nodes.set(name, Object.freeze(got))
  const body = { metadata: { uid: node.metadata.uid }, spec: { podCIDR: got[0]!, podCIDRs: got } }
  if (apiPatch(world, actorOf(agent), 'nodes', '', name, { type: 'merge', body }).ok) return {}
  forget(ctx, name)
  recordEvent(ctx, node, 'Normal', 'CIDRAssignmentFailed', `Node ${name} status is now: CIDRAssignmentFailed`)
  return { retry: true }
}
