/** kubectl: recorded commands typed on a machine, the recorded objects in a real store behind the real REST surface. */
import { apiRequest } from '../../kube/api/rest.ts'
import { humanDuration, shortHumanDuration } from '../../kube/api/duration.ts'
import { printCells, printColumns } from '../../kube/api/printers.ts'
import { findKind, findResource } from '../../kube/api/resources.ts'
import { createStore, storeOf, storePut } from '../../kube/store/store.ts'
import { formatTime, parseTime } from '../../kube/time.ts'
import type { ApiObject, ApiResponse } from '../../kube/types.ts'
import { deepFreeze, resourceKey } from '../../kube/types.ts'
import { buildWorld, seedOf } from '../../lab/build.ts'
import type { Run } from '../../lab/headless.ts'
import { readManifestText } from '../../lab/manifest-text.ts'
import { parseLab } from '../../lab/parse.ts'
import { labPrograms } from '../../lab/programs.ts'
import { labRules } from '../../lab/rules.ts'
import { refused, type Unreachable } from '../../proc/cmd/kubectl/flow.ts'
import { kubectlProgram } from '../../proc/cmd/kubectl/kubectl.ts'
import { CELL_RULES, FORMATTING } from './kubectl-rules.ts'
import { runLine } from './lab.ts'
import { fixedAnswer } from './kubectl-server.ts'
import type { CaseResult } from './report.ts'
import { differs, runCase } from './report.ts'

interface Recorded {
  id: string
  cmd: string
  stdin?: string
  exit: number
  stdout?: string
  stderr?: string
}

interface PodCase {
  id: string
  phase: string
  containers: number
  initContainers: number
  initContainerStatuses: StatusCase[]
  containerStatuses: StatusCase[]
  deletionTimestamp?: boolean
  expect: Record<string, string>
}

interface StatusCase {
  lastTerminatedSecondsAgo?: number
}

export interface KubectlFile {
  columns: Record<string, { default: string[]; wide: string[] }>
  cell_rules: Record<string, unknown>
  formatting: Record<string, string>
  human_duration: { nanoseconds: number; text: string }[]
  short_human_duration: { nanoseconds: number; text: string }[]
  pod_status: PodCase[]
  recorded: { objects: ApiObject[]; table_cells: Record<string, string[]>; commands: Recorded[] }
}

const NOW = 1_800_000_000_000
const CREATED = parseTime('2026-11-20T20:41:19Z')!

/** 06-kubectl.json: all groups. */
export function kubectlCases(data: unknown): CaseResult[] {
  const file = data as KubectlFile
  const { run, setDown } = startMachine(file.recorded.objects)
  const typed = (command: string) => runLine(run, 'h', '', command)
  return [
    ...columnCases(file),
    ...Object.keys(file.cell_rules).map((id) =>
      runCase('cell_rules', id, () => ruleOf(CELL_RULES, id) ?? { notBuilt: 'this kind is not served' }),
    ),
    ...Object.keys(file.formatting).map((id) =>
      runCase('formatting', id, () =>
        Object.hasOwn(FORMATTING, id) ? FORMATTING[id]!((command) => typed(command)) : undefined,
      ),
    ),
    ...file.human_duration.map(({ nanoseconds, text }) =>
      runCase('human_duration', String(nanoseconds), () => differs(text, humanDuration(nanoseconds))),
    ),
    ...file.short_human_duration.map(({ nanoseconds, text }) =>
      runCase('short_human_duration', String(nanoseconds), () =>
        differs(text, shortHumanDuration(nanoseconds)),
      ),
    ),
    ...file.pod_status.map((one) => runCase('pod_status', one.id, () => podCase(one))),
    ...cellCases(file),
    ...commandCases(file, run, setDown),
  ]
}

function ruleOf(rules: Readonly<Record<string, () => string>>, id: string): string | undefined {
  return Object.hasOwn(rules, id) ? rules[id]!() : undefined
}

/** Kinds that are not served have no columns: skipped. */
function columnCases({ columns }: KubectlFile): CaseResult[] {
  return Object.entries(columns).map(([resource, expected]) =>
    runCase('columns', resource, () => {
      if (findResource(resource) === undefined) return { notBuilt: 'this kind is not served' }
      const all = printColumns(resource)
      const names = (list: typeof all) => list.map(({ name }) => name.toUpperCase())
      return differs(expected, { default: names(all.filter((one) => one.priority === 0)), wide: names(all) })
    }),
  )
}

function podCase(one: PodCase): string {
  const time = (seconds: number) => formatTime(NOW - seconds * 1000)
  const status = (list: StatusCase[]) =>
    list.map(({ lastTerminatedSecondsAgo: ago, ...rest }, i) => ({
      name: `c${i}`,
      ...rest,
      ...(ago === undefined ? {} : { lastState: { terminated: { finishedAt: time(ago) } } }),
    }))
  const boxes = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `c${i}` }))
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'test',
      creationTimestamp: time(60),
      ...(one.deletionTimestamp === true ? { deletionTimestamp: time(0) } : {}),
    },
    spec: { containers: boxes(one.containers), initContainers: boxes(one.initContainers) },
    status: {
      phase: one.phase,
      containerStatuses: status(one.containerStatuses),
      initContainerStatuses: status(one.initContainerStatuses),
    },
  }
  const cells = printCells('pods', pod as unknown as ApiObject, NOW)
  return differs(one.expect, { READY: cells[1], STATUS: cells[2], RESTARTS: cells[3] })
}

