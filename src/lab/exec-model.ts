/**
 * What a machine's exec lines make, read without running them: namespaces, devices, addresses, and every place where
 * one is named. Drawing edits need it to rename and remove what commands made. It follows `ip` as far as learners
 * type it; a name inside a loop or a variable is not found, and the edit says so.
 */
import type { ShellCommand, ShellWord } from './shell-words.ts'
import { shellCommands } from './shell-words.ts'

export interface Mention {
  /** Index of the line given to `readLine`. */
  line: number
  /** Index of the command in the line. */
  command: number
  from: number
  to: number
}

export interface DeviceText {
  name: string
  /** Namespace's name, '' for the machine's own. */
  netns: string
  kind: string
  /** Index of the other end of a veth pair, -1 for none. */
  peer: number
  /** Index of the bridge it is a port of, -1 for none. */
  master: number
  alive: boolean
  mentions: Mention[]
  /** Addresses given by exec lines, in order. */
  addrs: { cidr: string; at: Mention }[]
}

export interface NetnsText {
  name: string
  alive: boolean
  mentions: Mention[]
}

export interface ExecModel {
  netns: NetnsText[]
  devices: DeviceText[]
  lines: ShellCommand[][]
}

/** A machine with nothing but lo and the given cable ends. */
export function createExecModel(ifnames: string[], bridge: string): ExecModel {
  const model: ExecModel = { netns: [], devices: [], lines: [] }
  addDevice(model, 'lo', '', 'loopback')
  const br = bridge === '' ? -1 : addDevice(model, bridge, '', 'bridge')
  for (const name of ifnames) model.devices[addDevice(model, name, '', 'phys')]!.master = br
  return model
}

/** Follows one line typed in `netns`. Answers its index. */
export function readLine(model: ExecModel, line: string, netns: string): number {
  const commands = shellCommands(line)
  const index = model.lines.push(commands) - 1
  commands.forEach((command, i) => {
    readCommand(model, command.words, netns, { line: index, command: i })
  })
  return index
}

/** Index of the live device with that name in a namespace, -1 for none. */
export function findDevice(model: ExecModel, netns: string, name: string): number {
  return model.devices.findIndex((d) => d.alive && d.netns === netns && d.name === name)
}

export function findNetns(model: ExecModel, name: string): NetnsText | undefined {
  return model.netns.find((n) => n.alive && n.name === name)
}

interface Place {
  line: number
  command: number
}

function mention(place: Place, word: ShellWord): Mention {
  const inner = word.literal ? 0 : Math.max(0, Math.floor((word.to - word.from - word.text.length) / 2))
  return { ...place, from: word.from + inner, to: word.to - inner }
}

function addDevice(model: ExecModel, name: string, netns: string, kind: string): number {
  const device = { name, netns, kind, peer: -1, master: -1, alive: true, mentions: [], addrs: [] }
  return model.devices.push(device) - 1
}

function readCommand(model: ExecModel, words: ShellWord[], netns: string, place: Place): void {
  let at = 0
  while (at < words.length && /^[A-Za-z_][A-Za-z0-9_]*=/.test(words[at]!.text)) at++
  if (words[at]?.text === 'sudo') at++
  const program = words[at]?.text
  if (program === 'ip') readIp(model, words, at + 1, netns, place)
  else mentionDevices(model, words, at + 1, netns, place)
}

function readIp(model: ExecModel, words: ShellWord[], start: number, outer: string, place: Place): void {
  let netns = outer
  let at = start
  while (words[at]?.text.startsWith('-') === true) {
    const option = words[at]!.text
    if (option === '-n' || option === '-netns') {
      at++
      if (words[at] === undefined) return
      netns = words[at]!.text
      mentionNetns(model, words[at]!, place)
    }
    at++
  }
  const object = words[at]?.text ?? ''
  const verb = words[at + 1]?.text ?? ''
  if (isWord(object, 'netns', 2)) {
    const name = words[at + 2]
    if (verb === 'exec' && name !== undefined) {
      mentionNetns(model, name, place)
      readCommand(model, words.slice(at + 3), name.text, place)
    } else if (name !== undefined) readNetnsVerb(model, verb, name, place)
    return
  }
  mentionDevices(model, words, at + 1, netns, place)
  for (let i = at + 1; i < words.length - 1; i++) {
    if (words[i]!.text === 'netns') mentionNetns(model, words[i + 1]!, place)
  }
  const rest = words.slice(at + 2)
  if (isWord(object, 'link', 1)) {
    if (verb === 'add') readLinkAdd(model, rest, netns, place)
    else if (isWord(verb, 'delete', 3)) readLinkDel(model, rest, netns)
    else if (isWord(verb, 'set', 1)) readLinkSet(model, rest, netns, place)
  } else if (isWord(object, 'address', 1)) readAddr(model, verb, rest, netns, place)
}

function isWord(text: string, full: string, min: number): boolean {
  return text.length >= min && full.startsWith(text)
}

function mentionNetns(model: ExecModel, word: ShellWord, place: Place): void {
  findNetns(model, word.text)?.mentions.push(mention(place, word))
}

