/**
 * The packet filter as docker 28.1 writes it, through iptables. Models libnetwork/drivers/bridge/internal/iptabler and
 * the chains DOCKER-USER and FORWARD of moby 28. Not here: ip6tables, internal and routed networks, swarm.
 */
import { formatIp } from '../../../base/addr.ts'
import { sysctlGet, sysctlSet } from '../../../net/sysctl.ts'
import type { ProcCtx } from '../../../run/types.ts'
import { runCommand } from '../../iptables/apply.ts'
import { parseCommand } from '../../iptables/command.ts'
import { isFault } from '../../iptables/words.ts'
import type { DockerState, Endpoint, Network, PortBinding } from './state.ts'
import { hostNs } from './state.ts'

const FILTER_CHAINS = [
  'DOCKER',
  'DOCKER-FORWARD',
  'DOCKER-BRIDGE',
  'DOCKER-CT',
  'DOCKER-ISOLATION-STAGE-1',
  'DOCKER-ISOLATION-STAGE-2',
]

/** Chains and jumps of a daemon that starts: what an earlier one left is flushed. */
export function setupChains(ctx: ProcCtx, state: DockerState): void {
  const to = 'OUTPUT -m addrtype --dst-type LOCAL -j DOCKER'
  const local = '! --dst 127.0.0.0/8'
  for (const rule of ['PREROUTING -m addrtype --dst-type LOCAL -j DOCKER', to, `${to} ${local}`])
    drop(ctx, 'nat', rule)
  chain(ctx, 'nat', 'DOCKER')
  for (const name of FILTER_CHAINS) chain(ctx, 'filter', name)
  append(ctx, 'nat', 'PREROUTING -m addrtype --dst-type LOCAL -j DOCKER')
  append(ctx, 'nat', state.userlandProxy ? `${to} ${local}` : to)
  top(ctx, 'filter', 'FORWARD', '-j DOCKER-FORWARD')
  for (const name of ['DOCKER-BRIDGE', 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-CT'])
    top(ctx, 'filter', 'DOCKER-FORWARD', `-j ${name}`)
}

/** The chain for the user's own rules stays as it is, at the top. */
export function setupUserChain(ctx: ProcCtx): void {
  iptables(ctx, '-t filter -N DOCKER-USER')
  append(ctx, 'filter', 'DOCKER-USER -j RETURN')
  top(ctx, 'filter', 'FORWARD', '-j DOCKER-USER')
}

/** The daemon switches forwarding on, and only then closes FORWARD to everybody else's packets. */
export function setupForwarding(ctx: ProcCtx): void {
  const ns = hostNs(ctx)
  if (sysctlGet(ctx.world, ns, 'net.ipv4.ip_forward') === '1') return
  sysctlSet(ctx.world, ns, 'net.ipv4.ip_forward', '1')
  iptables(ctx, '-t filter -P FORWARD DROP')
}

/** A bridge network's rules. */
export function networkRules(ctx: ProcCtx, state: DockerState, network: Network, add: boolean): void {
  const dev = network.dev
  const masq = `POSTROUTING -s ${formatIp(network.subnet)}/${network.len} ! -o ${dev} -j MASQUERADE`
  const own = `POSTROUTING -m addrtype --src-type LOCAL -o ${dev} -j MASQUERADE`
  insertOr(ctx, 'nat', masq, add)
  if (state.userlandProxy) insertOr(ctx, 'nat', `DOCKER -i ${dev} -j RETURN`, add)
  else insertOr(ctx, 'nat', own, add)
  appendOr(ctx, 'filter', `DOCKER-FORWARD -i ${dev} -j ACCEPT`, add)
  appendOr(ctx, 'filter', `DOCKER ! -i ${dev} -o ${dev} -j DROP`, add)
  appendOr(ctx, 'filter', `DOCKER-CT -o ${dev} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`, add)
  appendOr(ctx, 'filter', `DOCKER-BRIDGE -o ${dev} -j DOCKER`, add)
  appendOr(ctx, 'filter', `DOCKER-ISOLATION-STAGE-1 -i ${dev} ! -o ${dev} -j DOCKER-ISOLATION-STAGE-2`, add)
  insertOr(ctx, 'filter', `DOCKER-ISOLATION-STAGE-2 -o ${dev} -j DROP`, add)
}

/** Nobody but the bridge and the machine itself may address a container directly. */
export function endpointRules(ctx: ProcCtx, network: Network, endpoint: Endpoint, add: boolean): void {
  appendOr(ctx, 'raw', `PREROUTING -d ${formatIp(endpoint.addr)} ! -i ${network.dev} -j DROP`, add)
}

/** A published port: the destination changes in DOCKER, and FORWARD lets it in. */
export function portRules(
  ctx: ProcCtx,
  state: DockerState,
  network: Network,
  addr: number,
  { ip, host, port, proto }: PortBinding,
  add: boolean,
): void {
  const to = formatIp(addr)
  const where = ip === '0.0.0.0' ? '' : ` -d ${ip}`
  const from = state.userlandProxy ? ` ! -i ${network.dev}` : ''
  if (ip.startsWith('127.'))
    appendOr(ctx, 'raw', `PREROUTING -p ${proto} -d ${ip} --dport ${host} ! -i lo -j DROP`, add)
  appendOr(
    ctx,
    'nat',
    `DOCKER -p ${proto}${where} --dport ${host}${from} -j DNAT --to-destination ${to}:${port}`,
    add,
  )
  if (!state.userlandProxy)
    appendOr(ctx, 'nat', `POSTROUTING -p ${proto} -s ${to} -d ${to} --dport ${port} -j MASQUERADE`, add)
  const open = `DOCKER ! -i ${network.dev} -o ${network.dev} -p ${proto} -d ${to} --dport ${port} -j ACCEPT`
  insertOr(ctx, 'filter', open, add)
}

function appendOr(ctx: ProcCtx, table: string, rule: string, add: boolean): void {
  if (add) append(ctx, table, rule)
  else drop(ctx, table, rule)
}

function insertOr(ctx: ProcCtx, table: string, rule: string, add: boolean): void {
  if (!add) drop(ctx, table, rule)
  else if (!iptables(ctx, `-t ${table} -C ${rule}`)) iptables(ctx, `-t ${table} -I ${rule}`)
}

function append(ctx: ProcCtx, table: string, rule: string): void {
  if (!iptables(ctx, `-t ${table} -C ${rule}`)) iptables(ctx, `-t ${table} -A ${rule}`)
}

function drop(ctx: ProcCtx, table: string, rule: string): void {
  if (iptables(ctx, `-t ${table} -C ${rule}`)) iptables(ctx, `-t ${table} -D ${rule}`)
}

/** A jump at the top of a chain, moved there where it is already. */
function top(ctx: ProcCtx, table: string, name: string, rule: string): void {
  drop(ctx, table, `${name} ${rule}`)
  iptables(ctx, `-t ${table} -I ${name} ${rule}`)
}

function chain(ctx: ProcCtx, table: string, name: string): void {
  iptables(ctx, `-t ${table} -N ${name}`)
  iptables(ctx, `-t ${table} -F ${name}`)
}

/** One iptables command in the machine's namespace. False where it was refused. */
function iptables(ctx: ProcCtx, line: string): boolean {
  const words = line.split(' ')
  const base = { world: ctx.world, ns: hostNs(ctx), family: 4 as const, out: () => {}, host: formatIp }
  try {
    runCommand(base, parseCommand(words, { family: 4, lookup: () => undefined, warn: () => {} }))
    return true
  } catch (thrown) {
    if (!isFault(thrown)) throw thrown
    return false
  }
}
