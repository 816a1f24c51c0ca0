// The simulated side of a group of flows, in one process (bundled by compare.mjs): boots the lab anew for each flow,
// runs it, writes what every device saw, and answers outputs and tables.
//
//   node sim.mjs LAB.yaml SPEC.json    SPEC: { prepare, listen, names, flows: [{ capture, warm, wait, settle, ports, steps }] },
//                                      a step (and a line of prepare) { room, command, background }
//
// On standard output: { script, listeners, resolvers, flows }, the lab as a shell script for real namespaces and, where
// `listen` asks for it, who listens where and what it answers, for stand-in.py; where `names` does, the /etc/resolv.conf of
// every room in which something is typed.
import { readFileSync, writeFileSync } from 'node:fs'
import { runToEnd } from '../../src/lab/build.ts'
import { captureFile, startCapture, takeFrames } from '../../src/lab/capture.ts'
import { exportShell } from '../../src/lab/export-sh.ts'
import { startRun } from '../../src/lab/headless.ts'
import { roomNames, submitExec } from '../../src/lab/rules.ts'
import { captureOf } from '../../src/proc/shell/session.ts'
import { calm, listeners } from './cluster.mjs'
import { connectionsOf, hitsOf, hitsSince, ownersOf, simulatedState } from './state.mjs'

function boot(text) {
  const { run, diagnostics } = startRun(text)
  const errors = diagnostics.map((d) => `${d.line}: ${d.message}`)
  if (run === undefined || errors.length > 0) throw new Error(errors.join('\n'))
  type(run, spec.prepare)
  if (run.lab.cluster !== undefined) calm((room, command) => ask(run, room, command), roomNames(run.world))
  return run
}

/** What a command may take: virtual ns and events. */
const LIMIT_NS = 600e9
const LIMIT_EVENTS = 50_000_000
const SLICE = 20_000

/** Types commands, each to its end unless it is in the background, then waits for all; answers their captures. */
function type(run, steps, each = () => {}) {
  const { world, rules } = run
  const end = (capture) => {
    for (let n = 0; n < LIMIT_EVENTS; n += SLICE) {
      const now = runToEnd(world, rules, capture, LIMIT_NS, SLICE)
      each()
      if (now === 'ended') return
      if (now === 'frozen') throw new Error(`frozen: ${world.frozen?.message}`)
    }
    throw new Error('a command does not end')
  }
  const captures = steps.map(({ room, command, background }) => {
    const capture = submitExec(world, rules, room, command)
    if (capture === 0) throw new Error(`no such place: ${room}`)
    if (background !== true) end(capture)
    return capture
  })
  for (const capture of captures) end(capture)
  return captures.map((capture) => captureOf(world, capture))
}

/** What a command prints. */
const ask = (run, room, command) => type(run, [{ room, command }])[0].out

/** Drops learned state, as the oracle does before a flow. */
function forget(run, rooms) {
  for (const room of rooms) {
    const links = JSON.parse(type(run, [{ room, command: 'ip -j -d link' }])[0].out)
    const bridges = links.filter((link) => link.linkinfo?.info_kind === 'bridge')
    const commands = ['ip neigh flush all', 'ip route flush cache']
    for (const { ifname } of bridges) commands.push(`ip link set ${ifname} type bridge fdb_flush`)
    type(
      run,
      commands.map((command) => ({ room, command })),
    )
  }
}

function forgetConnections(run, rooms) {
  type(
    run,
    rooms.map((room) => ({ room, command: 'conntrack -F 2>/dev/null' })),
  )
}

function simulate(run, flow) {
  const rooms = roomNames(run.world)
  const pause = (seconds) => ({ room: rooms[0], command: `sleep ${seconds}` })
  type(run, [pause(flow.wait)])
  if (run.lab.cluster !== undefined) forgetConnections(run, rooms)
  forget(run, rooms)
  const said = (room, command) => ask(run, room, command)
  const owner = ownersOf(rooms, said)
  const steps = flow.steps.map((step) => ({ ...step, command: `{ ${step.command}; } 2>&1` }))
  if (flow.warm) {
    // What ends a connection is still on its way when the command has ended.
    type(run, [...steps, pause(0.05)])
    forgetConnections(run, rooms)
    type(run, [pause(0.3)])
  }
  const before = hitsOf(rooms, said)
  const capturing = startCapture(run)
  const each = () => takeFrames(run, capturing)
  const ran = type(run, steps, each)
  type(run, [pause(flow.settle)], each)
  writeFileSync(flow.capture, captureFile(capturing))
  const state = simulatedState(rooms, owner, said)
  state.conntrack = connectionsOf(rooms, flow.ports, said)
  const hits = hitsSince(before, hitsOf(rooms, said))
  return { output: ran.map((one) => one.out).join(''), rc: ran[ran.length - 1].code, state, hits }
}

const [, , file, json] = process.argv
const text = readFileSync(file, 'utf8')
const spec = JSON.parse(readFileSync(json, 'utf8'))
const first = boot(text)
/** A cluster takes its time to come up: it does so once, and every flow begins with a copy of it. */
const fresh = () =>
  first.lab.cluster === undefined ? boot(text) : { ...first, world: structuredClone(first.world) }
const script = exportShell(first.world)
const flows = spec.flows.map((flow) => simulate(fresh(), flow))
const asked = fresh()
const found = spec.listen
  ? listeners((room, command) => ask(asked, room, command), roomNames(asked.world))
  : []
const typedIn = new Set(spec.flows.flatMap(({ steps }) => steps.map(({ room }) => room)))
const resolvers = Object.fromEntries(
  [...(spec.names ? typedIn : [])].map((room) => [room, ask(asked, room, 'cat /etc/resolv.conf')]),
)
process.stdout.write(JSON.stringify({ script, listeners: found, resolvers, flows }))
