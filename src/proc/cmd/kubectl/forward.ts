/**
 * `kubectl port-forward`: ports of this machine whose connections come out inside a pod, by way of the API server and
 * the pod's kubelet. Models kubectl pkg/cmd/portforward and client-go tools/portforward (1.32). Not here: bytes that are
 * no text, --address names, ports that the machine chooses by `:80`.
 */
import { formatIp, parseIp } from '../../../base/addr.ts'
import type { ApiRequest, JsonObject, Status } from '../../../kube/types.ts'
import { sockBind, sockById, sockOpen } from '../../../net/sock/socket.ts'
import { tcpAccept, tcpListen } from '../../../net/sock/tcp.ts'
import type { Stream } from '../../stream.ts'
import { createStream, streamClose, streamRead, streamWrite } from '../../stream.ts'
import { apiSend } from '../../kube/apiclient.ts'
import type { ExecFollow } from '../../kube/kubelet/terminal.ts'
import { execInput, execMore, forwardEnd, forwardStart } from '../../kube/kubelet/terminal.ts'
import { wallNow } from './clock.ts'
import { arr, obj, str } from './describe-text.ts'
import { parseFlags, textFlag } from './flags.ts'
import type { Flow, News } from './flow.ts'
import { complain, fault, forwardNews, loop, newsOf, once, print } from './flow.ts'
import type { Client } from './rest.ts'
import { call, discover, must, openClient, pathOf, resourceNamed } from './rest.ts'
import { podOf } from './pods.ts'
import { klogStamp } from './stream.ts'

interface Pair {
  readonly local: number
  readonly remote: number
}

/** A connection to one of our ports, and what it is carried by. */
interface Carried {
  readonly stream: Stream
  readonly pair: Pair
  /** Number of its request; 0 where no network lies between, then `follow` is the other end. */
  readonly n: number
  follow: ExecFollow | null
  opened: boolean
  /** What came before the way was open. */
  early: string
  eof: boolean
}

interface Forwarding {
  /** By listening socket. */
  readonly listeners: readonly (readonly [number, Pair])[]
  carried: Carried[]
}

const POLL = 10_000_000

export function portForward(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl port-forward', args, ['address=', 'pod-running-timeout='])
  const client = openClient(flow, flags)
  const [word, ...ports] = flags.operands
  if (word === undefined || ports.length === 0) {
    fault(
      "error: TYPE/NAME and list of ports are required for port-forward\nSee 'kubectl port-forward -h' for help and examples",
    )
  }
  const { name, pod } = podOf(client, word!.includes('/') ? word! : `pod/${word}`)
  const pairs = ports.map((text) => pairOf(client, word!, pod, text))
  const phase = str(obj(pod, 'status'), 'phase')
  if (phase !== 'Running') {
    fault(`error: unable to forward port because pod is not running. Current status=${phase}`)
  }
  const opened = once(flow, () => listen(flow, pairs, textFlag(flags, 'address', 'localhost')))
  print(flow, opened.out)
  complain(flow, opened.err)
  if (opened.listeners.length === 0) {
    const list = pairs.map(({ local, remote }) => `{${local} ${remote}}`).join(' ')
    fault(`error: unable to listen on any of the requested ports: [${list}]`)
  }
  return loop<Forwarding, number>(
    flow,
    () => ({ listeners: opened.listeners, carried: [] }),
    (at) => {
      const polled = at.carried.some(({ follow }) => follow !== null)
      const sock = forwardNews(flow, polled ? POLL : 0)
      const done = once(flow, () => act(client, name, at, sock))
      print(flow, done.out)
      complain(flow, done.err)
      if (done.lost) fault('error: lost connection to pod')
      return { next: at }
    },
  )
}

