/**
 * `ip`: options and objects. Models ip/ip.c of iproute2 6.1. Refused by name: -batch, and every object but address, link,
 * neighbour, netns, route and rule.
 */
import { exitProcess } from '../../run/process.ts'
import type { CompletionRequest, ProcCtx, ProcEvent, Program } from '../../run/types.ts'
import { findNetns } from '../../net/world.ts'
import { netnsByName } from '../../run/machine.ts'
import { createWriter, finishWriter } from '../print/writer.ts'
import { err, out } from '../program.ts'
import { completeIp } from './ipcomplete.ts'
import { ipAddress } from './ipaddr.ts'
import { ipLink } from './iplink.ts'
import { ipNeigh } from './ipneigh.ts'
import { ipNetns } from './ipnetns.ts'
import { ipRoute } from './iproute.ts'
import { ipRule } from './iprule.ts'
import type { IpRun } from './ipctx.ts'
import type { Words } from './iproute2.ts'
import { invarg, isExit, matches, more, next, notModelled, quit, word } from './iproute2.ts'

/** In the order in which abbreviations are looked up; those without a function are refused. */
const OBJECTS: readonly [string, ((run: IpRun, words: Words) => void)?][] = [
  ['address', ipAddress],
  ['addrlabel'],
  ['maddress'],
  ['route', ipRoute],
  ['rule', ipRule],
  ['neighbor', ipNeigh],
  ['neighbour', ipNeigh],
  ['ntable'],
  ['ntbl'],
  ['link', ipLink],
  ['l2tp'],
  ['fou'],
  ['ila'],
  ['macsec'],
  ['tunnel'],
  ['tunl'],
  ['tuntap'],
  ['tap'],
  ['token'],
  ['tcpmetrics'],
  ['tcp_metrics'],
  ['monitor'],
  ['xfrm'],
  ['mroute'],
  ['mrule'],
  ['netns', ipNetns],
  ['netconf'],
  ['vrf'],
  ['sr'],
  ['nexthop'],
  ['mptcp'],
  ['ioam'],
  ['help', () => usage()],
  ['stats'],
]

export const IP: Program = {
  name: 'ip',
  help: 'show and change links, addresses, routes, neighbours, rules and namespaces',
  handles: ['SIGINT'],
  start(ctx) {
    const run = createRun(ctx)
    finishIp(run, attempt(run))
  },
  on(ctx, event) {
    afterStart(ctx, event)
  },
  complete(request: CompletionRequest) {
    return completeIp(request)
  },
}

/** Runs the command line; the exit code, -1 while a child runs. */
function attempt(run: IpRun): number {
  try {
    const words: Words = { list: run.ctx.proc.argv, at: 1 }
    readOptions(run, words)
    if (!more(words)) usage()
    const object = OBJECTS.find(([name]) => matches(word(words), name))
    if (object === undefined) {
      err(run.ctx, `Object "${word(words)}" is unknown, try "ip help".\n`)
      return 1
    }
    const [name, go] = object
    if (go === undefined) notModelled(`ip ${name}`)
    words.at++
    run.w = createWriter(run.options)
    go(run, words)
    return run.waiting ? -1 : 0
  } catch (thrown) {
    if (!isExit(thrown)) throw thrown
    flush(run)
    err(run.ctx, thrown.text)
    return thrown.exit
  }
}

function finishIp(run: IpRun, code: number): void {
  flush(run)
  if (code >= 0) exitProcess(run.ctx, code)
}

function flush(run: IpRun): void {
  if (run.w.text !== '') out(run.ctx, finishWriter(run.w))
  run.w = createWriter(run.options)
}

/** `ip netns exec` waits for its child and ends as it did; keys go to the child. */
function afterStart(ctx: ProcCtx, event: ProcEvent): void {
  if (event.type === 'child') exitProcess(ctx, event.code)
  else if (event.type === 'signal' && ctx.proc.children.length === 0) exitProcess(ctx, 130)
}

