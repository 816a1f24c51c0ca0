// A group of flows on one lab, run by the real kernel (../shared/oracle) and by Kubehop, and what differs.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compareIpv6 } from './ipv6.mjs'
import { appendToExec } from './lab-text.mjs'
import { plainConnections } from './state.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..', '..')
export const oracle = join(root, '..', 'shared', 'oracle', 'oracle.py')
/** The oracle, which then counts and lists what is IPv6's too. */
const realOracle = join(here, 'real.py')
const STATES = ['cold', 'warm']

/** Runs a program to its end; answers its exit code and output. */
function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (data) => {
        chunks[name] += data
      })
    }
    child.on('close', (code) => done({ code, ...chunks }))
  })
}

async function must(promise, what) {
  const done = await promise
  if (done.code !== 0)
    throw new Error(`${what}: ${(done.stderr || done.stdout).trim().split('\n').slice(-6).join(' / ')}`)
  return done.stdout
}

/** The simulated side as one file of plain JavaScript; answers its path. */
export async function bundleSim(folder) {
  const { build } = await import('vite')
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: join(here, 'sim.mjs'),
      outDir: join(folder, 'program'),
      target: 'node20',
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: 'sim.mjs' } },
    },
  })
  return join(folder, 'program', 'sim.mjs')
}

/** A lab of the library, or one of this folder's own (`labs/NAME`). */
export function labText(name) {
  const path = name.startsWith('labs/') ? join(here, name) : join(root, 'public', 'labs', name)
  return readFileSync(path, 'utf8')
}

const roomOf = (place) => place.replace('/', '.')
const fileName = (text) => text.replace(/[^a-zA-Z0-9]+/g, '-')
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`

/** A flow's commands: its `cmd` typed at `at`, or a `script` of `PLACE: COMMAND` lines (`&`: nobody waits for it). */
function stepsOf(flow) {
  if (flow.script === undefined) return [{ room: roomOf(flow.at), command: flow.cmd, background: false }]
  return flow.script.map(stepOf)
}

function stepOf(line) {
  const [, place, command, background] = /^([^:]+): (.*?)( &)?$/.exec(line)
  return { room: roomOf(place), command, background: background !== undefined }
}

/** A flow runs cold and warm; `states` says which. What changes the lab is a script: cold only, on a lab built anew. */
function runsOf(group) {
  return group.flows.flatMap((flow) => {
    const states = flow.states ?? (flow.script === undefined ? STATES : ['cold'])
    return states.map((state) => {
      const steps = stepsOf(flow)
      const id = fileName(`${flow.name} ${state}`)
      return { ...flow, state, steps, id, settle: flow.settle ?? 0.4, chatter: group.chatter === true }
    })
  })
}

/** The steps as one shell command that prints their outputs in the order of the steps. */
function realCommand(steps, resolvers) {
  const [first] = steps
  if (steps.length === 1 && !first.background) return named(first.room, resolvers, first.command)
  const lines = steps.map(({ room, command, background }, i) => {
    const line = `ip netns exec ${room} sh -c ${quote(named(room, resolvers, command))} >$d/${i} 2>&1`
    return background ? `${line} &` : `${line};`
  })
  const shown = steps.map((_, i) => `$d/${i}`).join(' ')
  return `d=$(mktemp -d); ${lines.join(' ')} wait; cat ${shown}; rm -r $d`
}

/** Programs that the lab's own boot left running, as the real side starts them: `PLACE: COMMAND`. */
function serversOf(group) {
  return (group.servers ?? []).map((line) => {
    const [, place, cmd] = /^([^:]+): (.*)$/.exec(line)
    return { netns: roomOf(place), cmd: `sh -c ${quote(cmd)}` }
  })
}

/**
 * The programs that listen in the lab, where the group wants them, each as stand-in.py, which answers what the lab's own
 * answered: `curl` was told by the simulated side, DNS messages are those in its captures. `dns` are answers by room,
 * `forwards` the questions that a room passed on, and to whom.
 */
async function standIns(folder, { listeners, flows }) {
  if (listeners.length === 0) return []
  const dns = {}
  const forwards = {}
  const resolvers = new Set(listeners.filter(({ port }) => port === 53).map(({ room }) => room))
  for (const { capture } of flows) {
    const done = await run('tshark', ['-n', '-r', capture, '-Y', 'dns', '-T', 'fields', ...DNS_FIELDS])
    for (const line of done.stdout.split('\n')) {
      const [device = '', direction, response, to, datagram = '', stream = ''] = line.split('\t')
      const room = device.replace(/\/[^/]*$/, '')
      if (Number(direction) !== 2 || !resolvers.has(room)) continue
      // Over TCP a message has its length in front.
      const message = datagram || stream.slice(4)
      dns[room] ??= []
      forwards[room] ??= []
      if (/^(1|True)$/.test(response)) dns[room].push(message)
      else forwards[room].push({ to, message, stream: datagram === '' })
    }
  }
  const file = join(folder, 'listeners.json')
  writeFileSync(file, JSON.stringify({ listeners, dns, forwards }))
  const rooms = [...new Set(listeners.map(({ room }) => room))]
  return rooms.map((room) => ({
    netns: room,
    cmd: `python3 ${quote(join(here, 'stand-in.py'))} ${quote(file)} ${quote(room)}`,
  }))
}

const DNS_FIELDS = [
  'frame.interface_name',
  'frame.packet_flags_direction',
  'dns.flags.response',
  'ip.dst',
  'udp.payload',
  'tcp.payload',
].flatMap((field) => ['-e', field])

/** Connections are forgotten when the warming command is over: the server's FIN must have come by then. */
const LAST_FIN = '; code=$?; sleep 0.1; exit $code'

/** Rules that take turns begin anew, and lists of clients are empty, as in the lab that is built anew for each flow. */
const FORGET_TURNS = `for n in $(ls /run/netns | grep -v '[.]'); do ip netns exec $n bash -c '${[
  'for t in iptables ip6tables; do save=$($t-save)',
  'case "$save" in *"--mode nth"*) echo "$save" | $t-restore;; esac; done',
  'for list in /proc/net/xt_recent/*; do [ -e $list ] && echo / >$list; done',
].join('; ')}'; done`

