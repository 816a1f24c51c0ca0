/**
 * A machine becomes a node of a cluster that runs or is about to: its record, the CNI plugins, a resolver, and the
 * processes of a node. `kubeadm join` does it from a machine's own commands (Kubernetes 1.32). Not here: tokens and
 * certificates, `kubeadm init`, `reset` and `upgrade`, further control planes.
 */
import { formatIp } from '../base/addr.ts'
import type { ClusterNode, ClusterOptions } from '../kube/cluster.ts'
import { clusterOf, findCluster, nodeOfMachine, setClusterNode } from '../kube/cluster.ts'
import { routesOf } from '../net/ip/fib.ts'
import { linksOf } from '../net/link/device.ts'
import type { World } from '../net/types.ts'
import { netnsOf } from '../net/world.ts'
import { CNI_PLUGINS } from '../proc/cni/exec.ts'
import { cniHost, makeDirs } from '../proc/cni/host.ts'
import { BIN_DIR, CONF_DIR } from '../proc/cni/list.ts'
import { fail, out } from '../proc/program.ts'
import { readFile, writeFile } from '../run/files.ts'
import { exitProcess, spawn } from '../run/process.ts'
import type { Machine, ProcCtx, Program } from '../run/types.ts'

const JOINED = `
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.

`

/** Makes a machine a node: nothing runs on it yet. */
export function prepareNode(world: World, machine: Machine, role: ClusterNode['role']): void {
  const { options } = clusterOf(world)
  setClusterNode(world, {
    name: machine.name,
    machine: machine.id,
    role,
    addresses: addressesOf(world, machine),
  })
  installCni(world, machine, options)
  giveResolver(world, machine)
}

/** Starts the processes that every node has. */
export function startNode(world: World, machine: Machine): void {
  for (const name of ['kubelet', 'kube-proxy']) startDaemon(world, machine, name)
}

/** A machine's own addresses: IPv4 first, in the order of its devices. */
export function addressesOf(world: World, machine: Machine): string[] {
  const found: string[] = []
  for (const link of linksOf(netnsOf(world, machine.rootNs))) {
    if (link.kind !== 'phys') continue
    for (const { addr, scope } of link.addrs) if (scope === 0) found.push(formatIp(addr))
  }
  return found.sort((a, b) => Number(a.includes(':')) - Number(b.includes(':')))
}

export function startDaemon(world: World, machine: Machine, name: string): void {
  spawn(world, {
    machine: machine.id,
    ns: machine.rootNs,
    program: name,
    argv: [name],
    env: new Map(),
    cwd: '/',
    fds: new Map(),
    ppid: 0,
    parentNs: 0,
  })
}

/** `kubeadm join [ADDRESS:PORT]`: this machine becomes a worker of the lab's cluster. */
export const kubeadmProgram: Program = {
  name: 'kubeadm',
  help: 'kubeadm join: this machine becomes a worker of the cluster (tokens are not modelled)',
  start(ctx) {
    const [command = '', ...rest] = ctx.proc.argv.slice(1)
    if (command !== 'join') fail(ctx, 1, `error: kubeadm ${command}: not modelled in Kubehop`)
    else join(ctx, rest)
  },
  on() {},
  complete: ({ words }) => (words.length === 2 ? ['join'] : []),
}

function join(ctx: ProcCtx, args: readonly string[]): void {
  const { world, machine } = ctx
  const [flag] = args.filter((word) => word.startsWith('-'))
  const endpoint = findCluster(world)?.options.apiEndpoint
  const asked = args.find((word) => !word.startsWith('-')) ?? endpoint
  let wrong = ''
  if (flag !== undefined) wrong = `kubeadm join ${flag}: not modelled in Kubehop`
  else if (endpoint === undefined) wrong = 'the lab has no cluster to join'
  else if (asked !== endpoint) wrong = `couldn't validate the identity of the API Server at ${asked}`
  else if (nodeOfMachine(world, machine.id) !== undefined) {
    wrong =
      'error execution phase preflight: [preflight] Some fatal errors occurred:\n\t[ERROR Port-10250]: Port 10250 is in use'
  } else if (addressesOf(world, machine).length === 0) wrong = 'this machine has no address yet'
  if (wrong !== '') {
    fail(ctx, 1, wrong)
    return
  }
  out(ctx, '[preflight] Running pre-flight checks\n')
  prepareNode(world, machine, 'worker')
  out(ctx, '[kubelet-start] Starting the kubelet\n')
  startNode(world, machine)
  out(ctx, JOINED)
  exitProcess(ctx, 0)
}

/** The plugins' files, and the configuration where it needs no range of the node's own. */
function installCni(world: World, machine: Machine, { cniConf }: ClusterOptions): void {
  const { files } = cniHost(world, machine.id)
  makeDirs(files, BIN_DIR)
  makeDirs(files, CONF_DIR)
  for (const plugin of CNI_PLUGINS) writeFile(files, `${BIN_DIR}/${plugin}`, '\u007fELF')
  for (const { file, text } of cniConf) {
    if (!text.includes('{{.PodCIDR}}')) writeFile(files, `${CONF_DIR}/${file}`, text)
  }
}

/**
 * A machine that nobody gave a name server asks its gateway, as DHCP would have told it: CoreDNS does not start where
 * its node has none.
 */
function giveResolver(world: World, machine: Machine): void {
  const { files, ns } = cniHost(world, machine.id)
  if (/^nameserver\s/m.test(readFile(files, '/etc/resolv.conf').text)) return
  const route = routesOf(ns, 4).find(({ len }) => len === 0)
  const via = route?.nexthops[0]?.via
  if (via !== undefined && via !== null) writeFile(files, '/etc/resolv.conf', `nameserver ${formatIp(via)}\n`)
}
