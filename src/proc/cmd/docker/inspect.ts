/** docker inspect: what is known of a container or a network, in the shape of docker's API 1.49, without what is not modelled. */
import { environOf } from '../../../run/env.ts'
import { formatIp, formatMac } from '../../../base/addr.ts'
import type { Container, ProcCtx } from '../../../run/types.ts'
import { dateText } from '../../clock.ts'
import { err, finish } from '../../program.ts'
import type { Verb } from './cli.ts'
import { subnetText } from './networks.ts'
import type { Box, DockerState, Network } from './state.ts'
import { dockerOf, findBox, findNetwork } from './state.ts'
import { fillTemplate } from './template.ts'

export const INSPECT: Verb = {
  usage: 'inspect [OPTIONS] NAME|ID [NAME|ID...]',
  short: 'f:s',
  long: ['format=', 'type=', 'size'],
  min: 1,
  max: -1,
  run(ctx, { operands, flags }) {
    const state = dockerOf(ctx.machine)
    const values: unknown[] = []
    const missing: string[] = []
    for (const name of operands) {
      const box = findBox(ctx.machine, name)
      const docker = box === undefined ? undefined : state?.boxes.get(box.id)
      const network = state === undefined ? undefined : findNetwork(state, name)
      if (box !== undefined && docker !== undefined && state !== undefined) {
        values.push(inspectBox(ctx, state, box, docker))
      } else if (network !== undefined && state !== undefined)
        values.push(inspectNetwork(ctx, state, network))
      else missing.push(name)
    }
    const format = flags.get('f') ?? flags.get('format')
    const text =
      format === undefined
        ? `${JSON.stringify(values, null, 4)}\n`
        : values
            .map((one) => `${fillTemplate(format.replaceAll('\\n', '\n').replaceAll('\\t', '\t'), one)}\n`)
            .join('')
    for (const name of missing) err(ctx, `Error: No such object: ${name}\n`)
    finish(ctx, text, missing.length === 0 ? 0 : 1)
  },
}

/** A network as `docker network inspect` shows it. */
export function inspectNetwork(ctx: ProcCtx, state: DockerState, network: Network): Record<string, unknown> {
  const containers: Record<string, unknown> = {}
  for (const docker of state.boxes.values()) {
    for (const end of docker.endpoints.filter((one) => one.network === network.name)) {
      containers[docker.id] = {
        Name: ctx.machine.containers.get(docker.id)?.name ?? '',
        EndpointID: end.id,
        MacAddress: formatMac(end.mac),
        IPv4Address: `${formatIp(end.addr)}/${network.len}`,
        IPv6Address: '',
      }
    }
  }
  const bridge = network.driver === 'bridge'
  return {
    Name: network.name,
    Id: network.id,
    Created: timeText(network.createdAt),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: bridge ? [{ Subnet: subnetText(network), Gateway: formatIp(network.gateway) }] : null,
    },
    Internal: false,
    Attachable: false,
    Ingress: false,
    Containers: containers,
    Options: bridge ? { 'com.docker.network.bridge.name': network.dev } : {},
    Labels: {},
  }
}

