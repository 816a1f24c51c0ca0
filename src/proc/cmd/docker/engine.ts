/** What the daemon does with containers: made, started, ended, forgotten. Models daemon/ and libnetwork of moby 28. */
import { formatIp, formatMac } from '../../../base/addr.ts'
import { sockBind, sockClose, sockOpen } from '../../../net/sock/socket.ts'
import { tcpListen } from '../../../net/sock/tcp.ts'
import {
  createContainer,
  createSandbox,
  machineRng,
  putContainerFile,
  randomHex,
  removeContainer,
  removeSandbox,
  startContainer,
} from '../../../run/container.ts'
import { readFile } from '../../../run/files.ts'
import { killProcess, spawn } from '../../../run/process.ts'
import type { Container, Fd, ProcCtx, Sandbox } from '../../../run/types.ts'
import { findProgram } from '../../shell/simple.ts'
import type { Image } from './images.ts'
import { commandOf, findImage, fullName, imageList } from './images.ts'
import { boxName } from './names.ts'
import { connect, disconnect } from './networks.ts'
import { portRules } from './rules.ts'
import type { Box, DockerState, PortBinding } from './state.ts'
import { findBox, findNetwork, hostNs, refuse, touchDocker } from './state.ts'

/** What `docker run` and `docker create` say. */
export interface CreateSpec {
  image: string
  name: string
  command: string[]
  entrypoint: string[] | undefined
  env: string[]
  labels: string[]
  cwd: string
  hostname: string
  network: string
  ports: PortBinding[]
  publishAll: boolean
  expose: string[]
  autoRemove: boolean
  tty: boolean
  interactive: boolean
}

/** Containers that one machine may have. */
export const BOXES_MAX = 100

const OCI = 'failed to create task for container: failed to create shim task: OCI runtime create failed: '
const INIT = `${OCI}runc create failed: unable to start container process: error during container init: `

/** Makes a container that does not run yet. Faults are docker's, with the exit code of `docker run`. */
export function createBox(ctx: ProcCtx, spec: CreateSpec): Container {
  const state = touchDocker(ctx.world, ctx.machine)
  if (state === undefined) refuse('the daemon is not running', 125)
  if (ctx.machine.containers.size >= BOXES_MAX)
    refuse(`Kubehop keeps at most ${BOXES_MAX} containers on a machine`, 125)
  const found = findImage(spec.image)
  if (found === undefined) refuse(noImage(spec.image), 125)
  const { image, tag } = found
  const id = randomHex(machineRng(ctx.world, ctx.machine), 64)
  const name = spec.name === '' ? boxName(machineRng(ctx.world, ctx.machine), ctx.machine) : spec.name
  checkName(ctx, name)
  const mode = networkMode(ctx, state, spec.network)
  const entrypoint = spec.entrypoint ?? [...image.entrypoint]
  const standard = spec.entrypoint === undefined ? [...commandOf(image, tag)] : []
  const cmd = spec.command.length > 0 ? spec.command : standard
  if (entrypoint.length + cmd.length === 0) refuse('no command specified', 125)
  const shared = mode.startsWith('container:') ? ctx.machine.containers.get(mode.slice(10)) : undefined
  const own = spec.hostname === '' ? id.slice(0, 12) : spec.hostname
  const hostname = mode === 'host' ? ctx.machine.hostname : (shared?.hostname ?? own)
  const argv = processArgv(image, entrypoint, cmd)
  const box = createContainer(ctx.world, ctx.machine.id, {
    id,
    name,
    runtime: 'docker',
    image: spec.image,
    imageId: `sha256:${image.id}`,
    program: '',
    argv,
    env: environment(image, spec, hostname),
    cwd: spec.cwd === '' ? image.cwd : spec.cwd,
    hostname,
    tty: spec.tty,
    labels: Object.freeze(Object.fromEntries(spec.labels.map(pair))),
    base: image.files,
  })
  const docker: Box = {
    id,
    mode,
    ports: spec.ports,
    publishAll: spec.publishAll,
    exposed: [
      ...new Set([...image.exposed, ...spec.expose, ...spec.ports.map((one) => `${one.port}/${one.proto}`)]),
    ],
    bound: [],
    proxies: [],
    endpoints: [],
    networks: /^(host|container:)/.test(mode) ? [] : [mode],
    entrypoint,
    cmd,
    stopSignal: image.stopSignal,
    autoRemove: spec.autoRemove,
    interactive: spec.interactive,
  }
  state.boxes.set(id, docker)
  return box
}

