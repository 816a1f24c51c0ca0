/**
 * `bridge`: ports and forwarding entries. Models bridge/ of iproute2 6.1. Refused by name: monitor, mdb, vlan changes, vni,
 * vxlan's entries.
 */
import type { BridgePortOptions } from '../../net/link/brctl.ts'
import { linkByName, linksOf } from '../../net/link/device.ts'
import { fdbAdd, fdbDel, fdbFlush, fdbReplace } from '../../net/link/fdbctl.ts'
import { linkSet } from '../../net/link/netlink.ts'
import type { Link, Netns } from '../../net/types.ts'
import { findNetns } from '../../net/world.ts'
import { exitProcess } from '../../run/process.ts'
import type { CompletionRequest, ProcCtx, Program } from '../../run/types.ts'
import { parseMac } from '../../base/addr.ts'
import { netnsByName } from '../../run/machine.ts'
import type { FdbRow } from '../print/fdb.ts'
import { fdbRows, putBridgePort, putFdb } from '../print/fdb.ts'
import { portStateNumber } from '../print/linkdetail.ts'
import type { Place } from '../print/names.ts'
import { cNumber } from '../print/names.ts'
import { closeArray, createWriter, finishWriter, openArray, put } from '../print/writer.ts'
import type { Writer } from '../print/writer.ts'
import { err, out } from '../program.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  garbage,
  invarg,
  isExit,
  matches,
  more,
  needNumber,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

interface BridgeRun {
  ctx: ProcCtx
  ns: Netns
  w: Writer
  details: number
  stats: number
}

export const BRIDGE: Program = {
  name: 'bridge',
  help: 'show and change bridge ports and forwarding entries',
  start(ctx) {
    const options = { json: false, pretty: false, oneline: false, color: false }
    const run: BridgeRun = { ctx, ns: ctx.ns, w: createWriter(options), details: 0, stats: 0 }
    let code = 0
    try {
      const words: Words = { list: ctx.proc.argv, at: 1 }
      readOptions(run, words, options)
      run.w = createWriter(options)
      runObject(run, words)
    } catch (thrown) {
      if (!isExit(thrown)) throw thrown
      err(ctx, thrown.text)
      code = thrown.returned ? (256 - thrown.exit) & 255 : thrown.exit
    }
    if (run.w.text !== '') out(ctx, finishWriter(run.w))
    exitProcess(ctx, code)
  },
  complete(request: CompletionRequest) {
    const { words, ns } = request
    const last = words[words.length - 1] ?? ''
    const names = linksOf(ns).map((link) => link.name)
    const depth = words.length - 1
    const list = depth === 1 ? ['link', 'fdb', 'vlan'] : depth === 2 ? COMMANDS : [...names, ...WORDS]
    return list.filter((one) => one.startsWith(last))
  },
}

const COMMANDS = ['show', 'set', 'add', 'append', 'replace', 'del', 'flush']
const WORDS = [
  'dev',
  'br',
  'brport',
  'master',
  'self',
  'static',
  'dynamic',
  'hairpin',
  'state',
  'cost',
  'priority',
]

const OPTIONS: readonly string[] = [
  '-help',
  '-Version',
  '-stats',
  '-statistics',
  '-details',
  '-oneline',
  '-timestamp',
  '-family',
  '-netns',
  '-color',
  '-compressvlans',
  '-force',
  '-json',
  '-pretty',
  '-batch',
]

