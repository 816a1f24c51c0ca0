/** What docker keeps on a machine: plain data in `Machine.engine`, and how it is found. */
import type { Netns, World } from '../../../net/types.ts'
import { netnsOf } from '../../../net/world.ts'
import type { Container, Machine, ProcCtx } from '../../../run/types.ts'
import { touch } from '../../../sim/dispatch.ts'

/** `[ip:]host:port/proto`. `host` 0: any free one. */
export interface PortBinding {
  ip: string
  host: number
  port: number
  proto: 'tcp' | 'udp'
}

/** A container's place on a network. */
export interface Endpoint {
  id: string
  network: string
  addr: number
  mac: number
  /** The end on the machine. */
  hostIf: string
  /** The names of its end in the container. */
  dev: string
}

export interface Network {
  id: string
  name: string
  driver: 'bridge' | 'host' | 'null'
  createdAt: number
  /** The bridge device, '' for host and none. */
  dev: string
  subnet: number
  len: number
  gateway: number
}

/** What docker knows of a container beyond `run`'s record. */
export interface Box {
  id: string
  /** `bridge`, `none`, `host`, `container:ID` or a network's name. */
  mode: string
  ports: PortBinding[]
  publishAll: boolean
  exposed: string[]
  /** What is published now, and the processes that stand in for it on the machine. */
  bound: PortBinding[]
  proxies: number[]
  endpoints: Endpoint[]
  /** Networks that it joins at its start. */
  networks: string[]
  entrypoint: string[]
  cmd: string[]
  stopSignal: string
  autoRemove: boolean
  interactive: boolean
}

export interface DockerState {
  type: 'docker'
  /** dockerd's process, 0 while it does not run. */
  pid: number
  bip: string
  userlandProxy: boolean
  networks: Network[]
  boxes: Map<string, Box>
}

/** Docker on this machine, undefined where it was never started. */
export function dockerOf(machine: Machine): DockerState | undefined {
  const state = machine.engine as DockerState | undefined
  return state?.type === 'docker' ? state : undefined
}

/** Docker on a machine, for writing. */
export function touchDocker(world: World, machine: Machine): DockerState | undefined {
  touch(world, machine.id)
  return dockerOf(machine)
}

/** Takes note of a container that a kubelet made through docker: `mode` as for Box. */
export function noteBox(
  world: World,
  machine: Machine,
  box: Container,
  mode: string,
  entrypoint: readonly string[] = [],
  cmd: readonly string[] = box.argv,
): void {
  const lists = {
    ports: [],
    exposed: [],
    bound: [],
    proxies: [],
    endpoints: [],
    networks: [],
    entrypoint: [...entrypoint],
  }
  const flags = { publishAll: false, autoRemove: false, interactive: false, stopSignal: 'SIGTERM' }
  touchDocker(world, machine)?.boxes.set(box.id, { id: box.id, mode, ...lists, ...flags, cmd: [...cmd] })
}

/** The machine's own namespace, for writing: docker works there whoever calls it. */
export function hostNs(ctx: { world: World; machine: Machine }): Netns {
  touch(ctx.world, ctx.machine.rootNs)
  return netnsOf(ctx.world, ctx.machine.rootNs)
}

/** A mistake that ends a command: docker's words and its exit code. */
export interface DockerFault {
  docker: string
  code: number
}

export function isDockerFault(thrown: unknown): thrown is DockerFault {
  return typeof thrown === 'object' && thrown !== null && 'docker' in thrown
}

/** Ends what is being done with words of the daemon. */
export function refuse(text: string, code = 1): never {
  throw { docker: `Error response from daemon: ${text}`, code } satisfies DockerFault
}

/** The container by name, id or the beginning of an id. */
export function findBox(machine: Machine, name: string): Container | undefined {
  const plain = name.replace(/^\//, '')
  for (const box of machine.containers.values()) if (box.name === plain || box.id === plain) return box
  if (!/^[0-9a-f]+$/.test(plain)) return undefined
  const list = [...machine.containers.values()].filter((box) => box.id.startsWith(plain))
  return list.length === 1 ? list[0] : undefined
}

export function needBox(ctx: ProcCtx, name: string): { box: Container; docker: Box; state: DockerState } {
  const box = findBox(ctx.machine, name)
  const state = dockerOf(ctx.machine)
  const docker = box === undefined ? undefined : state?.boxes.get(box.id)
  if (box === undefined || docker === undefined || state === undefined) refuse(`No such container: ${name}`)
  return { box, docker, state }
}

export function findNetwork(state: DockerState, name: string): Network | undefined {
  const exact = state.networks.find((one) => one.name === name || one.id === name)
  if (exact !== undefined || name.length < 3) return exact
  return state.networks.find((one) => one.id.startsWith(name))
}
