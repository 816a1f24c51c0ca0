/**
 * Tests only: two namespaces joined by a veth whose handlers are a few lines, so that the session is tested without the
 * network model. A terminal answers each key with the same key; Enter sends a packet a -> b, which b answers.
 */
import { addTarget, schedule, touch } from '../sim/dispatch.ts'
import { checkpoint, submitInput } from '../sim/timeline.ts'
import type { Rules } from '../sim/world.ts'
import { statsOf } from '../net/link/device.ts'
import { createPacket } from '../net/packet.ts'
import { createWorld, touchRegistry } from '../net/world.ts'
import { recordDrop, recordStep, StepAction, StepKind } from '../net/trace.ts'
import type { Link, Netns, Packet, World } from '../net/types.ts'
import { createIcmp } from '../net/packet.ts'
import { dumpOnto } from '../lab/dump/onto.ts'
import type { Lab } from '../lab/types.ts'
import type { Engine } from './engine.ts'

interface ToyTty {
  id: number
  epoch: number
  type: 'tty'
  ns: number
  text: string
}

const RX = 1
const KEYS = 37
const TICK = 40
const MS = 1_000_000

/** `exec` lines of the lab's first machine: `beat N` sends a packet every N ms, `bomb` makes the next arrival throw. */
export function toyEngine(): Engine {
  return {
    parse: (text) =>
      text.startsWith('bad')
        ? {
            lab: undefined,
            diagnostics: [
              { severity: 'error', message: 'bad', line: 1, column: 1, endLine: 1, endColumn: 4 },
            ],
          }
        : { lab: toyLab(text), diagnostics: [] },
    build: (lab, _text, seed) => ({ world: build(lab.name, seed), diagnostics: [] }),
    rules: () => RULES,
    places: () => new Map(),
    sameWorld: (core, lab) => core.lab.name === lab.name,
    apply: (core, text, at) => submitInput(core.world, core.rules, 'apply', { text }, at),
    edit: (text) => ({ text: `${text} edited`, created: ['a'], diagnostics: [] }),
    readDump: dumpOnto,
    exportAs: (core) => core.text,
    check: () => [],
    openTerminal: (core, room, at) => {
      const id = core.world.targets.length
      submitInput(core.world, core.rules, 'tty', { room }, at)
      return core.world.targets[id] === undefined ? 0 : id
    },
    closeTerminal: (core, target, at) => submitInput(core.world, core.rules, 'close', { target }, at),
    type: (core, target, keys, at) => submitInput(core.world, core.rules, 'keys', { target, keys }, at),
    endEdit: () => undefined,
    screen: (world, target) => {
      const tty = world.targets[target] as ToyTty | undefined
      return tty?.type === 'tty'
        ? { text: tty.text, dropped: 0, line: '', editing: null, ended: false }
        : undefined
    },
  }
}

function toyLab(text: string): Lab {
  return {
    name: text,
    machines: [],
    links: [],
    lesson: undefined,
    cluster: undefined,
    ipv6: false,
    notModelled: [],
  }
}

function build(name: string, seed: number): World {
  const world = createWorld(seed, 1024)
  const a = toyNs(world, 'a')
  const b = toyNs(world, 'b')
  join(a, b)
  join(b, a)
  const beat = /beat (\d+)/.exec(name)
  if (beat !== null) schedule(world, MS, TICK, a.id, Number(beat[1]) * MS, null)
  world.scalars.bomb = name.includes('bomb') ? 1 : 0
  checkpoint(world)
  return world
}

const RULES: Rules<World> = {
  handlers: handlers(),
  applyInput: (world, input) => {
    const body = input.body as { room: string; target: number; keys: string; text: string }
    if (input.kind === 'tty') {
      const tty: ToyTty = {
        id: 0,
        epoch: 0,
        type: 'tty',
        ns: world.targets.findIndex((t) => nameOf(t) === body.room),
        text: '$ ',
      }
      if (tty.ns >= 0) addTarget(world, tty)
    } else if (input.kind === 'close') {
      touch(world, body.target)
      world.targets[body.target] = undefined
    } else if (input.kind === 'keys') schedule(world, world.now, KEYS, body.target, 0, body.keys)
    else if (body.text.includes('throw')) throw new Error('apply failed')
    else if (body.text.includes('third')) toyNs(world, 'c')
  },
}

function handlers(): Rules<World>['handlers'] {
  const table: Rules<World>['handlers'][number][] = []
  table[RX] = (world: World, ns: Netns, event) => {
    const packet = event.ref as Packet
    if (world.scalars.bomb === 1 && world.now > 20 * MS) throw new Error('boom')
    packet.iif = event.arg
    recordStep(world, ns, packet, StepKind.Rx, StepAction.None, event.arg, null)
    if (packet.icmp?.type === 8) {
      recordStep(world, ns, packet, StepKind.Deliver, StepAction.EchoReply, event.arg, null)
      send(world, ns, 0, packet.trace)
    } else if (packet.icmp?.seq === 3) recordDrop(world, ns, packet, 'NO_SOCKET', event.arg, null)
    else recordStep(world, ns, packet, StepKind.Deliver, StepAction.Socket, event.arg, null)
  }
  table[KEYS] = (world: World, tty: ToyTty, event) => {
    for (const key of event.ref as string) {
      tty.text += key === '\r' ? '\r\nsent\r\n$ ' : key
      if (key !== '\r') continue
      touch(world, tty.ns)
      send(world, world.targets[tty.ns] as Netns, 8, 0)
    }
  }
  table[TICK] = (world: World, ns: Netns, event) => {
    send(world, ns, 8, 0)
    schedule(world, world.now + event.arg, TICK, ns.id, event.arg, null)
  }
  return table
}

function send(world: World, ns: Netns, type: number, cause: number): void {
  const packet = createPacket(world, 0x0800, cause)
  Object.assign(packet, {
    src: ns.id,
    dst: 5 - ns.id,
    proto: 1,
    ttl: 64,
    smac: ns.id,
    dmac: 5 - ns.id,
    length: 84,
  })
  packet.icmp = createIcmp(type, 0)
  packet.icmp.seq = Math.floor(packet.id / 2)
  recordStep(world, ns, packet, StepKind.Originate, StepAction.None, 1, null)
  recordStep(world, ns, packet, StepKind.Tx, StepAction.None, 1, null)
  const link = ns.links[1] as Link
  statsOf(link).txPackets++
  schedule(world, world.now + link.wire.latencyNs, RX, link.peer?.ns ?? 0, 1, packet)
}

function toyNs(world: World, name: string): Netns {
  const registry = touchRegistry(world)
  const ns = {
    id: 0,
    epoch: 0,
    type: 'netns',
    name,
    links: [undefined],
    confAll: { forwarding: 0 },
  } as unknown as Netns
  const id = addTarget(world, ns)
  registry.netns.set(name, id)
  registry.machines.set(name, id)
  return ns
}

function join(a: Netns, b: Netns): void {
  a.links[1] = {
    ifindex: 1,
    name: `to-${b.name}`,
    kind: 'veth',
    mac: a.id,
    mtu: 1500,
    up: true,
    carrier: true,
    master: 0,
    lower: 0,
    peer: { ns: b.id, ifindex: 1 },
    wire: { latencyNs: 10_000, rateBps: 0, lossPpm: 0, busyUntil: 0 },
    windowAt: 0,
    windowCount: 0,
    bridge: null,
    port: null,
    addrs: [],
    stats: { txPackets: 0 },
  } as unknown as Link
}

function nameOf(target: unknown): string {
  return (target as { name?: string } | undefined)?.name ?? ''
}