function readOptions(
  run: BridgeRun,
  words: Words,
  options: { json: boolean; pretty: boolean; oneline: boolean; color: boolean },
): void {
  for (; more(words) && word(words).startsWith('-'); words.at++) {
    const given = word(words).startsWith('--') ? word(words).slice(1) : word(words)
    if (given === '-') return
    if (given === '-4' || given === '-6' || given === '-tshort' || given === '-ts') continue
    const flag = /^-color=(always|auto|never)$/.test(given)
      ? given
      : OPTIONS.find((name) => matches(given, name))
    if (flag === undefined) quit(`Option "${given}" is unknown, try "bridge help".\n`)
    if (flag === '-help') usage()
    else if (flag === '-Version') {
      out(run.ctx, 'bridge utility, 6.1.0\n')
      quit('', 0)
    } else if (flag.startsWith('-stat')) run.stats++
    else if (flag === '-details') run.details++
    else if (flag === '-oneline') options.oneline = true
    else if (flag === '-json') options.json = true
    else if (flag === '-pretty') options.pretty = true
    else if (flag === '-color' || flag === '-color=always') options.color = true
    else if (flag === '-family') next(words)
    else if (flag === '-batch') notModelled('bridge -batch')
    else if (flag === '-netns') {
      const name = next(words)
      const ns = findNetns(run.ctx.world, netnsByName(run.ctx.machine, name) ?? -1)
      if (ns === undefined) quit(`Cannot open network namespace "${name}": No such file or directory\n`)
      run.ns = ns
    }
  }
}

function runObject(run: BridgeRun, words: Words): void {
  if (!more(words)) usage()
  const object = word(words)
  const command = words.list[words.at + 1] ?? 'show'
  words.at += 2
  if (matches(object, 'link')) bridgeLink(run, words, command)
  else if (matches(object, 'fdb')) bridgeFdb(run, words, command)
  else if (matches(object, 'mdb')) notModelled('bridge mdb')
  else if (matches(object, 'vlan')) bridgeVlan(run, words, command)
  else if (matches(object, 'monitor')) notModelled('bridge monitor')
  else if (matches(object, 'vni')) notModelled('bridge vni')
  else if (matches(object, 'help')) usage()
  else quit(`Object "${object}" is unknown, try "bridge help".\n`)
}

function isShow(command: string): boolean {
  return matches(command, 'show') || matches(command, 'lst') || matches(command, 'list')
}

function placeOf(run: BridgeRun): Place {
  return { world: run.ctx.world, ns: run.ns, machine: run.ctx.machine }
}

/** A device, or bridge's word for its absence (exit 255). */
function needDevice(run: BridgeRun, name: string, what = 'device'): Link {
  const link = linkByName(run.ns, name)
  if (link === undefined) quit(`Cannot find ${what} "${name}"\n`)
  return link
}

function bridgeLink(run: BridgeRun, words: Words, command: string): void {
  if (matches(command, 'set') || matches(command, 'change')) {
    linkSetPort(run, words)
    return
  }
  if (!isShow(command)) {
    if (matches(command, 'help')) usage()
    noSuchCommand(command, 'bridge link')
  }
  let dev = ''
  let master = 0
  for (; more(words); words.at++) {
    if (word(words) === 'dev') {
      if (dev !== '') garbage('dev', word(words))
      dev = next(words)
    } else if (word(words) === 'master') {
      const link = linkByName(run.ns, next(words))
      if (link === undefined) quit(`Cannot find bridge device "${word(words)}"\n`)
      master = link.ifindex
    }
  }
  if (dev !== '') needDevice(run, dev)
  const place = placeOf(run)
  openArray(run.w)
  for (const link of linksOf(run.ns)) {
    if (link.port === null || (dev !== '' && link.name !== dev)) continue
    if (master !== 0 && link.master !== master) continue
    putBridgePort(run.w, place, link, run.details)
  }
  closeArray(run.w)
}

const PORT_FLAGS: readonly ('hairpin' | 'learning' | 'flood' | 'isolated' | 'guard')[] = [
  'hairpin',
  'learning',
  'flood',
  'isolated',
  'guard',
]

const PORT_REFUSED: readonly string[] =
  'fastleave root_block learning_sync mcast_flood bcast_flood mcast_router mcast_to_unicast hwmode neigh_suppress vlan_tunnel locked mab backup_port nobackup_port'.split(
    ' ',
  )

