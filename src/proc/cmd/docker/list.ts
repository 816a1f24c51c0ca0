/** docker ps, images, pull, port, version, and docker network. Tables as docker/cli 28 prints them. */
import { maskIp, parsePrefix } from '../../../base/addr.ts'
import { machineRng, randomHex } from '../../../run/container.ts'
import { exitProcess } from '../../../run/process.ts'
import type { Container, ProcCtx } from '../../../run/types.ts'
import { linkByName } from '../../../net/link/device.ts'
import { findNetns } from '../../../net/world.ts'
import type { Options } from '../../program.ts'
import { err, finish, out } from '../../program.ts'
import type { Verb } from './cli.ts'
import { age, table } from './cli.ts'
import { findImage, fullName, imageList } from './images.ts'
import { inspectNetwork } from './inspect.ts'
import { connect, disconnect, dropNetwork, endpointsOf, freeSubnet, raiseNetwork } from './networks.ts'
import type { Box, DockerState, Network } from './state.ts'
import { dockerOf, findNetwork, hostNs, needBox, refuse, touchDocker } from './state.ts'
import { fillTemplate } from './template.ts'

/** Networks that one machine may have. */
const NETWORKS_MAX = 40

export const PS: Verb = {
  usage: 'ps [OPTIONS]',
  short: 'aqln:f:',
  long: ['all', 'quiet', 'no-trunc', 'format=', 'latest', 'last=', 'filter=', 'size'],
  min: 0,
  max: 0,
  run(ctx, { flags, list }) {
    const has = (...names: string[]) => names.some((name) => flags.has(name))
    if (has('s', 'size')) refuse('docker ps --size: not modelled in Kubehop')
    const filters = list.filter(([name]) => name === 'f' || name === 'filter').map(([, text]) => text)
    const one = has('l', 'latest') ? 1 : Number(flags.get('n') ?? flags.get('last') ?? 0)
    let boxes = [...ctx.machine.containers.values()].filter((box) => box.runtime === 'docker').reverse()
    boxes = boxes.filter((box) => filters.every((text) => passes(box, text)))
    const byStatus = filters.some((text) => text.startsWith('status='))
    if (one > 0) boxes = boxes.slice(0, one)
    else if (!has('a', 'all') && !byStatus) boxes = boxes.filter((box) => box.status === 'running')
    const whole = has('no-trunc')
    if (has('q', 'quiet')) {
      return finish(ctx, boxes.map((box) => `${whole ? box.id : box.id.slice(0, 12)}\n`).join(''))
    }
    const rows = boxes.map((box) => rowOf(ctx, box, whole))
    const head = ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES']
    finish(
      ctx,
      shown(rows, head, ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'], flags),
    )
  },
}

export const IMAGES: Verb = {
  usage: 'images [OPTIONS] [REPOSITORY[:TAG]]',
  short: 'aq',
  long: ['all', 'quiet', 'no-trunc', 'format='],
  min: 0,
  max: 1,
  run(ctx, { flags, operands }) {
    const list = imageList().filter(
      (one) => operands[0] === undefined || findImage(operands[0])?.image === one,
    )
    const quiet = flags.has('q') || flags.has('quiet')
    const id = (text: string) => (flags.has('no-trunc') ? `sha256:${text}` : text.slice(0, 12))
    if (quiet) return finish(ctx, list.map((one) => `${id(one.id)}\n`).join(''))
    const rows = list.map((one) => [one.repository, one.tags[0]!, id(one.id), '5 weeks ago', one.size])
    const head = ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE']
    finish(ctx, shown(rows, head, ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'], flags))
  },
}

export const PULL: Verb = {
  usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  short: 'q',
  long: ['quiet'],
  min: 1,
  max: 1,
  run(ctx, { operands, flags }) {
    const reference = operands[0]!
    const found = findImage(reference)
    const full = fullName(reference)
    if (found === undefined) {
      const repository = full.slice(0, full.lastIndexOf(':'))
      const why = "repository does not exist or may require 'docker login'"
      const here = `nothing stands in for it in Kubehop. Images here: ${imageList()
        .map((one) => one.repository)
        .join(', ')}`
      refuse(`pull access denied for ${repository}, ${why}: ${here}`)
    }
    const { image, tag } = found
    const library = image.repository.includes('/')
      ? image.repository
      : `docker.io/library/${image.repository}`
    if (flags.has('q') || flags.has('quiet')) return finish(ctx, `${library}:${tag}\n`)
    const path = library.replace('docker.io/', '')
    if (full !== reference) out(ctx, 'Using default tag: latest\n')
    const text = `${tag}: Pulling from ${path}\nDigest: sha256:${[...image.id].reverse().join('')}\n`
    finish(ctx, `${text}Status: Image is up to date for ${full}\n${library}:${tag}\n`)
  },
}

export const PORT: Verb = {
  usage: 'port CONTAINER [PRIVATE_PORT[/PROTO]]',
  short: '',
  long: [],
  min: 1,
  max: 2,
  run(ctx, { operands }) {
    const { box, docker } = needBox(ctx, operands[0]!)
    const wanted = operands[1]
    if (wanted === undefined) {
      const lines = docker.bound.map((one) => `${one.port}/${one.proto} -> ${one.ip}:${one.host}\n`)
      return finish(ctx, lines.join(''))
    }
    const key = wanted.includes('/') ? wanted : `${wanted}/tcp`
    const lines = docker.bound.filter((one) => `${one.port}/${one.proto}` === key)
    if (lines.length === 0) {
      err(ctx, `no public port '${wanted}' published for ${box.name}\n`)
      return exitProcess(ctx, 1)
    }
    finish(ctx, lines.map((one) => `${one.ip}:${one.host}\n`).join(''))
  },
}

export const VERSION: Verb = {
  usage: 'version [OPTIONS]',
  short: '',
  long: [],
  min: 0,
  max: 0,
  run(ctx) {
    const lines = (name: string) =>
      `${name}\n Version:           28.1.1\n API version:       1.49\n OS/Arch:           linux/amd64\n`
    finish(
      ctx,
      `${lines('Client: Docker Engine - Community')}\n${lines('Server: Docker Engine - Community (Kubehop)')}`,
    )
  },
}

/** `docker network …`. */
export const NETWORK: Readonly<Record<string, Verb>> = {
  ls: {
    usage: 'network ls [OPTIONS]',
    short: 'qf:',
    long: ['quiet', 'no-trunc', 'format=', 'filter='],
    min: 0,
    max: 0,
    run(ctx, { flags }) {
      const networks = [...needDocker(ctx).networks].sort((a, b) => (a.name < b.name ? -1 : 1))
      const id = (text: string) => (flags.has('no-trunc') ? text : text.slice(0, 12))
      if (flags.has('q') || flags.has('quiet'))
        return finish(ctx, networks.map((one) => `${id(one.id)}\n`).join(''))
      const rows = networks.map((one) => [id(one.id), one.name, one.driver, 'local'])
      finish(
        ctx,
        shown(rows, ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE'], ['ID', 'Name', 'Driver', 'Scope'], flags),
      )
    },
  },
  inspect: {
    usage: 'network inspect [OPTIONS] NETWORK [NETWORK...]',
    short: 'f:v',
    long: ['format=', 'verbose'],
    min: 1,
    max: -1,
    run(ctx, { operands, flags }) {
      const state = needDocker(ctx)
      const values = operands.map((name) =>
        inspectNetwork(ctx, state, findNetwork(state, name) ?? noNetwork(name)),
      )
      const format = flags.get('f') ?? flags.get('format')
      if (format === undefined) return finish(ctx, `${JSON.stringify(values, null, 4)}\n`)
      finish(ctx, values.map((one) => `${fillTemplate(format, one)}\n`).join(''))
    },
  },
  create: {
    usage: 'network create [OPTIONS] NETWORK',
    short: 'd:o:',
    long: ['driver=', 'subnet=', 'gateway=', 'opt=', 'internal', 'ipv6', 'ip-range=', 'label='],
    min: 1,
    max: 1,
    run: createNetwork,
  },
  rm: {
    usage: 'network rm NETWORK [NETWORK...]',
    short: 'f',
    long: ['force'],
    min: 1,
    max: -1,
    run(ctx, { operands }) {
      for (const name of operands) {
        const state = touchDocker(ctx.world, ctx.machine) ?? needDocker(ctx)
        const network = findNetwork(state, name) ?? noNetwork(name)
        if (['bridge', 'host', 'none'].includes(network.name)) {
          refuse(
            `error while removing network: ${network.name} is a pre-defined network and cannot be removed`,
          )
        }
        if (endpointsOf(state, network.name).length > 0) {
          refuse(
            `error while removing network: network ${network.name} id ${network.id} has active endpoints`,
          )
        }
        dropNetwork(ctx, state, network)
        state.networks = state.networks.filter((one) => one !== network)
        out(ctx, `${name}\n`)
      }
      exitProcess(ctx, 0)
    },
  },
  connect: {
    usage: 'network connect [OPTIONS] NETWORK CONTAINER',
    short: '',
    long: ['ip=', 'alias=', 'link='],
    min: 2,
    max: 2,
    run: (ctx, options) => joinNetwork(ctx, options, true),
  },
  disconnect: {
    usage: 'network disconnect [OPTIONS] NETWORK CONTAINER',
    short: 'f',
    long: ['force'],
    min: 2,
    max: 2,
    run: (ctx, options) => joinNetwork(ctx, options, false),
  },
}

/** The command of a container as a table shows it. */
export function commandText(docker: Box | undefined, box: Container): string {
  return docker === undefined ? box.argv.join(' ') : [...docker.entrypoint, ...docker.cmd].join(' ')
}

function createNetwork(ctx: ProcCtx, { flags, list, operands }: Options): void {
  const state = touchDocker(ctx.world, ctx.machine) ?? needDocker(ctx)
  const name = operands[0]!
  const driver = flags.get('d') ?? flags.get('driver') ?? 'bridge'
  if (driver !== 'bridge') refuse(`network driver ${driver}: not modelled in Kubehop (bridge is)`)
  for (const one of ['internal', 'ipv6', 'ip-range', 'label']) {
    if (flags.has(one)) refuse(`docker network create --${one}: not modelled in Kubehop`)
  }
  if (state.networks.some((one) => one.name === name)) refuse(`network with name ${name} already exists`)
  const id = randomHex(machineRng(ctx.world, ctx.machine), 64)
  let dev = `br-${id.slice(0, 12)}`
  for (const [key, value] of list.filter(([key]) => key === 'o' || key === 'opt')) {
    const found = /^com\.docker\.network\.bridge\.name=([^\s/:]{1,15})$/.exec(value)
    if (found === null) refuse(`docker network create -${key} ${value}: not modelled in Kubehop`)
    dev = found[1]!
  }
  if (state.networks.length >= NETWORKS_MAX)
    refuse(`Kubehop keeps at most ${NETWORKS_MAX} networks on a machine`)
  if (linkByName(hostNs(ctx), dev) !== undefined)
    refuse(`the interface ${dev} exists already: not modelled in Kubehop`)
  const text = flags.get('subnet')
  const prefix = text === undefined ? undefined : parsePrefix(text)
  if (text !== undefined && (prefix === undefined || typeof prefix.addr !== 'number')) {
    refuse(`invalid subnet ${text}: invalid CIDR block notation`)
  }
  const { subnet, len } =
    prefix === undefined
      ? freeSubnet(ctx, state)
      : { subnet: Number(maskIp(prefix.addr, prefix.len)), len: prefix.len }
  const overlaps = state.networks.some((one) => {
    const short = Math.min(one.len, len)
    return one.driver === 'bridge' && maskIp(one.subnet, short) === maskIp(subnet, short)
  })
  if (overlaps) refuse('invalid pool request: Pool overlaps with other one on this address space')
  const given = flags.get('gateway')
  const gateway = given === undefined ? (subnet + 1) | 0 : Number(parsePrefix(`${given}/32`)?.addr ?? 0)
  const network: Network = { id, name, driver: 'bridge', createdAt: ctx.world.now, dev, subnet, len, gateway }
  state.networks.push(network)
  raiseNetwork(ctx, state, network)
  finish(ctx, `${id}\n`)
}

function joinNetwork(ctx: ProcCtx, { operands, flags }: Options, join: boolean): void {
  for (const one of ['ip', 'alias', 'link']) {
    if (flags.has(one)) refuse(`docker network connect --${one}: not modelled in Kubehop`)
  }
  const state = touchDocker(ctx.world, ctx.machine) ?? needDocker(ctx)
  const network = findNetwork(state, operands[0]!) ?? noNetwork(operands[0]!)
  const { box, docker } = needBox(ctx, operands[1]!)
  const sandbox = ctx.machine.sandboxes.get(box.sandbox)
  const has = docker.networks.includes(network.name)
  if (docker.mode === 'host' || network.driver === 'host') {
    refuse('container cannot be connected to host network or disconnected from it')
  }
  if (docker.mode.startsWith('container:')) {
    refuse(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  }
  const alone =
    join && docker.networks.length > 0 && (docker.networks.includes('none') || network.driver === 'null')
  if (alone) {
    refuse(
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    )
  }
  if (join && has) refuse(`endpoint with name ${box.name} already exists in network ${network.name}`)
  if (!join && !has) refuse(`container ${box.id} is not connected to network ${network.name}`)
  if (join) {
    docker.networks.push(network.name)
    if (sandbox !== undefined && network.driver === 'bridge') {
      const taken = new Set((findNetns(ctx.world, sandbox.ns)?.links ?? []).map((link) => link?.name))
      let order = 0
      while (taken.has(`eth${order}`)) order++
      docker.endpoints.push(connect(ctx, state, network, sandbox, order))
    }
  } else {
    docker.networks = docker.networks.filter((one) => one !== network.name)
    for (const one of docker.endpoints) if (one.network === network.name) disconnect(ctx, state, one)
    docker.endpoints = docker.endpoints.filter((one) => one.network !== network.name)
  }
  exitProcess(ctx, 0)
}

function needDocker(ctx: ProcCtx): DockerState {
  return dockerOf(ctx.machine) ?? refuse('the daemon is not running')
}

function noNetwork(name: string): never {
  refuse(`network ${name} not found`)
}

function rowOf(ctx: ProcCtx, box: Container, whole: boolean): string[] {
  const docker = dockerOf(ctx.machine)?.boxes.get(box.id)
  const command = commandText(docker, box)
  const cut = whole || command.length <= 20 ? command : `${command.slice(0, 19)}…`
  return [
    whole ? box.id : box.id.slice(0, 12),
    box.image,
    JSON.stringify(cut),
    `${age(ctx.world.now - box.createdAt)} ago`,
    statusText(ctx, box),
    portsText(docker, box),
    box.name,
  ]
}

/** `Up 5 seconds`, `Exited (0) 2 minutes ago`, `Created`. */
function statusText(ctx: ProcCtx, box: Container): string {
  if (box.status === 'running') return `Up ${age(ctx.world.now - box.startedAt)}`
  if (box.status === 'created') return 'Created'
  return `Exited (${box.exitCode}) ${age(ctx.world.now - box.finishedAt)} ago`
}

/** Published ports with where to, exposed ones alone. Those of a container without a network of its own are not told. */
function portsText(docker: Box | undefined, box: Container): string {
  if (docker === undefined || box.status !== 'running' || docker.endpoints.length === 0) return ''
  const bound = docker.bound.map((one) => `${one.ip}:${one.host}->${one.port}/${one.proto}`)
  const published = new Set(docker.bound.map((one) => `${one.port}/${one.proto}`))
  const open = docker.exposed.filter((one) => !published.has(one))
  return [...open, ...bound].join(', ')
}

function passes(box: Container, filter: string): boolean {
  const at = filter.indexOf('=')
  const [key, value] = [filter.slice(0, at), filter.slice(at + 1)]
  if (key === 'name') return box.name.includes(value.replace(/^\^?\/?|\$$/g, ''))
  if (key === 'id') return box.id.startsWith(value)
  if (key === 'status') return box.status === value
  if (key === 'ancestor') return fullName(box.image) === fullName(value)
  if (key === 'label')
    return Object.entries(box.labels).some(([k, v]) => value === k || value === `${k}=${v}`)
  return refuse(`invalid filter '${key}'`)
}

/** A table, or one line a row by a template. */
function shown(
  rows: readonly string[][],
  head: readonly string[],
  keys: readonly string[],
  flags: ReadonlyMap<string, string>,
): string {
  const format = flags.get('format')
  if (format === undefined || format === 'table') return table([head, ...rows])
  const records = rows.map((row) => Object.fromEntries(keys.map((key, i) => [key, row[i] ?? ''])))
  if (format === 'json') return records.map((one) => `${JSON.stringify(one)}\n`).join('')
  const plain = format
    .replace(/^table\s+/, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
  if (!format.startsWith('table')) return records.map((one) => `${fillTemplate(plain, one)}\n`).join('')
  const titles = Object.fromEntries(keys.map((key, i) => [key, head[i] ?? '']))
  return table([titles, ...records].map((one) => fillTemplate(plain, one).split('\t')))
}
