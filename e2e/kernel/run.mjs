// The kernel comparison: every lab built twice, from real network namespaces and in Kubehop; the same commands run in
// both, every interface captured; the captures and the tables afterwards must be the same.
//
//   node e2e/kernel/run.mjs [--summary FILE] [--only TEXT] [--keep DIR] [LAB …]
//
// The real side is ../shared/oracle (see its README); where that is absent, the comparison is skipped and says so.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from '../../src/cli/dev/bundle.mjs'
import { appendToExec } from './lab-text.mjs'
import { compareIpv6 } from './ipv6.mjs'
import { simulatedState, spacesOf } from './state.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
const oracle = join(root, '..', 'shared', 'oracle', 'oracle.py')
const STATES = ['cold', 'warm']
const AT_ONCE = 3

const options = { summary: '', only: '', keep: '', labs: [] }
for (let i = 2; i < process.argv.length; i++) {
  const word = process.argv[i]
  if (word === '--summary' || word === '--only' || word === '--keep')
    options[word.slice(2)] = process.argv[++i]
  else options.labs.push(word)
}

/** Runs a program to its end; answers its exit code and output. */
function run(command, args, input) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    child.on('close', (code) => done({ code, stdout, stderr }))
    child.stdin.end(input ?? '')
  })
}

let program = ''
const lab = (...args) => run(process.execPath, [program, ...args])

/** `most`: the highest exit code that is fine (the command line ends with 1 where a command of the lab failed). */
async function must(promise, what, most = 0) {
  const done = await promise
  if (done.code > most)
    throw new Error(`${what}: ${(done.stderr || done.stdout).trim().split('\n').slice(-3).join(' / ')}`)
  return done.stdout
}

const netnsOf = (at) => at.replace('/', '.')
const fileName = (text) => text.replace(/[^a-zA-Z0-9]+/g, '-')

/** Names of the flow's two runs; the settle time is slept away inside the command, so that both sides see it. */
function runsOf(group) {
  return group.flows.flatMap((flow) =>
    STATES.map((state) => ({
      ...flow,
      state,
      id: fileName(`${flow.name} ${state}`),
      settle: flow.settle ?? 0.4,
    })),
  )
}

async function realSide(group, folder, runs) {
  const topology = join(folder, 'topo.sh')
  const boot = join(folder, 'lab.yaml')
  writeFileSync(topology, await must(lab('export', boot, '--to', 'sh'), 'export'))
  const flows = runs.map((one) => ({
    name: one.id,
    netns: netnsOf(one.at),
    cmd: one.cmd,
    state: one.state,
    settle: one.settle,
    timeout: 40,
  }))
  const spec = join(folder, 'flows.json')
  writeFileSync(spec, JSON.stringify({ ports: group.ports ?? [], flows }))
  await must(run('python3', [oracle, 'run', topology, spec, '-o', join(folder, 'real')]), 'oracle')
  return JSON.parse(readFileSync(join(folder, 'real', 'result.json'), 'utf8'))
}

/** One simulated flow: a warm one runs the command once while the lab boots, uncaptured. */
async function simulate(folder, one) {
  const text = readFileSync(join(folder, 'lab.yaml'), 'utf8')
  const file = join(folder, `${one.id}.yaml`)
  const before = one.state === 'warm' ? [`${one.at}: ${one.cmd} || true`, `${one.at}: sleep 0.3`] : []
  writeFileSync(file, appendToExec(text, before))
  const capture = join(folder, 'sim', `${one.id}.pcapng`)
  const args = ['--exec', `${one.at}: ${one.cmd}`, '--exec', `${one.at}: sleep ${one.settle}`]
  await must(lab('pcap', file, ...args, '--out', capture), `pcap ${one.name}`, 1)
  const spaces = spacesOf(readFileSync(join(folder, 'topo.sh'), 'utf8'))
  const state = await simulatedState(lab, file, args, spaces)
  return { capture, state }
}