/** A command of a room whose programs look names up: as there, by the file of its container. */
function named(room, resolvers, command) {
  const file = resolvers.get(room)
  return file === undefined ? command : `mount --bind ${quote(file)} /etc/resolv.conf; ${command}`
}

/** Every room's /etc/resolv.conf as a file of the real side. */
function resolverFiles(folder, resolvers) {
  return new Map(
    Object.entries(resolvers).map(([room, text]) => {
      const file = join(folder, `${fileName(room)}.resolv.conf`)
      writeFileSync(file, text)
      return [room, file]
    }),
  )
}

async function realSide(group, folder, runs, simulated) {
  const resolvers = resolverFiles(folder, simulated.resolvers)
  const topology = join(folder, 'topo.sh')
  writeFileSync(topology, simulated.script)
  const flows = runs.map((one, i) => {
    const fresh =
      i > 0 && (one.script !== undefined || group.fresh === true || runs[i - 1].script !== undefined)
    return {
      name: one.id,
      netns: one.steps[0].room,
      cmd:
        realCommand(one.steps, resolvers) + (one.state === 'warm' && group.standIns === true ? LAST_FIN : ''),
      // A rebuilt lab is cold but for what its building made, and `before` runs ahead of forgetting.
      state: fresh && one.state === 'cold' ? 'fresh' : one.state,
      before: [
        ...((fresh || i === 0) && group.wait ? [`sleep ${group.wait}`] : []),
        ...(group.standIns === true ? [FORGET_TURNS] : []),
      ].join('; '),
      settle: one.settle,
      timeout: 60,
    }
  })
  const servers = [...serversOf(group), ...(await standIns(folder, simulated))]
  const spec = join(folder, 'flows.json')
  writeFileSync(spec, JSON.stringify({ ports: group.ports ?? [], servers, server_wait: 1.5, flows }))
  await must(run('python3', [realOracle, 'run', topology, spec, '-o', join(folder, 'real')]), 'oracle')
  return JSON.parse(readFileSync(join(folder, 'real', 'result.json'), 'utf8'))
}