function linkSetPort(run: BridgeRun, words: Words): void {
  let dev = ''
  const options: BridgePortOptions = {}
  for (; more(words); words.at++) {
    const text = word(words)
    const flag = PORT_FLAGS.find((name) => name === text)
    if (text === 'dev') dev = next(words)
    else if (flag !== undefined) options[flag] = onOff(flag, next(words))
    else if (text === 'cost') options.cost = needNumber(next(words), 0xffffffff, 'invalid cost')
    else if (text === 'priority') options.priority = needNumber(next(words), 65535, 'invalid priority')
    else if (text === 'state') options.state = portState(next(words))
    else if (text === 'self' || text === 'master') continue
    else if (PORT_REFUSED.includes(text)) notModelled(`bridge link set ${text}`)
    else usage()
  }
  if (dev === '') quit('Device is a required argument.\n')
  const link = needDevice(run, dev, 'bridge device')
  if (Object.keys(options).length === 0) return
  check(linkSet(run.ctx.world, run.ns, link, { slave: options }), 1)
}

function onOff(key: string, text: string): boolean {
  if (text !== 'on' && text !== 'off') {
    quit(`Error: argument of "${key}" must be one of "off", "on", not "${text}"\n`, 234)
  }
  return text === 'on'
}

function portState(text: string): number {
  const state = cNumber(text) ?? portStateNumber(text.toLowerCase())
  if (state < 0) quit('Error: invalid STP port state\n')
  return state
}

function bridgeFdb(run: BridgeRun, words: Words, command: string): void {
  if (matches(command, 'add')) fdbModify(run, words, 'add')
  else if (matches(command, 'append')) fdbModify(run, words, 'append')
  else if (matches(command, 'replace')) fdbModify(run, words, 'replace')
  else if (matches(command, 'delete')) fdbModify(run, words, 'del')
  else if (matches(command, 'get')) fdbGet(run, words)
  else if (isShow(command)) fdbShow(run, words)
  else if (command === 'flush') fdbFlushCommand(run, words)
  else if (matches(command, 'help')) usage()
  else noSuchCommand(command, 'bridge fdb')
}

function fdbShow(run: BridgeRun, words: Words): void {
  let bridge: Link | undefined
  let dev = ''
  let state = ''
  let dynamic = false
  let vlan = false
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'brport' || text === 'dev') dev = next(words)
    else if (text === 'br') bridge = needDevice(run, next(words), 'bridge device')
    else if (text === 'vlan') {
      next(words)
      vlan = true
    } else if (text === 'state') state = next(words)
    else if (text === 'dynamic') dynamic = true
    else if (matches(text, 'help')) usage()
  }
  if (state !== '' && !/^(permanent|static|stale|reachable|all)$/.test(state)) invarg('invalid state', state)
  if (dev !== '') needDevice(run, dev)
  const wanted = (row: FdbRow) =>
    !vlan &&
    (dev === '' || row.dev.name === dev) &&
    (state === '' || state === 'all' || row.state === state) &&
    (!dynamic || row.state === '')
  const rows = bridge?.bridge === null ? [] : fdbRows(run.ctx.world, run.ns, bridge)
  const place = placeOf(run)
  openArray(run.w)
  for (const row of rows) if (wanted(row)) putFdb(run.w, place, row, run.stats, dev !== '')
  closeArray(run.w)
}

function fdbModify(run: BridgeRun, words: Words, what: 'add' | 'append' | 'replace' | 'del'): void {
  let dev = ''
  let addr = ''
  let master = false
  let self = false
  let state: 'permanent' | 'static' | 'dynamic' = 'permanent'
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'dev') dev = next(words)
    else if (text === 'master') master = true
    else if (text === 'self') self = true
    else if (matches(text, 'local') || matches(text, 'permanent')) state = 'permanent'
    else if (matches(text, 'temp') || matches(text, 'static')) state = 'static'
    else if (matches(text, 'dynamic')) state = 'dynamic'
    else if (FDB_REFUSED.includes(text)) notModelled(`bridge fdb ${text}`)
    else {
      if (text === 'to') next(words)
      if (matches(word(words), 'help')) usage()
      if (addr !== '') garbage('to', word(words))
      addr = word(words)
    }
  }
  if (dev === '' || addr === '') quit('Device and address are required arguments.\n')
  const mac = parseMac(addr)
  if (mac === undefined) quit(`Invalid mac address ${addr}\n`)
  const link = needDevice(run, dev)
  const { world } = run.ctx
  if (self && master) notModelled('bridge fdb self master')
  if (what === 'del') check(fdbDel(world, run.ns, link, mac, master), 1)
  else if (what === 'replace') check(fdbReplace(world, run.ns, link, { mac, state, master }), 1)
  else if (what === 'append') {
    const known = fdbRows(world, run.ns).some(
      (row) => row.mac === mac && row.dev === link && row.master !== null,
    )
    if (!known) check(fdbAdd(world, run.ns, link, { mac, state, master }), 1)
  } else check(fdbAdd(world, run.ns, link, { mac, state, master }), 1)
}

