/** The dispatch table of the whole simulator and the inputs that change a lab from outside. */
import { assert } from '../base/assert.ts'
import { KubeEv } from '../kube/events.ts'
import { Ev } from '../net/events.ts'
import { fragTimer } from '../net/ip/frag.ts'
import { neighTimer } from '../net/ip/neigh.ts'
import { addr6Timer } from '../net/ip6/addrconf.ts'
import { linkRx } from '../net/link/rx.ts'
import { linkTx } from '../net/link/xmit.ts'
import { bridgeTimer } from '../net/link/stptimer.ts'
import { tcpTimer } from '../net/sock/tcpexpire.ts'
import { ctGc } from '../net/nf/cttable.ts'
import type { World } from '../net/types.ts'
import { netnsNamed, registryOf } from '../net/world.ts'
import { endEditing } from '../proc/cmd/vi.ts'
import { execLine, openTty } from '../proc/shell/session.ts'
import { processHandlers } from '../run/handlers.ts'
import { machineOf } from '../run/machine.ts'
import { closeTty, ttyKeys } from '../run/tty.ts'
import type { Programs } from '../run/types.ts'
import { submitInput } from '../sim/timeline.ts'
import type { Handler, Input, Rules } from '../sim/world.ts'
import { applyLab } from './apply.ts'
import type { ClusterPart, ClusterSlot } from './cluster-part.ts'

/** Bodies of inputs by kind. Rooms are full namespace names: `MACHINE` or `MACHINE.NETNS`. */
export interface InputBodies {
  exec: { room: string; line: string }
  'tty.open': { room: string }
  'tty.close': { tty: number }
  'tty.keys': { tty: number; keys: string }
  apply: { text: string }
  /** The editor of a terminal is done; null: nothing is saved. */
  'edit.end': { tty: number; text: string | null }
}

/**
 * Handlers by event kind, and how inputs are applied. One value serves any number of worlds. `programs` may grow until
 * the first of the new ones is asked for; so may `cluster`.
 */
export function labRules(programs: Programs, cluster: ClusterSlot = {}): LabRules {
  const handlers: (Handler<World> | undefined)[] = []
  handlers[Ev.LinkRx] = linkRx as Handler<World>
  handlers[Ev.LinkTx] = linkTx as Handler<World>
  handlers[Ev.NeighTimer] = neighTimer as Handler<World>
  handlers[Ev.BridgeTimer] = bridgeTimer as Handler<World>
  handlers[Ev.FragTimer] = fragTimer as Handler<World>
  handlers[Ev.TcpTimer] = tcpTimer as Handler<World>
  handlers[Ev.Addr6Timer] = addr6Timer as Handler<World>
  handlers[Ev.ConntrackGc] = ctGc as Handler<World>
  for (const [kind, handler] of Object.entries(processHandlers(programs))) handlers[Number(kind)] = handler
  for (const kind of Object.values(KubeEv)) {
    handlers[kind] = (world, target, event) => clusterOf(cluster).handlers[kind]!(world, target, event)
  }
  return { handlers, applyInput: (world, input) => applyInput(world, input, cluster), cluster, programs }
}

/** The rules of labs; `cluster` is filled before a lab that has one is built. */
export interface LabRules extends Rules<World> {
  readonly programs: Programs
  readonly cluster: ClusterSlot
}

function clusterOf({ part }: ClusterSlot): ClusterPart {
  assert(part !== undefined, 'lab: the part that runs clusters is loaded')
  return part
}

/** Runs a command line in a room. Answers the id of its capture (see proc/shell/session.ts), 0 where there is no such room. */
export function submitExec(
  world: World,
  rules: Rules<World>,
  room: string,
  line: string,
  at = world.now,
): number {
  if (netnsNamed(world, room) === undefined) return 0
  return submitMaking(world, rules, 'exec', { room, line }, at)
}

/** Opens a terminal with a shell in a room. Answers its id, 0 where there is no such room. */
export function submitTty(world: World, rules: Rules<World>, room: string, at = world.now): number {
  if (netnsNamed(world, room) === undefined) return 0
  return submitMaking(world, rules, 'tty.open', { room }, at)
}

/** Types keys on a terminal, as a terminal sends them. */
export function submitKeys(
  world: World,
  rules: Rules<World>,
  tty: number,
  keys: string,
  at = world.now,
): void {
  submitInput(world, rules, 'tty.keys', { tty, keys } satisfies InputBodies['tty.keys'], at)
}

/** Closes a terminal and what runs on it. */
export function submitClose(world: World, rules: Rules<World>, tty: number, at = world.now): void {
  submitInput(world, rules, 'tty.close', { tty } satisfies InputBodies['tty.close'], at)
}

/** Ends the editor that is open on a terminal: its file becomes `text`, or stays as it was (null). */
export function submitEdit(
  world: World,
  rules: Rules<World>,
  tty: number,
  text: string | null,
  at = world.now,
): void {
  submitInput(world, rules, 'edit.end', { tty, text } satisfies InputBodies['edit.end'], at)
}

/** Makes the running world what the text says. The text must be without errors. */
export function submitApply(world: World, rules: Rules<World>, text: string, at = world.now): void {
  submitInput(world, rules, 'apply', { text } satisfies InputBodies['apply'], at)
}

/** The room's names as they are now. */
export function roomNames(world: World): string[] {
  return [...registryOf(world).netns.keys()].filter((name) => !name.includes('#'))
}

/** Submits an input whose first new target is what it is about. */
function submitMaking<K extends 'exec' | 'tty.open'>(
  world: World,
  rules: Rules<World>,
  kind: K,
  body: InputBodies[K],
  at: number,
): number {
  const id = world.targets.length
  submitInput(world, rules, kind, body, at)
  return world.targets[id] === undefined ? 0 : id
}

function applyInput(world: World, input: Input, cluster: ClusterSlot): void {
  switch (input.kind) {
    case 'exec': {
      const { room, line } = input.body as InputBodies['exec']
      const at = placeOf(world, room)
      if (at !== undefined) execLine(world, { ...at, line })
      break
    }
    case 'tty.open': {
      const at = placeOf(world, (input.body as InputBodies['tty.open']).room)
      if (at !== undefined) openTty(world, at)
      break
    }
    case 'tty.close':
      closeTty(world, (input.body as InputBodies['tty.close']).tty)
      break
    case 'tty.keys': {
      const { tty, keys } = input.body as InputBodies['tty.keys']
      ttyKeys(world, tty, keys)
      break
    }
    case 'edit.end': {
      const { tty, text } = input.body as InputBodies['edit.end']
      endEditing(world, tty, text)
      break
    }
    case 'apply':
      applyLab(world, (input.body as InputBodies['apply']).text, cluster)
      break
    default:
      assert(false, `lab: no input of kind ${input.kind}`)
  }
}

function placeOf(world: World, room: string): { machine: number; ns: number } | undefined {
  const ns = netnsNamed(world, room)
  const machine = ns === undefined ? undefined : machineOf(world, ns.id)
  return ns === undefined || machine === undefined ? undefined : { machine: machine.id, ns: ns.id }
}