async function simulatedSide(program, group, folder, runs) {
  mkdirSync(join(folder, 'sim'), { recursive: true })
  const flows = runs.map((one) => ({
    capture: join(folder, 'sim', `${one.id}.pcapng`),
    warm: one.state === 'warm',
    wait: group.wait ?? 0,
    settle: one.settle,
    ports: group.ports ?? [],
    steps: one.steps,
  }))
  const spec = join(folder, 'sim.json')
  const prepare = (group.prepare ?? []).map(stepOf)
  writeFileSync(
    spec,
    JSON.stringify({ prepare, listen: group.standIns === true, names: group.names === true, flows }),
  )
  const out = await must(run('node', [program, join(folder, 'lab.yaml'), spec]), 'simulation')
  const simulated = JSON.parse(out)
  const ports = group.ports === undefined ? [] : ['--ports', group.ports.join(',')]
  const captures = flows.map((flow) => flow.capture)
  const normal = JSON.parse(
    await must(run('python3', [oracle, 'normalise', ...ports, ...captures]), 'normalise'),
  )
  const shown = simulated.flows.map((result, i) => ({
    ...result,
    ...normal.flows[i],
    capture: captures[i],
  }))
  return { ...simulated, flows: shown }
}

/** How often a difference is looked at again: the real side runs by a clock that other work on the machine upsets. */
const TRIES = 3

/** Compares a group, and again the flows that differ: what is reported differs each time. Answers as `compareOnce`. */
export async function compareGroup(program, group, folder) {
  const results = await compareOnce(program, group, folder)
  for (let again = 1; again < TRIES && results.some(({ text }) => text !== ''); again++) {
    const flows = results.flatMap(({ flow, text }) =>
      text === '' ? [] : [{ ...flow, states: [flow.state] }],
    )
    const repeated = await compareOnce(program, { ...group, flows }, join(folder, `again${again}`))
    for (const result of repeated) {
      const at = results.findIndex(({ flow }) => flow.id === result.flow.id)
      results[at] = { ...result, tries: again + 1 }
    }
  }
  return results
}

/**
 * Runs every flow of a group on both sides. `group`: `{ lab or text, setup?, wait?, fresh?, ports?, flows }`. Answers
 * `{ flow, text }` for each; the text is empty where nothing differs.
 */
async function compareOnce(program, group, folder) {
  mkdirSync(folder, { recursive: true })
  const lab = (group.text ?? labText(group.lab)).split('\n')
  const kept = lab.filter((line) => group.without === undefined || !line.includes(group.without))
  const text = appendToExec(kept.join('\n'), group.setup ?? [])
  writeFileSync(join(folder, 'lab.yaml'), text)
  const runs = runsOf(group)
  if (runs.length === 0) return []
  const simulated = await simulatedSide(program, group, folder, runs)
  const real = await realSide(group, folder, runs, simulated)
  return Promise.all(runs.map((one, i) => verdict(one, real.flows[i], simulated.flows[i], folder)))
}

