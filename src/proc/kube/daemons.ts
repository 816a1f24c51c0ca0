/**
 * The processes of a cluster: each listens on its ports and is an agent, or several. A process that ends takes its
 * agents with it; what they wrote stays. Models the command lines and ports of kubeadm's static pods (1.32), run as
 * plain processes; of several controller managers and schedulers the one that holds the lease works. Not here: what is
 * served on these ports but for 6443, 10250 and 2379 for the API server, and 2380 for other members of etcd.
 */
import { parseIp } from '../../base/addr.ts'
import type { AgentRules } from '../../kube/agent/agent.ts'
import { agentList, startAgent } from '../../kube/agent/agent.ts'
import type { ClusterNode } from '../../kube/cluster.ts'
import { clusterOf, nodeOfMachine } from '../../kube/cluster.ts'
import { findStore } from '../../kube/store/store.ts'
import { sockBind, sockById, sockOpen } from '../../net/sock/socket.ts'
import { tcpAccept, tcpClose, tcpListen } from '../../net/sock/tcp.ts'
import { tcpKeepalive } from '../../net/sock/tcpkeep.ts'
import type { World } from '../../net/types.ts'
import { watchContainer } from '../../run/containerlife.ts'
import { exitProcess, spawn } from '../../run/process.ts'
import type { ProcCtx, ProcEvent, Program } from '../program.ts'
import { fail } from '../program.ts'
import type { ApiLink } from './apilink.ts'
import { apiLinkEvent, buryAgents, closeApiLink, createApiLink, dialApi } from './apilink.ts'
import { endpointParts, GO_ACCEPTED } from './apiwire.ts'
import type { Channel } from './channel.ts'
import { createElection } from './election.ts'
import { etcdAccept, etcdAnswer, etcdServe } from './etcd.ts'
import type { Peers } from './etcd-peers.ts'
import { createPeers, peersAccept, peersEvent } from './etcd-peers.ts'
import { kubeletContainerEnded } from './kubelet/kubelet.ts'
import type { KubeletConn } from './kubeletserve.ts'
import { kubeletAccept, kubeletServe } from './kubeletserve.ts'

interface Daemon {
  readonly name: string
  readonly help: string
  /** `ADDRESS:PORT`, the address '' for every one. */
  readonly listens: readonly string[]
  /** Agent programs that it is. */
  readonly agents: readonly string[]
  /** The agents are a node's own. */
  readonly perNode: boolean
  /** Source of the events of one that works only while it leads. */
  readonly leads?: string
}

interface DaemonState {
  listeners: number[]
  agents: number[]
  /** Connection to the API server of another process, null where the agents need none. */
  link: ApiLink | null
  /** What is connected to the kubelet's port, and to etcd's, by socket; null before the first. */
  conns: Map<number, KubeletConn> | null
  clients: Map<number, Channel> | null
  /** Of an etcd alone: where it is not the only one. */
  peers?: Peers | null
}

/** Controllers that kube-controller-manager runs, in the order of their start. */
export const CONTROLLERS: readonly string[] = [
  'deployment-controller',
  'replicaset-controller',
  'endpointslice-controller',
  'node-ipam-controller',
  'node-lifecycle-controller',
  'taint-eviction-controller',
  'pod-garbage-collector-controller',
  'endpoints-controller',
  'endpointslice-mirroring-controller',
  'service-lb-controller',
  'statefulset-controller',
  'daemonset-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'ttl-controller',
]

const DAEMONS: readonly Daemon[] = [
  {
    name: 'kube-controller-manager',
    help: 'the controllers of a cluster',
    listens: ['127.0.0.1:10257'],
    agents: CONTROLLERS,
    perNode: false,
    leads: 'kube-controller-manager',
  },
  {
    name: 'kube-scheduler',
    help: 'binds pods to nodes',
    listens: ['127.0.0.1:10259'],
    agents: ['kube-scheduler'],
    perNode: false,
    leads: 'default-scheduler',
  },
  {
    name: 'etcd',
    help: "a cluster's store",
    listens: [':2379', ':2380'],
    agents: [],
    perNode: false,
  },
  {
    name: 'kubelet',
    help: "a node's agent: runs its pods",
    listens: [':10250', '127.0.0.1:10248'],
    agents: ['kubelet'],
    perNode: true,
  },
  {
    name: 'kube-proxy',
    help: "writes a node's rules for Services",
    listens: [':10256', '127.0.0.1:10249'],
    agents: ['kube-proxy'],
    perNode: true,
  },
]

/** The programs of a cluster. `rules` are those that its agents run by. */
export function daemonPrograms(rules: AgentRules): Program[] {
  return DAEMONS.map((daemon) => ({
    name: daemon.name,
    help: daemon.help,
    start: (ctx) => start(ctx, rules, daemon),
    on: (ctx, event) => onEvent(ctx, rules, event),
  }))
}

