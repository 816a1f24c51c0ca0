/** What may follow on an `ip` command line: objects, commands, devices, namespaces, and the command after `netns exec`. */
import { linksOf } from '../../net/link/device.ts'
import { findNetns } from '../../net/world.ts'
import { netnsByName, netnsEntries } from '../../run/machine.ts'
import type { CompletionRequest } from '../../run/types.ts'

const OBJECTS = ['address', 'link', 'neighbour', 'netns', 'route', 'rule']

const COMMANDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  address: ['add', 'change', 'replace', 'delete', 'show', 'flush', 'help'],
  link: ['add', 'set', 'delete', 'show', 'help'],
  neighbour: ['add', 'change', 'replace', 'delete', 'get', 'show', 'flush', 'help'],
  netns: ['list', 'add', 'delete', 'identify', 'pids', 'exec', 'list-id', 'help'],
  route: ['list', 'get', 'add', 'change', 'replace', 'prepend', 'append', 'delete', 'flush', 'help'],
  rule: ['list', 'add', 'delete', 'flush', 'help'],
})

const WORDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  address: ['dev', 'broadcast', 'peer', 'scope', 'label', 'metric', 'noprefixroute'],
  link: [
    'dev',
    'type',
    'name',
    'peer',
    'netns',
    'address',
    'mtu',
    'up',
    'down',
    'master',
    'nomaster',
    'promisc',
  ],
  neighbour: ['dev', 'lladdr', 'nud', 'router'],
  route: [
    'default',
    'via',
    'dev',
    'src',
    'metric',
    'table',
    'proto',
    'scope',
    'onlink',
    'nexthop',
    'blackhole',
  ],
  rule: ['from', 'to', 'fwmark', 'iif', 'oif', 'pref', 'table', 'lookup', 'not', 'blackhole', 'prohibit'],
})

const KINDS = ['bridge', 'bridge_slave', 'dummy', 'veth', 'vlan']
const STATES = ['permanent', 'reachable', 'noarp', 'stale', 'incomplete', 'delay', 'probe', 'failed']

/** Candidates for the last word; undefined: file names. */
export function completeIp(request: CompletionRequest): string[] | undefined {
  const { words, machine, world } = request
  const last = words[words.length - 1] ?? ''
  let i = 1
  let ns = request.ns
  for (; i < words.length - 1 && words[i]!.startsWith('-'); i++) {
    if (words[i] !== '-n' && words[i] !== '-netns') continue
    i++
    if (i === words.length - 1)
      return begin(
        netnsEntries(machine).map(([one]) => one),
        last,
      )
    ns = findNetns(world, netnsByName(machine, words[i]!) ?? -1) ?? ns
  }
  if (i >= words.length - 1) return last.startsWith('-') ? [] : begin(OBJECTS, last)
  const object = OBJECTS.find((name) => name.startsWith(words[i]!)) ?? ''
  if (i + 1 === words.length - 1) return begin(COMMANDS[object] ?? [], last)
  if (object === 'netns') return completeNetns(request, i + 1, last)
  const before = words[words.length - 2] ?? ''
  if (before === 'netns')
    return begin(
      netnsEntries(machine).map(([one]) => one),
      last,
    )
  if (before === 'type') return begin(KINDS, last)
  if (before === 'nud') return begin(STATES, last)
  const names = linksOf(ns).map((link) => link.name)
  if (['dev', 'master', 'iif', 'oif', 'link'].includes(before)) return begin(names, last)
  return begin([...names, ...(WORDS[object] ?? [])], last)
}

function completeNetns(request: CompletionRequest, at: number, last: string): string[] | undefined {
  const { words, machine, programs } = request
  const command = words[at] ?? ''
  if (at + 1 === words.length - 1)
    return begin(
      netnsEntries(machine).map(([one]) => one),
      last,
    )
  if (!'exec'.startsWith(command) || command === '') return []
  if (at + 2 === words.length - 1) return begin([...programs.keys()], last)
  const inner = words.slice(at + 2)
  const ns = findNetns(request.world, machine.netns.get(words[at + 1] ?? '') ?? -1) ?? request.ns
  return programs.get(inner[0] ?? '')?.complete?.({ ...request, ns, words: inner })
}

function begin(list: readonly string[], text: string): string[] {
  return [...new Set(list)].filter((one) => one.startsWith(text))
}