/** `8080:80`, `80`, `8080:http`: a service's port stands for its pods'. */
function pairOf(client: Client, word: string, pod: JsonObject, text: string): Pair {
  const [first = '', second = first] = text.split(':')
  const service = serviceOf(client, word)
  const remote = service === undefined ? podPort(pod, second) : targetOf(service, pod, second)
  const local = /^[0-9]+$/.test(first) ? Number(first) : remote
  if (!/^[0-9]+$/.test(first) && text.includes(':')) {
    fault(`error: error parsing local port '${first}': strconv.ParseUint: parsing "${first}": invalid syntax`)
  }
  if (text.includes(':') && local > 65535) {
    fault(
      `error: error parsing local port '${first}': strconv.ParseUint: parsing "${first}": value out of range`,
    )
  }
  if (remote === 0) fault('error: remote port must be > 0')
  return { local: text.includes(':') ? local : /^[0-9]+$/.test(first) ? Number(first) : remote, remote }
}

function serviceOf(client: Client, word: string): JsonObject | undefined {
  const [type = '', name = ''] = word.split('/')
  if (name === '') return undefined
  const info = resourceNamed(discover(client), type)
  if (info?.kind !== 'Service') return undefined
  return must<JsonObject>(call(client, 'GET', pathOf(info, client.namespace, name)))
}

function podPort(pod: JsonObject, text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text)
  const found = arr(obj(pod, 'spec'), 'containers')
    .flatMap((one) => arr(one, 'ports'))
    .find((one) => one.name === text)
  return found === undefined
    ? fault(`error: Pod '${str(obj(pod, 'metadata'), 'name')}' does not have a named port '${text}'`)
    : Number(found.containerPort)
}

function targetOf(service: JsonObject, pod: JsonObject, text: string): number {
  const name = str(obj(service, 'metadata'), 'name')
  const found = arr(obj(service, 'spec'), 'ports').find(
    (one) => String(one.port) === text || one.name === text,
  )
  if (found === undefined) {
    return fault(
      /^[0-9]+$/.test(text)
        ? `error: Service ${name} does not have a service port ${text}`
        : `error: Service '${name}' does not have a named port '${text}'`,
    )
  }
  if (str(obj(service, 'spec'), 'clusterIP') === 'None') return Number(found.port)
  return podPort(pod, String(found.targetPort ?? found.port))
}

/** Listens on the loopback addresses, or on the one that was asked for. */
function listen(flow: Flow, pairs: readonly Pair[], address: string) {
  const { world, ns, proc } = flow.ctx
  const listeners: [number, Pair][] = []
  let [out, err] = ['', '']
  for (const pair of pairs) {
    const failures: string[] = []
    let count = 0
    for (const host of address === 'localhost' ? ['127.0.0.1', '::1'] : [address]) {
      const ip = parseIp(host)
      if (ip === undefined) return fault(`error: ${host}: no address`)
      const family = typeof ip === 'number' ? 4 : 6
      const sock = sockOpen(world, ns, { kind: 'tcp', family, pid: proc.pid })
      const wrong =
        sockBind(world, ns, sock, { addr: ip, port: pair.local }) ?? tcpListen(world, ns, sock, 128)
      const shown = family === 4 ? formatIp(ip) : `[${formatIp(ip)}]`
      if (wrong !== null) {
        const why = wrong === 'EADDRINUSE' ? 'address already in use' : 'cannot assign requested address'
        failures.push(
          `unable to create listener: Error listen tcp${family} ${shown}:${pair.local}: bind: ${why}`,
        )
        continue
      }
      count++
      listeners.push([sock.id, pair])
      out += `Forwarding from ${shown}:${pair.local} -> ${pair.remote}\n`
    }
    if (count === 0) {
      err += `Unable to listen on port ${pair.local}: Listeners failed to create with the following errors: [${failures.join(' ')}]\n`
    }
  }
  return { listeners, out, err }
}

interface Done {
  out: string
  err: string
  lost: boolean
}

/** What a socket's event, or news of the connection to the server, comes to. */
function act(client: Client, pod: string, at: Forwarding, sock: number): Done {
  const { flow } = client
  const done: Done = { out: '', err: '', lost: false }
  const pair = at.listeners.find(([id]) => id === sock)?.[1]
  if (pair !== undefined) accept(client, pod, at, sock, pair, done)
  const own = at.carried.find(({ stream }) => stream.sock === sock)
  if (own !== undefined) fromHere(flow, own)
  for (const one of [...at.carried]) {
    if (!fromThere(flow, one, done)) continue
    at.carried = at.carried.filter((other) => other !== one)
    streamClose(flow.ctx, one.stream)
    if (one.follow !== null) forwardEnd(flow.ctx.world, one.follow)
  }
  if (flow.state.gone !== '') done.lost = true
  return done
}