/** Starts a container: sandbox, network, published ports, first process. A fault leaves it as it was. */
export function startBox(
  ctx: ProcCtx,
  box: Container,
  options: { fds?: ReadonlyMap<number, Fd>; tty?: number; pgid?: number } = {},
): void {
  const state = touchDocker(ctx.world, ctx.machine)
  const docker = state?.boxes.get(box.id)
  if (state === undefined || docker === undefined || box.status === 'running') return
  box.program = programOf(ctx, box)
  const sandbox = sandboxFor(ctx, box, docker)
  try {
    docker.networks.forEach((name, i) => {
      const network = findNetwork(state, name)
      if (network === undefined)
        refuse(`failed to set up container networking: network ${name} not found`, 125)
      if (network.driver === 'bridge') docker.endpoints.push(connect(ctx, state, network, sandbox, i))
    })
    publish(ctx, state, box, docker)
  } catch (thrown) {
    release(ctx, state, box, docker)
    throw thrown
  }
  writeFiles(ctx, box, docker)
  if (startContainer(ctx.world, ctx.machine.id, box.id, sandbox.id, options) !== 0) return
  release(ctx, state, box, docker)
  refuse(`${OCI}runc create failed: unable to start container process: Resource temporarily unavailable`, 126)
}

/** After a container's end: cables, rules, proxies and sandbox go. Done once; the daemon calls it. */
export function boxEnded(ctx: ProcCtx, id: string): void {
  const state = touchDocker(ctx.world, ctx.machine)
  const box = ctx.machine.containers.get(id)
  const docker = state?.boxes.get(id)
  if (state === undefined || box === undefined || docker === undefined || box.status === 'running') return
  release(ctx, state, box, docker)
  if (docker.autoRemove) forgetBox(ctx, id)
}

/** Forgets a container that does not run. */
export function forgetBox(ctx: ProcCtx, id: string): void {
  const state = touchDocker(ctx.world, ctx.machine)
  state?.boxes.delete(id)
  removeContainer(ctx.world, ctx.machine.id, id)
}

/** What is said of an image that is not there. */
export function noImage(reference: string): string {
  const names = imageList().map((one) => one.repository)
  return (
    `nothing stands in for the image ${fullName(reference)} in Kubehop: no registry is reached from here. ` +
    `Images here: ${names.join(', ')}`
  )
}

/** The settings of the endpoint that a container is reached by. */
export function endpointText(docker: Box): { addr: string; mac: string } {
  const first = docker.endpoints[0]
  return first === undefined
    ? { addr: '', mac: '' }
    : { addr: formatIp(first.addr), mac: formatMac(first.mac) }
}

function release(ctx: ProcCtx, state: DockerState, box: Container, docker: Box): void {
  const network = state.networks.find((one) => one.name === docker.endpoints[0]?.network)
  for (const binding of docker.bound) {
    if (network !== undefined) portRules(ctx, state, network, docker.endpoints[0]!.addr, binding, false)
  }
  for (const pid of docker.proxies) killProcess(ctx, pid)
  for (const endpoint of docker.endpoints) disconnect(ctx, state, endpoint)
  docker.bound = []
  docker.proxies = []
  docker.endpoints = []
  const shared = docker.mode.startsWith('container:')
  if (!shared && box.sandbox !== '') removeSandbox(ctx.world, ctx.machine.id, box.sandbox)
  box.sandbox = ''
}

function sandboxFor(ctx: ProcCtx, box: Container, docker: Box): Sandbox {
  const { world, machine } = ctx
  if (docker.mode.startsWith('container:')) {
    const other = machine.containers.get(docker.mode.slice(10))
    if (other === undefined) refuse(`No such container: ${docker.mode.slice(10)}`, 125)
    const sandbox = machine.sandboxes.get(other.sandbox)
    if (sandbox === undefined) refuse(`cannot join network of a non running container: ${other.id}`, 125)
    return sandbox
  }
  const id = randomHex(machineRng(world, machine), 64)
  const host = docker.mode === 'host'
  const key = `/var/run/docker/netns/${host ? 'default' : id.slice(0, 12)}`
  const sandbox = createSandbox(world, machine.id, { id, name: box.name, key, hostname: box.hostname, host })
  box.sandbox = sandbox.id
  return sandbox
}