const FDB_REFUSED: readonly string[] =
  'dst port vni via src_vni nhid router use extern_learn sticky vlan activity_notify inactive norefresh'.split(
    ' ',
  )

function fdbGet(run: BridgeRun, words: Words): void {
  let bridge: Link | undefined
  let dev = ''
  let addr = ''
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'brport' || text === 'dev') dev = next(words)
    else if (text === 'br') bridge = needDevice(run, next(words), 'bridge device')
    else if (text === 'self' || text === 'master' || text === 'dynamic') continue
    else addr = word(words)
  }
  const mac = parseMac(addr)
  if (mac === undefined) quit(addr === '' ? 'No address specified\n' : `Invalid mac address ${addr}\n`)
  const rows = fdbRows(run.ctx.world, run.ns, bridge)
  const row = rows.find(
    (one) => one.mac === mac && one.master !== null && (dev === '' || one.dev.name === dev),
  )
  if (row === undefined) quit('Error: Fdb entry not found.\n', 254)
  openArray(run.w)
  putFdb(run.w, placeOf(run), row, run.stats, false)
  closeArray(run.w)
}

function fdbFlushCommand(run: BridgeRun, words: Words): void {
  let dev = ''
  let port = ''
  let master = false
  let dynamicOnly = false
  for (; more(words); words.at++) {
    const text = word(words)
    if (text === 'dev') dev = next(words)
    else if (text === 'brport') port = next(words)
    else if (text === 'master') master = true
    else if (text === 'dynamic' || text === 'nopermanent' || text === 'nostatic') dynamicOnly = true
    else if (text === 'self') continue
    else if (matches(text, 'help')) usage()
    else notModelled(`bridge fdb flush ${text}`)
  }
  if (dev === '') quit('Device is a required argument.\n')
  const link = needDevice(run, dev)
  if (link.bridge === null && !master) quit('RTNETLINK answers: Operation not supported\n')
  const target = port === '' ? link : needDevice(run, port)
  check(fdbFlush(run.ctx.world, run.ns, target, dynamicOnly), 1)
}

/** VLAN filtering is not modelled, so that no port has a VLAN: the header alone. */
function bridgeVlan(run: BridgeRun, words: Words, command: string): void {
  if (isShow(command)) {
    for (; more(words); words.at++) if (word(words) === 'dev') needDevice(run, next(words))
    openArray(run.w)
    put(run.w, 'port              vlan-id  \n')
    closeArray(run.w)
  } else if (/^(add|del|delete|tunnelshow|set|global)$/.test(command)) notModelled(`bridge vlan ${command}`)
  else if (matches(command, 'help')) usage()
  else noSuchCommand(command, 'bridge vlan')
}

function usage(): never {
  quit(
    'Usage: bridge [ OPTIONS ] OBJECT { COMMAND | help }\n' +
      'where  OBJECT := { link | fdb | vlan }\n' +
      '       OPTIONS := { -c | -d | -j | -n NAME | -o | -p | -s }\n' +
      '       bridge link { show | set } dev DEV [ cost N ] [ priority N ] [ state STATE ] [ hairpin {on | off} ]\n' +
      '                   [ learning {on | off} ] [ flood {on | off} ] [ isolated {on | off} ] [ guard {on | off} ]\n' +
      '       bridge fdb { add | append | replace | del } ADDR dev DEV [ self ] [ master ] [ local | static | dynamic ]\n' +
      '       bridge fdb show [ br BRDEV ] [ brport DEV ] [ state STATE ] [ dynamic ]\n' +
      '       bridge fdb flush dev DEV [ brport DEV ] [ dynamic ]\n' +
      '       bridge fdb get ADDR [ br BRDEV ]\n',
  )
}