function accept(client: Client, pod: string, at: Forwarding, from: number, pair: Pair, done: Done): void {
  const { flow, namespace } = client
  const { ctx, state } = flow
  const listener = sockById(ctx.ns, from)
  if (listener === undefined) return
  for (;;) {
    const sock = tcpAccept(ctx.world, ctx.ns, listener)
    if (sock === undefined) return
    done.out += `Handling connection for ${pair.local}\n`
    const n = state.conn === null ? 0 : state.conn.next++
    const one: Carried = {
      ...{ stream: createStream(sock), pair, n, follow: null, opened: false, early: '', eof: false },
    }
    at.carried.push(one)
    if (state.conn !== null) {
      apiSend(ctx, state.conn, { k: 'call', n, request: requestOf(namespace, pod, pair.remote) })
    } else {
      const target = { namespace, pod, container: '', query: [] }
      const started = forwardStart(ctx.world, target, pair.remote)
      if ('status' in started) failed(flow, one, started.status.message ?? '', done)
      else {
        one.follow = started.follow
        one.opened = true
      }
    }
    fromHere(flow, one)
  }
}

function requestOf(namespace: string, pod: string, port: number): ApiRequest {
  return {
    method: 'GET',
    path: `/api/v1/namespaces/${namespace}/pods/${pod}/portforward`,
    query: [['ports', String(port)]],
    accept: '*/*',
    contentType: '',
    body: '',
    user: 'kubernetes-admin',
    userAgent: 'kubectl/v1.32.4 (linux/amd64) kubernetes/59526cd',
  }
}

/** From the local connection into the pod. */
function fromHere({ ctx, state }: Flow, one: Carried): void {
  if (one.eof) return
  const read = streamRead(ctx, one.stream)
  one.early += read.text
  one.eof = read.eof || (read.errno !== '' && read.errno !== 'EAGAIN')
  if (!one.opened || (one.early === '' && !one.eof)) return
  if (one.follow !== null) execInput(ctx.world, one.follow, one.early, one.eof)
  else if (state.conn !== null) {
    apiSend(ctx, state.conn, { k: 'input', n: one.n, text: one.early, eof: one.eof })
  }
  one.early = ''
}

/** From the pod to the local connection. True: it is over. */
function fromThere(flow: Flow, one: Carried, done: Done): boolean {
  const { ctx, state } = flow
  const answer = state.answers.find(({ n }) => n === one.n)
  if (answer !== undefined && one.n !== 0) {
    state.answers = state.answers.filter((other) => other !== answer)
    if (answer.response.code >= 400) {
      return failed(flow, one, (answer.response.body as Status).message ?? '', done)
    }
    one.opened = true
    fromHere(flow, one)
  }
  const news = newsFor(flow, one)
  if (news.out !== '') streamWrite(ctx, one.stream, news.out)
  if (news.code < 0) return false
  if (news.code > 0 || news.broken !== '') return failed(flow, one, news.broken, done)
  return true
}

function newsFor(flow: Flow, one: Carried): News {
  if (one.follow === null) return newsOf(flow.state, one.n)
  const { news, follow } = execMore(flow.ctx.world, one.follow)
  one.follow = follow
  return { ...news, broken: news.code > 0 ? (follow.why ?? '') : '' }
}

/** The pod's side failed: since 1.23 that ends the command. */
function failed(flow: Flow, { pair }: Carried, why: string, done: Done): true {
  const text = `an error occurred forwarding ${pair.local} -> ${pair.remote}: ${why}`
  const stamp = klogStamp(wallNow(flow), flow.ctx.proc.pid)
  done.err += `${stamp} portforward.go:424] "Unhandled Error" err="${text.replaceAll('"', '\\"')}"\n`
  done.lost = true
  return true
}
