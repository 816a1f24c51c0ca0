/**
 * tc. Models iproute2 6.1 for `tc qdisc` with netem and tbf at a device's root. Not here: classes, filters, other
 * disciplines, JSON; they are refused by name.
 */
import { linkByName, linksOf } from '../../net/link/device.ts'
import type { Netem, Tbf } from '../../net/link/qdisc.ts'
import { createNetem, qdiscAttach, qdiscChange, qdiscDelete } from '../../net/link/qdisc.ts'
import type { Link } from '../../net/types.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../program.ts'
import { err, fail, out } from '../program.ts'
import { confText, readConf } from './tc-qdisc.ts'

const USAGE =
  'Usage:\ttc [ OPTIONS ] OBJECT { COMMAND | help }\n\ttc [-force] -batch filename\n' +
  'where  OBJECT := { qdisc | class | filter | chain |\n\t\t    action | monitor | exec }\n' +
  '       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[aw] |\n' +
  '\t\t    -o[neline] | -j[son] | -p[retty] | -c[olor]\n' +
  '\t\t    -b[atch] [filename] | -n[etns] name | -N[umeric] |\n' +
  '\t\t     -nm | -nam[es] | { -cf | -conf } path\n\t\t     -br[ief] }\n'
const QUEUES =
  'bfifo pfifo pfifo_fast fq fq_codel codel cake sfq htb hfsc cbq prio mq mqprio red ingress clsact ets drr'

interface Request {
  dev: string
  root: boolean
  handle: number
  kind: string
  rest: string[]
}

export const tc: Program = {
  name: 'tc',
  help: 'delay, lose and limit what a device sends: tc qdisc add dev X root netem ...',
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let stats = false
    while (args[0]?.startsWith('-') === true) {
      const option = args.shift()!
      if (/^-s(t|ta|tatistics)?$/.test(option)) stats = true
      else if (/^-V/.test(option)) return void finish(ctx, 0, 'tc utility, iproute2-6.1.0, libbpf 1.1.2\n')
      else if (!/^-(d|details|r|raw|N)$/.test(option)) {
        return fail(ctx, 1, `kubehop: tc ${option} is not modelled`)
      }
    }
    const [object, command = 'show', ...rest] = args
    if (object === undefined || object === 'help') return void finish(ctx, 0, USAGE)
    if (!'qdisc'.startsWith(object)) {
      if (/^(class|filter|chain|action|monitor|exec)$/.test(object)) {
        return fail(ctx, 1, `kubehop: tc ${object} is not modelled`)
      }
      return fail(ctx, 1, `Object "${object}" is unknown, try "tc help".`)
    }
    if (/^(show|list|ls|get|s|sh|l)$/.test(command)) show(ctx, rest, stats)
    else if (/^(add|a|change|c|chg|replace|repl|delete|del|d|link)$/.test(command)) modify(ctx, command, rest)
    else fail(ctx, 1, `Command "${command}" is unknown, try "tc qdisc help".`)
  },
}

function finish(ctx: ProcCtx, code: number, text: string): void {
  out(ctx, text)
  exitProcess(ctx, code)
}

function show(ctx: ProcCtx, words: string[], stats: boolean): void {
  let dev = ''
  for (let i = 0; i < words.length; i++) {
    if (words[i] === 'dev') dev = words[++i] ?? ''
    else if (words[i] !== 'root') {
      fail(ctx, 1, `What is "${words[i]}"? Try "tc qdisc help".`)
      return
    }
  }
  const one = dev === '' ? undefined : linkByName(ctx.ns, dev)
  if (dev !== '' && one === undefined) {
    fail(ctx, 1, `Cannot find device "${dev}"`)
    return
  }
  for (const link of one === undefined ? linksOf(ctx.ns) : [one]) out(ctx, lineOf(link, dev === '', stats))
  exitProcess(ctx, 0)
}

