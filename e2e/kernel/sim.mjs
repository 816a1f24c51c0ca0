// The simulated side of a group of flows, in one process (bundled by compare.mjs): boots the lab anew for each flow,
// runs it, writes what every device saw, and answers outputs and tables.
//
//   node sim.mjs boot LAB.yaml          the lab as a shell script for real namespaces, on standard output
//   node sim.mjs flows LAB.yaml JSON    JSON: [{ capture, warm, wait, settle, steps: [{ room, command, background }] }]
import { readFileSync, writeFileSync } from 'node:fs'
import { captureFile, startCapture, takeFrames } from '../../src/lab/capture.ts'
import { exportShell } from '../../src/lab/export-sh.ts'
import { startRun, typeAll } from '../../src/lab/headless.ts'
import { roomNames } from '../../src/lab/rules.ts'
import { simulatedState } from './state.mjs'

function boot(text) {
  const { run, diagnostics } = startRun(text)
  const errors = diagnostics.map((d) => `${d.line}: ${d.message}`)
  if (run === undefined || errors.length > 0) throw new Error(errors.join('\n'))
  return run
}

function typedOf({ room, command, background = false }) {
  const dot = room.indexOf('.')
  const [machine, netns] = dot < 0 ? [room, ''] : [room.slice(0, dot), room.slice(dot + 1)]
  return { text: `${room}: ${command}`, machine, netns, command, background }
}

/** Types commands, each to its end; answers what each printed and its exit code. */
function type(run, steps, each) {
  const ran = typeAll(run, steps.map(typedOf), undefined, each)
  if (typeof ran === 'string') throw new Error(ran)
  if (run.world.frozen !== undefined) throw new Error(`frozen: ${run.world.frozen.message}`)
  return ran
}

/** Drops learned state, as the oracle does before a flow. */
function forget(run, rooms) {
  for (const room of rooms) {
    const links = JSON.parse(type(run, [{ room, command: 'ip -j -d link' }])[0].stdout)
    const bridges = links.filter((link) => link.linkinfo?.info_kind === 'bridge')
    const commands = ['ip neigh flush all', 'ip route flush cache']
    for (const { ifname } of bridges) commands.push(`ip link set ${ifname} type bridge fdb_flush`)
    type(
      run,
      commands.map((command) => ({ room, command })),
    )
  }
}

function simulate(text, flow) {
  const run = boot(text)
  const rooms = roomNames(run.world)
  const pause = (seconds) => ({ room: rooms[0], command: `sleep ${seconds}` })
  type(run, [pause(flow.wait)])
  forget(run, rooms)
  const steps = flow.steps.map((step) => ({ ...step, command: `{ ${step.command}; } 2>&1` }))
  if (flow.warm) type(run, [...steps, pause(0.3)])
  const capturing = startCapture(run)
  const each = () => takeFrames(run, capturing)
  const longest = steps.some((step) => step.background) ? [{ room: rooms[0], command: 'sleep 10' }] : []
  const ran = type(run, [...steps, ...longest, pause(flow.settle)], each).slice(0, steps.length)
  writeFileSync(flow.capture, captureFile(capturing))
  const ask = (room, command) => type(run, [{ room, command }])[0].stdout
  const last = ran[ran.length - 1]
  return { output: ran.map((one) => one.stdout).join(''), rc: last.code, state: simulatedState(rooms, ask) }
}

const [, , verb, file, json] = process.argv
const text = readFileSync(file, 'utf8')
if (verb === 'boot') process.stdout.write(exportShell(boot(text).world))
else {
  const flows = JSON.parse(readFileSync(json, 'utf8'))
  process.stdout.write(JSON.stringify(flows.map((flow) => simulate(text, flow))))
}