function createRun(ctx: ProcCtx): IpRun {
  const options = { json: false, pretty: false, oneline: false, color: false }
  return {
    ctx,
    world: ctx.world,
    ns: ctx.ns,
    machine: ctx.machine,
    options,
    family: 0,
    packet: false,
    details: 0,
    stats: 0,
    brief: false,
    all: false,
    w: createWriter(options),
    waiting: false,
  }
}

const FLAGS: readonly string[] = [
  '-loops',
  '-family',
  '-human-readable',
  '-iec',
  '-statistics',
  '-details',
  '-resolve',
  '-oneline',
  '-timestamp',
  '-tshort',
  '-Version',
  '-force',
  '-batch',
  '-brief',
  '-json',
  '-rcvbuf',
  '-color',
  '-help',
  '-netns',
  '-Numeric',
  '-all',
  '-echo',
  '-pretty',
]

function readOptions(run: IpRun, words: Words): void {
  for (; more(words); words.at++) {
    const given = word(words)
    if (given === '--') {
      words.at++
      return
    }
    if (!given.startsWith('-')) return
    const option = given.startsWith('--') ? given.slice(1) : given
    if (option === '-4') setFamily(run, 'inet')
    else if (option === '-6') setFamily(run, 'inet6')
    else if (option === '-0') setFamily(run, 'link')
    else if (option === '-M' || option === '-B') setFamily(run, option === '-M' ? 'mpls' : 'bridge')
    else if (option === '-a') run.all = true
    else if (/^-color=(always|auto|never)$/.test(option)) run.options.color = option === '-color=always'
    else if (option === '-stats') run.stats++
    else if (option === '-ts') continue
    else applyFlag(run, words, option)
  }
}

function applyFlag(run: IpRun, words: Words, option: string): void {
  const flag = FLAGS.find((name) => matches(option, name))
  if (flag === undefined) quit(`Option "${option}" is unknown, try "ip -help".\n`)
  if (flag === '-loops' || flag === '-rcvbuf') {
    words.at++
    if (!more(words)) usage()
  } else if (flag === '-family') {
    words.at++
    if (!more(words)) usage()
    setFamily(run, word(words))
  } else if (flag === '-netns') enterNetns(run, words)
  else if (flag === '-statistics') run.stats++
  else if (flag === '-details') run.details++
  else if (flag === '-oneline') run.options.oneline = true
  else if (flag === '-brief') run.brief = true
  else if (flag === '-json') run.options.json = true
  else if (flag === '-pretty') run.options.pretty = true
  else if (flag === '-color') run.options.color = true
  else if (flag === '-all') run.all = true
  else if (flag === '-help') usage()
  else if (flag === '-Version') {
    out(run.ctx, 'ip utility, iproute2-6.1.0, libbpf 1.1.2\n')
    quit('', 0)
  } else if (flag === '-batch') notModelled('ip -batch')
}

function setFamily(run: IpRun, name: string): void {
  if (name === 'help') usage()
  if (name !== 'inet' && name !== 'inet6' && name !== 'link' && name !== 'mpls' && name !== 'bridge') {
    invarg('invalid protocol family', name)
  }
  run.family = name === 'inet' ? 4 : name === 'inet6' ? 6 : 0
  run.packet = name === 'link'
}

function enterNetns(run: IpRun, words: Words): void {
  const missing = words.at + 1 >= words.list.length
  const name = missing ? '(null)' : next(words)
  const ns = missing ? undefined : findNetns(run.world, netnsByName(run.machine, name) ?? -1)
  if (ns === undefined) quit(`Cannot open network namespace "${name}": No such file or directory\n`)
  run.ns = ns
}

function usage(): never {
  quit(
    'Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n' +
      'where  OBJECT := { address | link | neighbour | netns | route | rule }\n' +
      '       OPTIONS := { -4 | -6 | -0 | -br | -c | -d | -j | -n NAME | -o | -p | -s }\n',
  )
}