function publish(ctx: ProcCtx, state: DockerState, box: Container, docker: Box): void {
  const endpoint = docker.endpoints[0]
  const network = state.networks.find((one) => one.name === endpoint?.network)
  if (endpoint === undefined || network === undefined) return
  const asked = [...docker.ports]
  if (docker.publishAll) {
    for (const one of docker.exposed) {
      const [port, proto] = one.split('/') as [string, 'tcp' | 'udp']
      if (!asked.some((a) => a.port === Number(port) && a.proto === proto))
        asked.push({ ip: '0.0.0.0', host: 0, port: Number(port), proto })
    }
  }
  for (const one of asked) {
    const binding = { ...one, host: one.host === 0 ? freePort(ctx, state, one) : one.host }
    const why = portTaken(ctx, state, binding, endpoint.addr)
    const text = `driver failed programming external connectivity on endpoint ${box.name} (${endpoint.id})`
    if (why !== '') refuse(`failed to set up container networking: ${text}: ${why}`, 125)
    docker.bound.push(binding)
    if (state.userlandProxy) docker.proxies.push(startProxy(ctx, state, binding, endpoint.addr))
    portRules(ctx, state, network, endpoint.addr, binding, true)
  }
}

function portTaken(ctx: ProcCtx, state: DockerState, binding: PortBinding, addr: number): string {
  const { ip, host, port, proto } = binding
  for (const other of state.boxes.values()) {
    const clash = other.bound.some((one) => {
      const meet = one.ip === ip || one.ip === '0.0.0.0' || ip === '0.0.0.0'
      return one.host === host && one.proto === proto && meet
    })
    if (clash) return `Bind for ${ip}:${host} failed: port is already allocated`
  }
  const errno = tryBind(ctx, binding)
  if (errno === null) return ''
  const words = errno === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address'
  return `failed to bind host port for ${ip}:${host}:${formatIp(addr)}:${port}/${proto}: ${words}`
}

/** Whether the machine itself has the port free. */
function tryBind(ctx: ProcCtx, { ip, host, proto }: PortBinding): string | null {
  const ns = hostNs(ctx)
  const sock = sockOpen(ctx.world, ns, { kind: proto, family: 4, pid: ctx.proc.pid })
  if (sock.tcp !== null) sock.tcp.reuseAddr = true
  const errno =
    sockBind(ctx.world, ns, sock, { addr: addrOf(ip), port: host }) ??
    (proto === 'tcp' ? tcpListen(ctx.world, ns, sock, 1) : null)
  sockClose(ctx.world, ns, sock)
  return errno
}

function freePort(ctx: ProcCtx, state: DockerState, binding: PortBinding): number {
  const taken = new Set([...state.boxes.values()].flatMap((box) => box.bound.map((one) => one.host)))
  for (let port = 32768; port < 61000; port++) {
    if (!taken.has(port) && tryBind(ctx, { ...binding, host: port }) === null) return port
  }
  refuse('all ports are allocated', 125)
}

function startProxy(
  ctx: ProcCtx,
  state: DockerState,
  { ip, host, port, proto }: PortBinding,
  addr: number,
): number {
  const to = ['-container-ip', formatIp(addr), '-container-port', String(port)]
  return spawn(ctx.world, {
    machine: ctx.machine.id,
    ns: ctx.machine.rootNs,
    program: 'docker-proxy',
    argv: [
      '/usr/bin/docker-proxy',
      '-proto',
      proto,
      '-host-ip',
      ip,
      '-host-port',
      String(host),
      ...to,
      '-use-listen-fd',
    ],
    env: new Map(),
    cwd: '/',
    fds: new Map(),
    ppid: state.pid,
    parentNs: ctx.machine.rootNs,
  })
}

function addrOf(ip: string): number {
  const parts = ip.split('.').map(Number)
  return parts.reduce((sum, part) => (sum << 8) | part, 0)
}

/** The program of a container's first process: an entrypoint that only sets things up hands over to the command. */
function programOf(ctx: ProcCtx, box: Container): string {
  const name = box.argv[0] ?? ''
  const found = findProgram({ ...ctx, proc: { ...ctx.proc, container: box.id, cwd: box.cwd } }, name)
  if (found.error === '' && found.script === '') return found.program
  if (found.error === '') {
    box.argv = [found.program, found.script, ...box.argv.slice(1)]
    return found.program
  }
  if (found.error === 'not modelled') refuse(`${INIT}exec: "${name}": not modelled in Kubehop`, 127)
  if (found.code === 126) refuse(`${INIT}exec: "${name}": permission denied`, 126)
  const why = name.includes('/')
    ? `stat ${name}: no such file or directory`
    : 'executable file not found in $PATH'
  refuse(`${INIT}exec: "${name}": ${why}`, 127)
}