async function compareGroup(group, folder) {
  mkdirSync(join(folder, 'sim'), { recursive: true })
  const source = readFileSync(join(root, 'public', 'labs', group.lab), 'utf8')
  writeFileSync(join(folder, 'lab.yaml'), appendToExec(source, group.setup ?? []))
  const runs = runsOf(group)
  if (runs.length === 0) return []
  const real = await realSide(group, folder, runs)
  const sims = []
  for (const one of runs) sims.push(await simulate(folder, one))
  const ports = group.ports === undefined ? [] : ['--ports', group.ports.join(',')]
  const captures = sims.map((sim) => sim.capture)
  const normal = JSON.parse(
    await must(run('python3', [oracle, 'normalise', ...ports, ...captures]), 'normalise'),
  )
  return Promise.all(runs.map((one, i) => verdict(one, real.flows[i], normal.flows[i], sims[i], folder)))
}

async function verdict(one, real, sim, { capture, state }, folder) {
  const left = join(folder, `${one.id}.real.json`)
  const right = join(folder, `${one.id}.sim.json`)
  const tables = { neigh: real.state.neigh, fdb: real.state.fdb, conntrack: {} }
  // A real loopback leaves transport checksums to nobody; see README.md.
  for (const { hops } of real.packets) for (const hop of hops) if (hop.dev === 'lo') delete hop.badsum
  writeFileSync(left, JSON.stringify({ flows: [{ ...real, state: tables }] }))
  writeFileSync(
    right,
    JSON.stringify({ flows: [{ ...sim, name: real.name, state: { ...state, conntrack: {} } }] }),
  )
  const done = await run('python3', [oracle, 'diff', left, right])
  const six = await compareIpv6(run, join(folder, 'real', `${real.name}.pcapng`), capture)
  return { flow: one, text: [done.stdout, done.stderr, six].join('').trim() }
}

async function main() {
  if (!existsSync(oracle))
    return finish({ passed: 0, failed: 0, skipped: 1, line: 'skipped: ../shared/oracle is not here' })
  program = await bundle('main')
  const all = JSON.parse(readFileSync(join(here, 'flows.json'), 'utf8'))
  const groups = all
    .filter((group) => options.labs.length === 0 || options.labs.some((name) => group.lab.includes(name)))
    .map((group) => ({ ...group, flows: group.flows.filter((flow) => flow.name.includes(options.only)) }))
  const base = options.keep === '' ? mkdtempSync(join(tmpdir(), 'kernel-')) : options.keep
  const total = { passed: 0, failed: 0, skipped: 0, line: '' }
  let next = 0
  const work = async () => {
    while (next < groups.length) {
      const index = next++
      const group = groups[index]
      report(group, await compareGroup(group, join(base, String(index))).catch((error) => error), total)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (options.keep === '') rmSync(base, { recursive: true, force: true })
  finish(total)
}

function report(group, results, total) {
  const title = `${group.lab}${group.setup === undefined ? '' : ` (${group.setup.join('; ')})`}`
  if (results instanceof Error) {
    total.failed += 1
    total.line ||= `${title}: ${results.message}`
    console.log(`FAIL ${title}\n  ${results.message}`)
    return
  }
  for (const { flow, text } of results) {
    if (text === '') total.passed += 1
    else {
      total.failed += 1
      total.line ||= `${title}: ${flow.name}, ${flow.state}: ${text.split('\n')[1] ?? text}`
    }
    console.log(
      `${text === '' ? 'same' : 'DIFF'} ${title}: ${flow.name}, ${flow.state}${text === '' ? '' : `\n${text}\n`}`,
    )
  }
}

function finish(total) {
  if (options.summary !== '') writeFileSync(options.summary, JSON.stringify(total))
  const { passed, failed, skipped, line } = total
  if (line !== '') console.log(line)
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 ? 1 : 0
}

await main()
