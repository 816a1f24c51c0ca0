/** `ip link`: show and delete; add and set are in iplinkset.ts. Models ip/iplink.c and ipaddress.c of iproute2 6.1. */
import { linkByName, linksOf } from '../../net/link/device.ts'
import { linkDel } from '../../net/link/netlink.ts'
import type { Link } from '../../net/types.ts'
import { putLink, putLinkBrief } from '../print/link.ts'
import { closeArray, closeObject, openArray, openObject, put } from '../print/writer.ts'
import type { IpRun } from './ipctx.ts'
import { placeOf } from './ipctx.ts'
import { linkAddCommand, linkSetCommand } from './iplinkset.ts'
import type { Words } from './iproute2.ts'
import {
  check,
  garbage,
  giveUp,
  invarg,
  matches,
  more,
  needLink,
  next,
  noSuchCommand,
  notModelled,
  quit,
  word,
} from './iproute2.ts'

export function ipLink(run: IpRun, words: Words): void {
  if (!more(words)) {
    linkShow(run, words)
    return
  }
  const command = word(words)
  words.at++
  if (matches(command, 'add')) linkAddCommand(run, words)
  else if (matches(command, 'set') || matches(command, 'change')) linkSetCommand(run, words)
  else if (matches(command, 'replace')) notModelled('ip link replace')
  else if (matches(command, 'delete')) linkDelete(run, words)
  else if (isShow(command)) linkShow(run, words)
  else if (matches(command, 'xstats')) notModelled('ip link xstats')
  else if (matches(command, 'afstats')) notModelled('ip link afstats')
  else if (matches(command, 'property')) notModelled('ip link property')
  else if (matches(command, 'help')) linkUsage()
  else noSuchCommand(command, 'ip link')
}

export function isShow(command: string): boolean {
  return matches(command, 'show') || matches(command, 'lst') || matches(command, 'list')
}

/** What `show` and `flush` of links and addresses select by the device. */
export interface LinkFilter {
  dev: string
  up: boolean
  master: number
  kind: string
}

/** Reads the selectors that links and addresses share; false where the word is none of them. */
export function readLinkFilter(run: IpRun, words: Words, filter: LinkFilter): boolean {
  const text = word(words)
  if (text === 'up') filter.up = true
  else if (text === 'master' || text === 'vrf') {
    if (text === 'vrf') notModelled('vrf')
    const master = linkByName(run.ns, next(words))
    if (master === undefined) invarg('Device does not exist\n', word(words))
    filter.master = master.ifindex
  } else if (text === 'nomaster') filter.master = -1
  else if (text === 'type') filter.kind = next(words)
  else if (text === 'group') {
    const group = next(words)
    if (group !== 'default' && group !== '0') invarg('Invalid "group" value\n', group)
  } else return false
  return true
}

/** The devices that the filter leaves. */
export function selectLinks(run: IpRun, filter: LinkFilter): Link[] {
  return linksOf(run.ns).filter((link) => {
    if (filter.dev !== '' && link.name !== filter.dev) return false
    if (filter.up && !link.up) return false
    if (filter.master > 0 && link.master !== filter.master) return false
    if (filter.master < 0 && link.master !== 0) return false
    if (filter.kind === '') return true
    return filter.kind === link.kind || (filter.kind === 'bridge_slave' && link.port !== null)
  })
}

/** A device named by `show`; its absence has words of its own. */
export function needShown(run: IpRun, name: string): void {
  if (linkByName(run.ns, name) === undefined) giveUp(`Device "${name}" does not exist.\n`)
}

function linkShow(run: IpRun, words: Words): void {
  const filter: LinkFilter = { dev: '', up: false, master: 0, kind: '' }
  for (; more(words); words.at++) {
    if (readLinkFilter(run, words, filter)) continue
    if (word(words) === 'help') linkUsage()
    if (word(words) === 'dev') next(words)
    if (filter.dev !== '') garbage('dev', word(words))
    filter.dev = word(words)
  }
  if (filter.dev !== '') needShown(run, filter.dev)
  const { w } = run
  const place = placeOf(run)
  openArray(w)
  for (const link of selectLinks(run, filter)) {
    openObject(w)
    if (run.brief) putLinkBrief(w, place, link)
    else {
      putLink(w, place, link, { mode: true, details: run.details, stats: run.stats, address: true })
      put(w, '\n')
    }
    closeObject(w)
  }
  closeArray(w)
}

function linkDelete(run: IpRun, words: Words): void {
  let name = ''
  for (; more(words); words.at++) {
    if (matches(word(words), 'type')) {
      next(words)
      break
    }
    if (word(words) === 'group') notModelled('ip link delete group')
    if (word(words) === 'help') linkUsage()
    if (word(words) === 'dev') next(words)
    if (name !== '') garbage('dev', word(words))
    name = word(words)
  }
  if (name === '') quit('Not enough information: "dev" argument is required.\n')
  check(linkDel(run.world, run.ns, needLink(run.ns, name)))
}

function linkUsage(): never {
  quit(
    'Usage: ip link add [ link DEV ] [ name ] NAME [ address LLADDR ] [ mtu MTU ] [ netns NETNS ] type TYPE [ ARGS ]\n' +
      '       ip link delete DEVICE\n' +
      '       ip link set DEVICE [ up | down ] [ master DEVICE | nomaster ] [ name NAME ] [ address LLADDR ]\n' +
      '                   [ mtu MTU ] [ netns { PID | NAME } ] [ promisc { on | off } ] [ arp { on | off } ]\n' +
      '                   [ txqueuelen PACKETS ] [ type { bridge | bridge_slave } ARGS ]\n' +
      '       ip link show [ DEVICE ] [ up ] [ master DEVICE ] [ type TYPE ]\n' +
      'TYPE := { bridge | dummy | veth | vlan }\n',
  )
}