/** Cells of the recorded objects, five minutes after they were made. */
function cellCases({ recorded: { objects, table_cells: cells } }: KubectlFile): CaseResult[] {
  return Object.entries(cells).map(([id, expected]) =>
    runCase('table_cells', id, () => {
      const [resource = '', name] = id.split('/')
      const object = objects.find(
        (one) => one.metadata.name === name && keyOf(one).split('.')[0] === resource,
      )
      if (object === undefined) return `no object ${id}`
      const got = printCells(keyOf(object), object, CREATED + 300_000).map(String)
      // A fake server printed the table: cells that are wide only may be missing there.
      return differs(expected.map(String), got.slice(0, expected.length))
    }),
  )
}

function keyOf({ apiVersion, kind }: ApiObject): string {
  return resourceKey(findKind(apiVersion, kind)!)
}

/** The home directory of the machine's user. */
const HOME = '/root'

const LAB = 'name: kubectl\ntopology:\n  nodes:\n    h:\n      kind: linux\n'

const CONFIG = `apiVersion: v1
kind: Config
current-context: lab
clusters: [{name: c, cluster: {server: 'http://127.0.0.1:8001'}}]
contexts: [{name: lab, context: {cluster: c, user: u, namespace: default}}]
users: [{name: u, user: {}}]
`

/** How long after the objects were made a command was recorded, s. */
const AGES: Readonly<Record<string, number>> = { 'describe-pod-web-5d4f8c7b9-fghij': 312, 'events-for': 335 }

/** What had been done between the recorded commands. */
function prepare(run: Run, id: string, objects: readonly ApiObject[]): void {
  const named = (kind: string, name: string) =>
    objects.find((one) => one.kind === kind && one.metadata.name === name)!
  if (id === 'label-exists') {
    const pod = named('Pod', 'pending')
    const metadata = { ...pod.metadata, labels: { ...pod.metadata.labels, tier: 'x' } }
    storePut(run.world, 'pods', { ...pod, metadata }, 'recorded')
  }
  if (id === 'uncordon') runLine(run, 'h', '', 'kubectl cordon node2')
  // That server left the generation alone when the image changed, and had no controller to observe it.
  if (id === 'rollout-status-done') {
    storePut(run.world, 'deployments.apps', named('Deployment', 'done'), 'recorded')
  }
}

function commandCases(file: KubectlFile, run: Run, setDown: () => void): CaseResult[] {
  return file.recorded.commands.map((one) =>
    runCase('commands', one.id, () => {
      setAge(run, AGES[one.id] ?? 300)
      prepare(run, one.id, file.recorded.objects)
      if (one.id === 'refused-noconfig') setDown()
      const input = one.stdin === undefined ? '' : ` <<'END'\n${one.stdin}END`
      const { stdout, stderr, code } = runLine(run, 'h', '', `${one.cmd}${input}`)
      // The recording's client was a vendor's build, which says so in its version.
      const expected = (one.stdout ?? '').replace('v1.32.4-dispatcher', 'v1.32.4')
      return differs(
        { stdout: expected, stderr: one.stderr ?? '', exit: one.exit },
        { stdout, stderr, exit: code },
      )
    }),
  )
}

/** A machine with kubectl and the recorded objects; `setDown` takes its configuration and the server away. */
function startMachine(objects: readonly ApiObject[]): { run: Run; setDown: () => void } {
  const { lab } = parseLab(LAB)
  if (lab === undefined) throw new Error('the lab of the cases')
  let down = false
  const programs = new Map(labPrograms())
  const kubectl = kubectlProgram({
    readText: readManifestText,
    transport: ({ world }, request): ApiResponse | Unreachable =>
      down ? { unreachable: refused('localhost:8080') } : fixedAnswer(request, apiRequest(world, request)),
  })
  programs.set(kubectl.name, kubectl)
  const rules = labRules(programs)
  const seed = seedOf(lab)
  const { world, boot } = buildWorld(lab, LAB, seed, rules)
  const run = { text: LAB, lab, seed, rules, world, boot, bootedAt: world.now, bootEvents: world.nEvents }
  fillStore(run, objects)
  setAge(run, 300)
  runLine(run, 'h', '', `mkdir -p ${HOME}/.kube; cat > ${HOME}/.kube/config <<'END'\n${CONFIG}END`)
  const setDown = () => {
    down = true
    runLine(run, 'h', '', `rm ${HOME}/.kube/config`)
  }
  return { run, setDown }
}

/** The objects as they were recorded, all of one version. */
function fillStore({ world }: Run, objects: readonly ApiObject[]): void {
  createStore(world)
  const store = storeOf(world)
  for (const object of objects) {
    store.revision = 99
    storePut(world, keyOf(object), object, 'recorded')
  }
  store.revision = 100
  store.tail = []
  store.log = Object.freeze({ first: 101, chunks: [] })
}

function setAge({ world }: Run, seconds: number): void {
  const store = storeOf(world)
  const epochMs = CREATED + seconds * 1000 - Math.floor(world.now / 1_000_000)
  store.options = deepFreeze({ ...store.options, epochMs })
}