/** The command of an image: an entrypoint that only sets things up hands over to the command. */
export function processArgv(image: Image, entrypoint: readonly string[], cmd: readonly string[]): string[] {
  const all = [...entrypoint, ...cmd]
  const setup = /(^|\/)docker-entrypoint\.sh$/.test(all[0] ?? '') && image.entrypoint.length > 0
  const argv = setup ? all.slice(1) : all
  // Their files are programs of Kubehop.
  const own = /^\/(pause|coredns)$/.exec(argv[0] ?? '')
  return own === null ? argv : [own[1]!, ...argv.slice(1)]
}

function environment(image: Image, spec: CreateSpec, hostname: string): Map<string, string> {
  const env = new Map(image.env.map(pair))
  env.set('HOSTNAME', hostname)
  if (spec.tty) env.set('TERM', 'xterm')
  env.set('HOME', '/root')
  for (const one of spec.env) env.set(...pair(one))
  return env
}

function pair(text: string): [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function checkName(ctx: ProcCtx, name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    refuse(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`, 125)
  }
  const other = [...ctx.machine.containers.values()].find((one) => one.name === name)
  if (other === undefined) return
  const rename = 'You have to remove (or rename) that container to be able to reuse that name.'
  refuse(
    `Conflict. The container name "/${name}" is already in use by container "${other.id}". ${rename}`,
    125,
  )
}

function networkMode(ctx: ProcCtx, state: DockerState, text: string): string {
  if (text === '' || text === 'default') return 'bridge'
  if (text.startsWith('container:')) {
    const other = findBox(ctx.machine, text.slice(10))
    if (other === undefined) refuse(`No such container: ${text.slice(10)}`, 125)
    return `container:${other.id}`
  }
  const network = findNetwork(state, text)
  if (network === undefined) refuse(`failed to set up container networking: network ${text} not found`, 125)
  return network.name
}

/** /etc/hosts, /etc/hostname and /etc/resolv.conf, as docker writes them at every start. */
function writeFiles(ctx: ProcCtx, box: Container, docker: Box): void {
  const put = (path: string, text: string) => putContainerFile(ctx.world, ctx.machine.id, box.id, path, text)
  const host = { ...ctx, ns: hostNs(ctx), proc: { cwd: '/' } }
  const resolv = readFile(host, '/etc/resolv.conf').text
  if (docker.mode === 'host') {
    put('/etc/hosts', readFile(host, '/etc/hosts').text)
    put('/etc/resolv.conf', resolv)
    return
  }
  const shared = docker.mode.startsWith('container:')
    ? ctx.machine.containers.get(docker.mode.slice(10))
    : undefined
  if (shared !== undefined) {
    for (const path of ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf']) {
      const node = shared.files.get(path)
      if (node != null) put(path, node.text)
    }
    return
  }
  const own = docker.endpoints.map((one) => `${formatIp(one.addr)}\t${box.hostname}\n`).join('')
  put('/etc/hosts', `${HOSTS}${own}`)
  put('/etc/hostname', `${box.hostname}\n`)
  put('/etc/resolv.conf', docker.endpoints.length === 0 ? resolv : resolvText(resolv))
}

const HOSTS =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n' +
  'ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n'

/** The machine's name servers but those on its loopback; where none is left, docker's standard ones. */
function resolvText(host: string): string {
  const lines = host.split('\n').filter((line) => line !== '' && !/^(#|nameserver\s+127\.)/.test(line))
  const none = !lines.some((line) => line.startsWith('nameserver'))
  const servers = none ? [...lines, 'nameserver 8.8.8.8', 'nameserver 8.8.4.4'] : lines
  const used = none ? '# Used default nameservers.\n' : ''
  return (
    '# Generated by Docker Engine.\n# This file can be edited; Docker Engine will not make further changes once it\n' +
    `# has been modified.\n\n${servers.join('\n')}\n\n# Based on host file: '/etc/resolv.conf' (legacy)\n${used}# Overrides: []\n`
  )
}