async function verdict(one, real, sim, folder) {
  const left = join(folder, `${one.id}.real.json`)
  const right = join(folder, `${one.id}.sim.json`)
  const tables = {
    neigh: real.state.neigh,
    fdb: real.state.fdb,
    conntrack: plainConnections(real.state.conntrack),
  }
  // A real loopback leaves transport checksums to nobody; see README.md.
  for (const { hops } of real.packets) for (const hop of hops) if (hop.dev === 'lo') delete hop.badsum
  for (const { hops } of [...real.packets, ...sim.packets]) hops.forEach(withoutFin)
  writeFileSync(left, JSON.stringify({ flows: [{ ...real, state: tables }] }, null, 1))
  const shown = { name: real.name, packets: sim.packets, state: sim.state }
  writeFileSync(right, JSON.stringify({ flows: [shown] }, null, 1))
  const done = await run('python3', [
    oracle,
    'diff',
    ...(one.chatter ? ['--ignore', 'ack,fin,fdb'] : []),
    left,
    right,
  ])
  const six = await compareIpv6(run, join(folder, 'real', `${real.name}.pcapng`), sim.capture, one.chatter)
  const loose = carriesData(sim) || six.data
  return {
    flow: one,
    text: [done.stdout, done.stderr, six.text, hitsDiff(one, real, sim, loose), outputDiff(one, real, sim)]
      .join('')
      .trim(),
  }
}

/**
 * A program that takes its time sends its last data and its FIN apart, one that takes none together; and PSH marks where
 * the sender's buffers ended: see README.md.
 */
function withoutFin(hop) {
  if (hop.len > 0 && hop.flags !== undefined) hop.flags = hop.flags.replace(/[FP]/g, '')
  if (hop.orig !== undefined) withoutFin(hop.orig)
}

/** Rules that keep router solicitations and multicast reports from all others, where a group leaves them out. */
const CHATTER_RULE = /^6 raw\/.* --icmpv6-type (133|137|143) -j DROP$/

const carriesData = (sim) =>
  sim.packets.some(({ hops }) => hops.some((hop) => hop.proto === 'tcp' && hop.len > 0))

/**
 * Rules that counted another number of packets. Where TCP carried data, how many bare ACKs and FINs there were is not
 * compared, so rules that see every packet are only asked whether they counted.
 */
function hitsDiff(one, real, sim, loose) {
  const shown = (rule, packets) => (packets > 0 && loose && !/^(6 )?nat\//.test(rule) ? 'some' : packets)
  // Five standard deviations of a difference of two draws: a rule that differs more is wrong, not unlucky.
  const drawn = (rule, a, b) =>
    one.random !== undefined && rule.includes(one.random) && Math.abs(a - b) <= 5 * Math.sqrt(a + b)
  const lines = (mark, hits, others) =>
    Object.entries(hits).flatMap(([room, rules]) =>
      Object.entries(rules)
        .filter(([rule]) => !(one.chatter && CHATTER_RULE.test(rule)))
        .filter(([rule, packets]) => !drawn(rule, others[room]?.[rule] ?? 0, packets))
        .filter(([rule, packets]) => shown(rule, others[room]?.[rule] ?? 0) !== shown(rule, packets))
        .map(([rule, packets]) => `${mark} counted ${room} ${rule}: ${packets}\n`),
    )
  return [...lines('-', real.hits, sim.hits), ...lines('+', sim.hits, real.hits)].join('')
}

/** What the commands printed and how they ended; times aside. */
function outputDiff(one, real, sim) {
  const [left, right] = [plainText(real.output), plainText(sim.output)]
  const code = one.script === undefined && real.rc !== sim.rc ? `- exit ${real.rc}\n+ exit ${sim.rc}\n` : ''
  if (left === right) return code
  const [a, b] = [left.split('\n'), right.split('\n')]
  const only = (mark, lines, others) =>
    lines.filter((line) => !others.includes(line)).map((l) => `${mark} ${l}\n`)
  const text = [...only('- prints ', a, b), ...only('+ prints ', b, a)].join('')
  return `${code}${text || `printed in another order:\n${right}\n`}`
}

function plainText(text) {
  return text
    .replace(/[\d.]+(\/[\d.]+)* ?ms/g, '* ms')
    .replace(/ +(?=\* ms)/g, ' ')
    .replace(/, pipe \d+/g, '')
    .replace(/\[[\d.]+\] /g, '[*] ')
    .trimEnd()
}