function readNetnsVerb(model: ExecModel, verb: string, word: ShellWord, place: Place): void {
  if (verb === 'add' && findNetns(model, word.text) === undefined) {
    model.netns.push({ name: word.text, alive: true, mentions: [] })
    addDevice(model, 'lo', word.text, 'loopback')
  }
  mentionNetns(model, word, place)
  if (!isWord(verb, 'delete', 3)) return
  const gone = findNetns(model, word.text)
  if (gone === undefined) return
  gone.alive = false
  for (const device of model.devices) if (device.netns === word.text) kill(model, device)
}

function kill(model: ExecModel, device: DeviceText): void {
  device.alive = false
  const peer = model.devices[device.peer]
  if (peer?.alive === true) peer.alive = false
}

/** Every word that is the name of a device in this namespace, and the one inside a sysctl's name. */
function mentionDevices(
  model: ExecModel,
  words: ShellWord[],
  start: number,
  netns: string,
  place: Place,
): void {
  for (let i = start; i < words.length; i++) {
    const word = words[i]!
    if (words[i - 1]?.text === 'netns') continue
    const conf = /^(net\.ipv[46]\.(?:conf|neigh)\.)(.+?)\.[a-z_0-9]+(=.*)?$/.exec(word.text)
    const name = conf?.[2] ?? word.text
    const index = findDevice(model, netns, name)
    if (index < 0) continue
    const at = mention(place, word)
    if (conf !== null) {
      at.from += conf[1]!.length
      at.to = at.from + name.length
    }
    const seen = model.devices[index]!.mentions
    if (!seen.some((m) => m.line === at.line && m.from === at.from)) seen.push(at)
  }
}

function readLinkAdd(model: ExecModel, words: ShellWord[], netns: string, place: Place): void {
  const text = words.map((w) => w.text)
  const typeAt = text.indexOf('type')
  const kind = text[typeAt + 1] ?? ''
  if (typeAt < 0) return
  const create = (word: ShellWord | undefined, ns: string): number => {
    if (word === undefined) return -1
    const index = addDevice(model, word.text, ns, kind)
    model.devices[index]!.mentions.push(mention(place, word))
    return index
  }
  const peerAt = text.indexOf('peer')
  const head = words.slice(0, peerAt < 0 ? words.length : peerAt)
  const first = create(nameWord(head), optionWord(head, 'netns')?.text ?? netns)
  if (kind !== 'veth') return
  const tail = peerAt < 0 ? [] : words.slice(peerAt + 1)
  const second = create(nameWord(tail), optionWord(tail, 'netns')?.text ?? netns)
  if (first >= 0 && second >= 0) {
    model.devices[first]!.peer = second
    model.devices[second]!.peer = first
  }
}

/** The name in `[link LOWER] [name|dev] NAME [options]`. */
function nameWord(words: ShellWord[]): ShellWord | undefined {
  const named = optionWord(words, 'name') ?? optionWord(words, 'dev')
  if (named !== undefined) return named
  let at = 0
  while (at < words.length) {
    const text = words[at]!.text
    if (text === 'type') return undefined
    if (['link', 'mtu', 'address', 'netns', 'txqueuelen', 'index'].includes(text)) at += 2
    else return words[at]
  }
  return undefined
}

function optionWord(words: ShellWord[], option: string): ShellWord | undefined {
  const at = words.findIndex((w) => w.text === option)
  return at < 0 ? undefined : words[at + 1]
}

function readLinkDel(model: ExecModel, words: ShellWord[], netns: string): void {
  const word = words[0]?.text === 'dev' ? words[1] : words[0]
  const device = model.devices[findDevice(model, netns, word?.text ?? '')]
  if (device !== undefined) kill(model, device)
}

function readLinkSet(model: ExecModel, words: ShellWord[], netns: string, place: Place): void {
  const word = words[0]?.text === 'dev' ? words[1] : words[0]
  const device = model.devices[findDevice(model, netns, word?.text ?? '')]
  if (device === undefined) return
  const master = optionWord(words, 'master')
  if (master !== undefined) device.master = findDevice(model, netns, master.text)
  if (words.some((w) => w.text === 'nomaster')) device.master = -1
  const name = optionWord(words, 'name')
  if (name !== undefined) {
    device.name = name.text
    device.mentions.push(mention(place, name))
  }
  const target = optionWord(words, 'netns')
  if (target !== undefined) {
    device.netns = target.text === '1' ? '' : target.text
    device.master = -1
    device.addrs = []
  }
}

function readAddr(model: ExecModel, verb: string, words: ShellWord[], netns: string, place: Place): void {
  const dev = optionWord(words, 'dev')
  const device = model.devices[findDevice(model, netns, dev?.text ?? '')]
  if (device === undefined) return
  const local = optionWord(words, 'local') ?? words.find((w) => /^[0-9a-fA-F:.]+(\/\d+)?$/.test(w.text))
  if (isWord(verb, 'flush', 1)) device.addrs = []
  else if (local === undefined) return
  else if (isWord(verb, 'add', 1)) device.addrs.push({ cidr: local.text, at: mention(place, local) })
  else if (isWord(verb, 'delete', 1)) device.addrs = device.addrs.filter((a) => a.cidr !== local.text)
}