function inspectBox(ctx: ProcCtx, state: DockerState, box: Container, docker: Box): Record<string, unknown> {
  const folder = `/var/lib/docker/containers/${box.id}`
  const all = [...docker.entrypoint, ...docker.cmd]
  const env = [...environOf(box)]
    .filter(([key]) => !['HOSTNAME', 'HOME', 'TERM'].includes(key))
    .map(([k, v]) => `${k}=${v}`)
  return {
    Id: box.id,
    Created: timeText(box.createdAt),
    Path: all[0] ?? '',
    Args: all.slice(1),
    State: {
      Status: box.status,
      Running: box.status === 'running',
      Paused: false,
      Restarting: false,
      OOMKilled: false,
      Dead: false,
      Pid: box.pid,
      ExitCode: box.exitCode,
      Error: '',
      StartedAt: timeText(box.startedAt),
      FinishedAt: timeText(box.finishedAt),
    },
    Image: box.imageId,
    ResolvConfPath: `${folder}/resolv.conf`,
    HostnamePath: `${folder}/hostname`,
    HostsPath: `${folder}/hosts`,
    LogPath: `${folder}/${box.id}-json.log`,
    Name: `/${box.name}`,
    RestartCount: box.restarts,
    Driver: 'overlay2',
    Platform: 'linux',
    HostConfig: {
      NetworkMode: docker.mode,
      PortBindings: bindings(docker.ports, true),
      AutoRemove: docker.autoRemove,
      PublishAllPorts: docker.publishAll,
    },
    Config: {
      Hostname: box.hostname,
      Tty: box.tty,
      OpenStdin: docker.interactive,
      ExposedPorts: Object.fromEntries(docker.exposed.map((one) => [one, {}])),
      Env: env,
      Cmd: docker.cmd,
      Image: box.image,
      WorkingDir: box.cwd === '/' ? '' : box.cwd,
      Entrypoint: docker.entrypoint.length === 0 ? null : docker.entrypoint,
      Labels: { ...box.labels },
      StopSignal: docker.stopSignal,
    },
    NetworkSettings: networkSettings(ctx, state, box, docker),
  }
}

function networkSettings(
  ctx: ProcCtx,
  state: DockerState,
  box: Container,
  docker: Box,
): Record<string, unknown> {
  const shared = docker.mode.startsWith('container:')
  const sandbox = shared ? undefined : ctx.machine.sandboxes.get(box.sandbox)
  const networks: Record<string, unknown> = {}
  const names = docker.networks.length > 0 || shared ? docker.networks : [docker.mode]
  for (const name of names) {
    const network = state.networks.find((one) => one.name === name)
    const end = docker.endpoints.find((one) => one.network === name)
    networks[name] = {
      IPAMConfig: null,
      Links: null,
      Aliases: null,
      MacAddress: end === undefined ? '' : formatMac(end.mac),
      NetworkID: network?.id ?? '',
      EndpointID: end?.id ?? '',
      Gateway: end === undefined || network === undefined ? '' : formatIp(network.gateway),
      IPAddress: end === undefined ? '' : formatIp(end.addr),
      IPPrefixLen: end === undefined ? 0 : (network?.len ?? 0),
    }
  }
  const own = (networks.bridge ?? {}) as Record<string, unknown>
  const ports: Record<string, unknown> = {}
  if (docker.endpoints.length > 0) {
    for (const one of docker.exposed) ports[one] = null
    Object.assign(ports, bindings(docker.bound, false))
  }
  return {
    Bridge: '',
    SandboxID: sandbox?.id ?? '',
    SandboxKey: sandbox?.key ?? '',
    Ports: ports,
    EndpointID: own.EndpointID ?? '',
    Gateway: own.Gateway ?? '',
    IPAddress: own.IPAddress ?? '',
    IPPrefixLen: own.IPPrefixLen ?? 0,
    MacAddress: own.MacAddress ?? '',
    Networks: networks,
  }
}

function bindings(
  list: Box['ports'],
  asked: boolean,
): Record<string, { HostIp: string; HostPort: string }[]> {
  const result: Record<string, { HostIp: string; HostPort: string }[]> = {}
  for (const one of list) {
    const ip = asked && one.ip === '0.0.0.0' ? '' : one.ip
    const key = `${one.port}/${one.proto}`
    result[key] = [...(result[key] ?? []), { HostIp: ip, HostPort: one.host === 0 ? '' : String(one.host) }]
  }
  return result
}

/** RFC 3339 with nanoseconds; Go's zero time for never. */
function timeText(ns: number): string {
  return ns < 0 ? '0001-01-01T00:00:00Z' : dateText(ns, '%FT%T.%NZ')
}