function start(ctx: ProcCtx, rules: AgentRules, daemon: Daemon): void {
  const { world, machine, ns, proc } = ctx
  const node = nodeOfMachine(world, machine.id)
  if (findStore(world) === undefined || (daemon.perNode && node === undefined)) {
    fail(ctx, 1, `${daemon.name}: this machine is no node of a cluster`)
    return
  }
  const state: DaemonState = { listeners: [], agents: [], link: null, conns: null, clients: null }
  for (const place of daemon.listens) {
    const cut = place.lastIndexOf(':')
    const sock = listen(ctx, place.slice(0, cut), Number(place.slice(cut + 1)))
    if (sock === 0) {
      fail(ctx, 1, `${daemon.name}: listen tcp ${place}: bind: address already in use`)
      return
    }
    state.listeners = state.listeners.concat(sock)
  }
  ctx.proc.state = state
  if (daemon.name === 'kubelet') watchContainer(world, machine, proc, '')
  if (daemon.name === 'etcd') state.peers = createPeers(ctx)
  const endpoint = endpointFor(world, daemon, node)
  const elects = daemon.leads !== undefined && endpointParts(endpoint) !== undefined
  // Where a lease says who works, another may stand by.
  const free = (name: string) => daemon.perNode || isFree(world, rules, name) || elects
  const programs = daemon.agents.filter((name) => rules.programs.has(name) && free(name))
  if (programs.length === 0) return
  const where = daemon.perNode ? { node: node!.name } : { node: '' }
  if (endpointParts(endpoint) !== undefined) {
    const leads = daemon.leads && { election: createElection(ctx, daemon.name, daemon.leads) }
    state.link = createApiLink({ endpoint, programs, ...where, ...leads })
    dialApi(ctx, rules, state.link)
    return
  }
  for (const program of programs) {
    const agent = startAgent(world, rules, { program, ns: ns.id, pid: proc.pid, ...where })
    state.agents = state.agents.concat(agent)
  }
}

/** kubeadm has a control plane's own parts ask the API server beside them; all others ask the first one. */
function endpointFor(world: World, daemon: Daemon, node: ClusterNode | undefined): string {
  const { apiEndpoint } = clusterOf(world).options
  const own = node?.addresses[0]
  if (daemon.perNode || node?.role !== 'control-plane' || own === undefined || apiEndpoint === '')
    return apiEndpoint
  return `${own}:${endpointParts(apiEndpoint)?.port ?? 0}`
}

/** No living process is this agent; those of dead ones go. */
function isFree(world: World, rules: AgentRules, name: string): boolean {
  buryAgents(world, rules, name)
  return agentList(world, name).length === 0
}

/** "leaderelection lost": it ends, and the machine's kubelet, if there is one, starts it anew as the static pod it is. */
function resign(ctx: ProcCtx, rules: AgentRules, link: ApiLink): void {
  const { world, machine, proc } = ctx
  const node = nodeOfMachine(world, machine.id)?.name
  closeApiLink(ctx, rules, link)
  if (agentList(world, 'kubelet').some((agent) => agent.node === node)) {
    const { program, argv, env, cwd } = proc
    const place = { machine: machine.id, ns: machine.rootNs, ppid: 0, parentNs: 0, fds: new Map() }
    spawn(world, { ...place, program, argv: [...argv], env, cwd })
  }
  exitProcess(ctx, 1)
}

function listen(ctx: ProcCtx, address: string, port: number): number {
  const { world, ns, proc } = ctx
  const sock = sockOpen(world, ns, { kind: 'tcp', family: 4, pid: proc.pid })
  sock.tcp!.reuseAddr = true
  const addr = address === '' ? 0 : parseIp(address)!
  const wrong = sockBind(world, ns, sock, { addr, port }) ?? tcpListen(world, ns, sock, 128)
  tcpKeepalive(world, ns, sock, GO_ACCEPTED)
  return wrong === null ? sock.id : 0
}

/** But for a kubelet's 10250 and etcd's 2379 nothing is served: a connection is taken and closed. */
function onEvent(ctx: ProcCtx, rules: AgentRules, event: ProcEvent): void {
  if (event.type === 'container') {
    const { agents, link } = ctx.proc.state as DaemonState
    for (const agent of link === null ? agents : link.agents) {
      kubeletContainerEnded(ctx.world, rules, agent, event.id)
    }
    return
  }
  if (event.type === 'signal') {
    exitProcess(ctx, 0)
    return
  }
  const { world, ns } = ctx
  const state = ctx.proc.state as DaemonState
  if (state.link !== null && apiLinkEvent(ctx, rules, state.link, event)) {
    if (state.link.election?.lost === true) resign(ctx, rules, state.link)
    return
  }
  if (state.conns !== null && kubeletServe(ctx, event, state.conns)) return
  if (ctx.proc.program === 'etcd') {
    serveEtcd(ctx, state, event)
    return
  }
  if (event.type !== 'sock') return
  if (ctx.proc.program === 'kubelet' && event.sock === state.listeners[0]) {
    state.conns ??= new Map()
    kubeletAccept(ctx, event.sock, state.conns)
    return
  }
  if (!state.listeners.includes(event.sock)) return
  const listener = sockById(ns, event.sock)
  if (listener === undefined) return
  for (let sock = tcpAccept(world, ns, listener); sock !== undefined; sock = tcpAccept(world, ns, listener)) {
    tcpClose(world, ns, sock)
  }
}

/** etcd's clients, and its peers where there are any. */
function serveEtcd(ctx: ProcCtx, state: DaemonState, event: ProcEvent): void {
  const { clients, listeners, peers = null } = state
  if (clients !== null && etcdServe(ctx, event, clients, peers)) return
  const answer = (client: number, n: number, wrong: string) => {
    if (clients !== null) etcdAnswer(ctx, clients, client, n, wrong)
  }
  if (peers !== null && peersEvent(ctx, peers, event, answer)) return
  if (event.type !== 'sock') return
  if (event.sock === listeners[0]) {
    state.clients ??= new Map()
    etcdAccept(ctx, event.sock, state.clients, peers)
  } else if (event.sock === listeners[1]) peersAccept(ctx, event.sock, peers)
}
