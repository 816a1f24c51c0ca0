/**
 * crictl: what containerd runs on a node. Models cri-tools 1.32's tables for pods, containers and images, logs, exec,
 * inspectp and stop. Not here: inspect, stats, pulling and everything that makes pods by hand.
 */
import { environOf } from '../../run/env.ts'
import { formatIp } from '../../base/addr.ts'
import { linksOf } from '../../net/link/device.ts'
import { findNetns } from '../../net/world.ts'
import { containerLogs, stopContainer } from '../../run/container.ts'
import { exitProcess, spawnChild } from '../../run/process.ts'
import type { Container, ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { BOX_NAME, PAUSE_NAME, POD_NAME, POD_NAMESPACE, POD_UID, RESTARTS } from '../kube/kubelet/labels.ts'
import { entryOf } from '../kube/kubelet/entry.ts'
import { wholeReference } from '../kube/kubelet/images.ts'
import { err, fail, finish, parseOptions } from '../program.ts'
import { age } from './docker/cli.ts'
import { imageList } from './docker/images.ts'
import { dateText } from '../clock.ts'

const HELP = `NAME:
   crictl - client for CRI

USAGE:
   crictl [global options] command [command options]

COMMANDS:
   exec                Run a command in a running container
   images, image, img  List images
   inspectp            Display the status of one or more pods
   logs                Fetch the logs of a container
   pods                List pods
   ps                  List containers
   stop                Stop one or more running containers
`

const SHORT_ID = 13

export const crictl: Program = {
  name: 'crictl',
  help: 'what containerd runs on a node: pods, ps, images, logs, exec, inspectp, stop',
  start(ctx) {
    const [verb = '', ...args] = ctx.proc.argv.slice(1)
    const run = VERBS[verb]
    if (run !== undefined) run(ctx, args)
    else if (verb === '' || verb === 'help' || verb === '--help' || verb === '-h') finish(ctx, HELP)
    else fail(ctx, 1, `crictl ${verb}: not modelled in Kubehop`)
  },
  on(ctx, event: ProcEvent) {
    if (event.type === 'child') exitProcess(ctx, event.code)
  },
}

const VERBS: Readonly<Record<string, (ctx: ProcCtx, args: string[]) => void>> = {
  ps: listContainers,
  pods: listPods,
  images: listImages,
  image: listImages,
  img: listImages,
  logs: showLogs,
  exec: runInside,
  inspectp: inspectPods,
  stop: stopContainers,
}

function boxes(ctx: ProcCtx): Container[] {
  const all = [...ctx.machine.containers.values()].filter((box) => box.runtime === 'containerd')
  return all.reverse()
}

function isPause(box: Container): boolean {
  return box.labels[BOX_NAME] === PAUSE_NAME
}

function listContainers(ctx: ProcCtx, args: string[]) {
  const { flags, error } = parseOptions(args, 'aqp:', ['all', 'quiet', 'pod=', 'name='])
  if (error !== '') return fail(ctx, 1, `crictl ps: ${error}`)
  const all = flags.has('a') || flags.has('all')
  const pod = flags.get('p') ?? flags.get('pod') ?? ''
  const name = flags.get('name') ?? ''
  const list = boxes(ctx).filter((box) => {
    if (isPause(box) || (!all && box.status !== 'running') || !box.sandbox.startsWith(pod)) return false
    return (box.labels[BOX_NAME] ?? '').includes(name)
  })
  if (flags.has('q') || flags.has('quiet')) return finish(ctx, list.map((box) => `${box.id}\n`).join(''))
  const head = ['CONTAINER', 'IMAGE', 'CREATED', 'STATE', 'NAME', 'ATTEMPT', 'POD ID', 'POD', 'NAMESPACE']
  const rows = list.map((box) => [
    box.id.slice(0, SHORT_ID),
    box.imageId.replace('sha256:', '').slice(0, SHORT_ID),
    ago(ctx, box.createdAt),
    state(box),
    label(box, BOX_NAME),
    label(box, RESTARTS),
    box.sandbox.slice(0, SHORT_ID),
    label(box, POD_NAME),
    label(box, POD_NAMESPACE),
  ])
  finish(ctx, table([head, ...rows]))
}

function listPods(ctx: ProcCtx, args: string[]) {
  const { flags, error } = parseOptions(args, 'q', ['quiet', 'name=', 'namespace='])
  if (error !== '') return fail(ctx, 1, `crictl pods: ${error}`)
  const list = boxes(ctx).filter((box) => {
    if (!isPause(box) || !label(box, POD_NAME).includes(flags.get('name') ?? '')) return false
    const namespace = flags.get('namespace') ?? ''
    return namespace === '' || label(box, POD_NAMESPACE) === namespace
  })
  if (flags.has('q') || flags.has('quiet')) return finish(ctx, list.map((box) => `${box.id}\n`).join(''))
  const rows = list.map((box) => [
    box.id.slice(0, SHORT_ID),
    ago(ctx, box.createdAt),
    box.status === 'running' ? 'Ready' : 'NotReady',
    label(box, POD_NAME),
    label(box, POD_NAMESPACE),
    label(box, RESTARTS),
    '(default)',
  ])
  finish(ctx, table([['POD ID', 'CREATED', 'STATE', 'NAME', 'NAMESPACE', 'ATTEMPT', 'RUNTIME'], ...rows]))
}

/** The images that containers of this machine were made from. */
function listImages(ctx: ProcCtx) {
  const used = new Map<string, string>()
  for (const box of boxes(ctx)) used.set(wholeReference(box.image), box.imageId.replace('sha256:', ''))
  const rows = [...used.keys()].sort().map((reference) => {
    const id = used.get(reference)!
    const colon = reference.lastIndexOf(':')
    const size = imageList().find((one) => one.id === id)?.size ?? ''
    return [reference.slice(0, colon), reference.slice(colon + 1), id.slice(0, SHORT_ID), size]
  })
  finish(ctx, table([['IMAGE', 'TAG', 'IMAGE ID', 'SIZE'], ...rows]))
}

function showLogs(ctx: ProcCtx, args: string[]) {
  const { operands, error } = parseOptions(args, '', [])
  if (error !== '') return fail(ctx, 1, `crictl logs: ${error}: not modelled in Kubehop`)
  const box = find(ctx, operands[0] ?? '', false)
  if (box === undefined) return
  for (const { stream, text } of containerLogs(box)) {
    if (stream === 'err') err(ctx, text)
  }
  finish(
    ctx,
    containerLogs(box)
      .filter(({ stream }) => stream === 'out')
      .map(({ text }) => text)
      .join(''),
  )
}

function runInside(ctx: ProcCtx, args: string[]) {
  const { flags, operands, error } = parseOptions(args, '+it', ['interactive', 'tty'])
  if (error !== '') return fail(ctx, 1, `crictl exec: ${error}`)
  const [id = '', ...argv] = operands
  const box = find(ctx, id, false)
  if (box === undefined) return
  const ns = ctx.machine.pids.get(box.pid)
  if (box.status !== 'running' || ns === undefined) {
    return fail(ctx, 1, `FATA[0000] execing command in container: container is not running`)
  }
  const entry = entryOf(ctx, box, argv)
  if (entry.error !== '') {
    const oci = 'OCI runtime exec failed: exec failed: unable to start container process'
    return fail(ctx, 1, `FATA[0000] execing command in container: ${oci}: ${entry.error}: unknown`)
  }
  const fds = new Map(ctx.proc.fds)
  if (!flags.has('i') && !flags.has('interactive')) fds.set(0, { kind: 'null' })
  const inside = { ns, container: box.id, env: new Map(environOf(box)), cwd: box.cwd, fds }
  if (spawnChild(ctx, entry.program, entry.argv, inside) === 0)
    fail(ctx, 1, 'Resource temporarily unavailable')
}

function inspectPods(ctx: ProcCtx, args: string[]) {
  const { operands } = parseOptions(args, 'o:', ['output='])
  const box = find(ctx, operands[0] ?? '', true)
  if (box === undefined) return
  const sandbox = ctx.machine.sandboxes.get(box.id)
  const network = sandbox?.borrowed === true ? 'NODE' : 'POD'
  const status = {
    id: box.id,
    metadata: {
      attempt: Number(label(box, RESTARTS)),
      name: label(box, POD_NAME),
      namespace: label(box, POD_NAMESPACE),
      uid: label(box, POD_UID),
    },
    state: box.status === 'running' ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    createdAt: dateText(box.createdAt, '%FT%T.%NZ'),
    network: { additionalIps: [], ip: network === 'NODE' ? '' : addressIn(ctx, sandbox?.ns ?? 0) },
    linux: { namespaces: { options: { ipc: network, network, pid: 'CONTAINER', targetId: '' } } },
    labels: Object.fromEntries(
      Object.entries(box.labels).filter(([name]) => /pod\.(name|namespace|uid)$/.test(name)),
    ),
    annotations: {},
    runtimeHandler: '',
  }
  const namespaces = network === 'NODE' ? [] : [{ type: 'network', path: sandbox?.key ?? '' }]
  const info = {
    pid: box.pid,
    image: box.image,
    runtimeSpec: { hostname: box.hostname, linux: { namespaces } },
  }
  finish(ctx, `${JSON.stringify({ info, status }, null, 2)}\n`)
}

function stopContainers(ctx: ProcCtx, args: string[]) {
  const { operands } = parseOptions(args, 't:', ['timeout='])
  for (const id of operands) {
    const box = find(ctx, id, false)
    if (box === undefined) return
    stopContainer(ctx.world, ctx.machine.id, box.id, true)
  }
  finish(ctx, operands.map((id) => `${id}\n`).join(''))
}

function find(ctx: ProcCtx, id: string, pause: boolean): Container | undefined {
  const list = id === '' ? [] : boxes(ctx).filter((box) => isPause(box) === pause && box.id.startsWith(id))
  if (list.length === 1) return list[0]
  const what = pause ? 'getting the status of pod sandbox' : 'getting the status of the container'
  const kind = pause
    ? 'an error occurred when try to find sandbox'
    : 'an error occurred when try to find container'
  fail(ctx, 1, `FATA[0000] ${what} "${id}": rpc error: code = NotFound desc = ${kind} "${id}": not found`)
  return undefined
}

function addressIn(ctx: ProcCtx, ns: number): string {
  const netns = findNetns(ctx.world, ns)
  for (const link of netns === undefined ? [] : linksOf(netns)) {
    for (const { addr, scope } of link.addrs) if (scope === 0) return formatIp(addr)
  }
  return ''
}

function label(box: Container, name: string): string {
  return box.labels[name] ?? ''
}

function state(box: Container): string {
  return `${box.status.charAt(0).toUpperCase()}${box.status.slice(1)}`
}

function ago(ctx: ProcCtx, at: number): string {
  const words = age(ctx.world.now - at)
  return `${words.charAt(0).toUpperCase()}${words.slice(1)} ago`
}

/** Columns as Go's tabwriter makes them with a width of at least 20 and 3 spaces between. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(20, ...rows.map((row) => row[at]!.length + 3)))
  const line = (row: readonly string[]) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at]!))).join('')
  return rows.map((row) => `${line(row)}\n`).join('')
}