function lineOf(link: Link, named: boolean, stats: boolean): string {
  const { qdisc } = link
  const kind = qdisc?.conf.kind ?? (link.attached || link.kind === 'loopback' ? 'noqueue' : 'noop')
  const handle = qdisc === null ? '0' : qdisc.handle.toString(16)
  let text = `qdisc ${kind} ${handle}: ${named ? `dev ${link.name} ` : ''}root refcnt 2 `
  if (qdisc !== null) text += confText(qdisc.conf)
  text += '\n'
  if (!stats) return text
  const sent = qdisc ?? {
    sentBytes: 0,
    sentPackets: 0,
    dropped: 0,
    overlimits: 0,
    backlogBytes: 0,
    backlogPackets: 0,
  }
  text += ` Sent ${sent.sentBytes} bytes ${sent.sentPackets} pkt (dropped ${sent.dropped}, overlimits ${sent.overlimits} requeues 0) \n`
  return `${text} backlog ${sizeText(sent.backlogBytes)} ${sent.backlogPackets}p requeues 0\n`
}

function sizeText(bytes: number): string {
  if (bytes >= 1_048_576) return `${Math.round(bytes / 1_048_576)}Mb`
  return bytes >= 10_240 ? `${Math.round(bytes / 1024)}Kb` : `${bytes}b`
}

function readRequest(ctx: ProcCtx, words: readonly string[]): Request | undefined {
  const request: Request = { dev: '', root: false, handle: 0, kind: '', rest: [] }
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (word === 'dev') request.dev = words[++i] ?? ''
    else if (word === 'root') request.root = true
    else if (word === 'handle') {
      const handle = Number.parseInt((words[++i] ?? '').replace(/:0*$/, ''), 16)
      if (!(handle > 0 && handle < 65_536)) {
        fail(ctx, 1, 'Invalid qdisc ID')
        return undefined
      }
      request.handle = handle
    } else if (word === 'parent' || word === 'ingress' || word === 'clsact') {
      fail(ctx, 1, `kubehop: tc qdisc ${word} is not modelled`)
      return undefined
    } else {
      request.kind = word
      request.rest = words.slice(i + 1)
      break
    }
  }
  return request
}

function modify(ctx: ProcCtx, command: string, words: readonly string[]): void {
  const request = readRequest(ctx, words)
  if (request === undefined) return
  const { kind } = request
  let conf: Netem | Tbf | undefined
  const link = linkByName(ctx.ns, request.dev)
  if (kind === 'netem' || kind === 'tbf') {
    const changes = /^(change|c|chg)$/.test(command) && link?.qdisc?.conf.kind === kind
    const before = changes ? link!.qdisc!.conf : kind === 'netem' ? createNetem() : undefined
    const made = readConf(kind, request.rest, before)
    if (typeof made === 'string') {
      err(ctx, made)
      exitProcess(ctx, 1)
      return
    }
    conf = made
  } else if (QUEUES.split(' ').includes(kind)) {
    fail(ctx, 1, `kubehop: tc qdisc ${kind} is not modelled`)
    return
  }
  if (request.dev !== '' && link === undefined) {
    fail(ctx, 1, `Cannot find device "${request.dev}"`)
    return
  }
  if (link === undefined) {
    fail(ctx, 1, 'Must specify device')
    return
  }
  const refused = (text: string) => fail(ctx, 2, `Error: ${text}`)
  if (/^d/.test(command)) {
    if (link.qdisc === null) {
      refused('Cannot delete qdisc with handle of zero.')
      return
    }
    qdiscDelete(ctx.world, ctx.ns, link)
  } else if (kind === '' || !request.root) {
    refused('Handle cannot be zero.')
    return
  } else if (conf === undefined) {
    refused('Specified qdisc kind is unknown.')
    return
  } else if (/^(change|c|chg)$/.test(command)) {
    if (link.qdisc === null) {
      refused('Qdisc not found. To create specify NLM_F_CREATE flag.')
      return
    }
    if (link.qdisc.conf.kind !== kind) {
      refused('Invalid qdisc name: must match existing.')
      return
    }
    qdiscChange(ctx.world, ctx.ns, link, conf)
  } else if (/^a/.test(command) && link.qdisc !== null) {
    refused('Exclusivity flag on, cannot modify.')
    return
  } else if (link.qdisc?.conf.kind === kind && request.handle === 0)
    qdiscChange(ctx.world, ctx.ns, link, conf)
  else qdiscAttach(ctx.world, ctx.ns, link, conf, request.handle)
  exitProcess(ctx, 0)
}
