/**
 * A real kubectl and the lab's own, asked the same of the same cluster: before each line the world is copied, the copy
 * answers the own one, then the real one asks the world itself over `lab api`. What a real one did is what follows
 * begins with.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { advanceTo, setWallClock } from '../../lab/cluster-api.ts'
import type { Run } from '../../lab/headless.ts'
import { startRun, typeAll } from '../../lab/headless.ts'
import { submitExec } from '../../lab/rules.ts'
import { kubeconfig } from '../api.ts'
import type { ApiServer } from '../api-server.ts'
import { startApiServer } from '../api-server.ts'
import { copyWorld } from './copy.ts'
import { FILES, LAB } from './lab.ts'
import type { Line } from './lines.ts'

/** What a command printed and how it ended. */
export interface Said {
  readonly out: string
  readonly err: string
  /** null: it was stopped */
  readonly code: number | null
}

export interface Compared {
  readonly line: string
  readonly real: Said
  readonly own: Said
  /** `exact`, equal but for ages and moments, refused by name as not modelled, or not equal. */
  readonly verdict: 'exact' | 'ages' | 'refused' | 'differs'
}

interface Place {
  readonly run: Run
  readonly server: ApiServer
  readonly folder: string
  /** Where the own one is typed: a node. */
  readonly room: string
  /** What to do at the real one's next request. */
  readonly onAsked: { act: () => void }
}

const SECOND = 1_000_000_000
/** Everything of the lab is so old that its ages are told in minutes. */
const AGE_S = 720
const REAL_MS = 15_000
const QUIET_MS = 120
/** What has been sent by then is printed. */
const LAST_MS = 150
const HOME = '/root'

const ADMIN = `apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster:
    certificate-authority-data: Zm9v
    server: https://192.168.1.11:6443
contexts:
- name: kubernetes-admin@kubernetes
  context: {cluster: kubernetes, user: kubernetes-admin}
current-context: kubernetes-admin@kubernetes
preferences: {}
users:
- name: kubernetes-admin
  user: {client-certificate-data: Zm9v, client-key-data: Zm9v}
`

/** Asks both all lines, of the lab with an object of every kind or of another. `each` is told of every one. */
export async function compareAll(
  lines: readonly Line[],
  each: (one: Compared) => void = () => {},
  lab = LAB,
  files = FILES,
): Promise<Compared[]> {
  const place = await open(lab, files)
  const all: Compared[] = []
  try {
    for (const line of lines) {
      if (typeof line !== 'string' && 'settle' in line) {
        pass(place.run, line.settle)
        continue
      }
      const one = await compare(place, typeof line === 'string' ? { line } : line)
      all.push(one)
      each(one)
      if (place.run.world.frozen !== undefined) throw new Error(place.run.world.frozen.message)
    }
  } finally {
    await place.server.close()
    rmSync(place.folder, { recursive: true, force: true })
  }
  return all
}

async function open(lab: string, files: Readonly<Record<string, string>>): Promise<Place> {
  const { run, diagnostics } = startRun(lab, 1, Date.now() - AGE_S * 1000)
  const wrong = diagnostics.filter(({ severity }) => severity !== 'info')
  if (run === undefined || wrong.length > 0) throw new Error(JSON.stringify(wrong))
  const room = run.lab.machines.find(({ labels }) => labels.has('kubehop.dev/node'))?.name ?? ''
  pass(run, AGE_S)
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-real-'))
  const onAsked = { act: () => {} }
  const server = await startApiServer(run, { port: 0, speed: 0, asked: () => onAsked.act() })
  mkdirSync(join(folder, 'at'))
  writeFileSync(join(folder, 'config'), kubeconfig(server.url))
  writeFileSync(join(folder, 'real'), ADMIN)
  for (const [name, text] of Object.entries({ ...files, real: ADMIN })) {
    const at = join(folder, 'at', name)
    mkdirSync(dirname(at), { recursive: true })
    if (name !== 'real') writeFileSync(at, text)
    ownLine(
      { run, room },
      run.world,
      `cd ${HOME}; mkdir -p ${dirname(name)}; cat > ${name} <<'END_OF_FILE'\n${text}END_OF_FILE`,
    )
  }
  return { run, server, folder, room, onAsked }
}

/** Lets time pass, as fast as it goes. The clock on the wall is then where it is for everybody. */
function pass(run: Run, seconds: number): void {
  const until = run.world.now + seconds * SECOND
  while (!advanceTo(run.world, run.rules, until, 100_000) && run.world.frozen === undefined);
  setWallClock(run.world, Date.now())
}

type Asked = Exclude<Line, string | { settle: number }>

async function compare(place: Place, asked: Asked): Promise<Compared> {
  const { run } = place
  if (asked.after !== undefined) pass(run, asked.after)
  setWallClock(run.world, Date.now())
  const copy = asked.keep === true ? run.world : copyWorld(run.world)
  const own = askOwn(place, copy, asked)
  const real = await askReal(place, asked)
  const same = (a: Said, b: Said) => a.out === b.out && a.err === b.err && a.code === b.code
  const near = same(plain(real, place, asked), plain(own, place, asked))
  const refused = own.err.includes('not modelled in Kubehop')
  const verdict = same(real, own) ? 'exact' : near ? 'ages' : refused ? 'refused' : 'differs'
  return { line: asked.line, real, own, verdict }
}

function askOwn({ run, room }: Place, world: Run['world'], asked: Asked): Said {
  const { line, input, beside, stopAfter, config, editor, keep } = asked
  if (beside !== undefined) submitExec(world, run.rules, room, beside)
  const fed = input === undefined ? '' : `printf '%s' '${input}' | `
  const edits = editor === undefined ? '' : `KUBE_EDITOR='${editor}' `
  const own = keep === true ? `${HOME}/${config}` : ''
  const with_ = `${edits}${config === undefined ? '' : `KUBECONFIG=${own} `}`
  const text = `cd ${HOME}; ${fed}${with_}kubectl ${quoted(line)}`
  return ownLine({ run, room }, world, text, stopAfter)
}

/** Words with braces and the like are meant as they stand. */
function quoted(line: string): string {
  return words(line)
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ')
}

/** A line's words; '…' and "…" hold spaces. */
function words(line: string): string[] {
  const found = line.match(/(?:[^\s'"]+|'[^']*'|"(?:\\.|[^"])*")+/g) ?? []
  return found.map((word) => (/^[{[]|=\{/.test(word) && !word.includes("'") ? word : unquote(word)))
}

function unquote(word: string): string {
  return word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, one?: string, two?: string) => one ?? two ?? '')
}

function ownLine(
  { run, room }: Pick<Place, 'run' | 'room'>,
  world: Run['world'],
  line: string,
  stopAfter?: number,
): Said {
  const one = { text: line, machine: room, netns: '', command: line, background: false }
  const until = stopAfter === undefined ? undefined : world.now - run.bootedAt + stopAfter * SECOND
  const ran = typeAll({ ...run, world }, [one], until)
  if (world.frozen !== undefined) return { out: '', err: `FROZEN ${world.frozen.message}`, code: -1 }
  if (typeof ran === 'string') throw new Error(ran)
  return { out: ran[0]!.stdout, err: ran[0]!.stderr, code: ran[0]!.code }
}

async function askReal({ run, server, folder, room, onAsked }: Place, asked: Asked): Promise<Said> {
  const { line, input, beside, stopAfter, speed = 0, config = 'config', editor = '' } = asked
  if (beside !== undefined) submitExec(run.world, run.rules, room, beside)
  const env = {
    ...process.env,
    // A run by npm puts folders there that are not: one command speaks of them.
    PATH: (process.env.PATH ?? '')
      .split(':')
      .filter((one) => !one.includes('node_modules'))
      .join(':'),
    KUBECONFIG: join(folder, config),
    HOME: folder,
    KUBECACHEDIR: folder,
    KUBE_EDITOR: editor,
  }
  // Time stands still until the real one, that takes a while to start, has asked what it asks at first.
  let quiet: NodeJS.Timeout | undefined
  if (speed > 0) {
    onAsked.act = () => {
      clearTimeout(quiet)
      quiet = setTimeout(() => server.setSpeed(speed), QUIET_MS)
    }
  }
  const secret = new URL(server.url).pathname
  const args = words(line).map((word, i, all) => (all[i - 1] === '--raw' ? `${secret}${word}` : word))
  const child = spawn('kubectl', args, { cwd: join(folder, 'at'), env })
  const said = { out: '', err: '' }
  child.stdout.on('data', (text: Buffer) => {
    said.out += text.toString()
  })
  child.stderr.on('data', (text: Buffer) => {
    said.err += text.toString()
  })
  if (input === undefined) child.stdin.end()
  else child.stdin.end(input)
  const from = run.world.now
  const enough = () => stopAfter !== undefined && run.world.now - from >= stopAfter * SECOND
  const code = await new Promise<number | null>((resolve) => {
    const stop = setTimeout(() => child.kill('SIGKILL'), REAL_MS)
    const look = setInterval(() => {
      if (!enough()) return
      clearInterval(look)
      server.setSpeed(0)
      setTimeout(() => child.kill('SIGKILL'), LAST_MS)
    }, 10)
    child.on('close', (value) => {
      clearTimeout(stop)
      clearInterval(look)
      resolve(value)
    })
  })
  clearTimeout(quiet)
  onAsked.act = () => {}
  server.setSpeed(0)
  return { ...said, code }
}

/** Without what must differ: ages, moments, versions, the server's address. */
function plain({ out, err, code }: Said, { server, folder }: Place, { anyOrder }: Asked): Said {
  const { host } = new URL(server.url)
  const clean = (text: string) =>
    text
      .replaceAll(join(folder, 'real'), `${HOME}/real`)
      .replaceAll(join(folder, 'at'), HOME)
      .replaceAll(server.url, 'https://SERVER')
      .replaceAll(host, 'SERVER')
      .replaceAll('https://192.168.1.11:6443', 'https://SERVER')
      .replaceAll(
        /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000)?|\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000/g,
        'TIME',
      )
      .replaceAll(/\b(\d+d)?(\d+h)?(\d+m)?(\d+s)?(?=[\s,)])/g, (age) => (age === '' ? '' : 'AGE'))
      .replaceAll(/resourceVersion"?: "\d+"/g, 'RV')
      .replaceAll(/uid"?: "?[0-9a-f-]{36}"?/g, 'UID')
      .replaceAll(/(LIVE|MERGED)-\d+/g, '$1')
      .replaceAll(/kubectl-edit-\d+/g, 'kubectl-edit')
      // This build of kubectl logs what the plain one prints.
      .replaceAll(
        /^E\d{4} .* run\.go:72\] "command failed" err="(.*)"$/gm,
        (_, why: string) => `error: ${why.replaceAll(/\\(["\\])/g, '$1')}`,
      )
      .replaceAll(
        /^E\d{4} .* run\.go:72\] "command failed" err=<\n((?:\t.*\n)+) >$/gm,
        (_, why: string) => `error: ${why.trimEnd().replaceAll(/^\t/gm, '')}`,
      )
      .replaceAll(/^([EFW])\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ (?=\w+\.go:)/gm, '$1 ')
      .replaceAll(/v1\.32\.\d+(-dispatcher|-gke\.\d+)?/g, 'v1.32')
      .replaceAll(/^.*(buildDate|gitCommit|goVersion|minor).*$/gm, '')
      .replaceAll(/\b[0-9a-f]{64}\b/g, 'ID')
      .replaceAll(/ +/g, ' ')
  const parts = (text: string) => text.replaceAll('Warning: ', '').split(/\n|; /)
  const ordered = (text: string) => (anyOrder === true ? parts(text).sort().join('\n') : text)
  return { out: ordered(clean(out)), err: ordered(clean(err)), code }
}

/** A difference to read. */
export function difference({ line, real, own }: Compared): string {
  const parts = [`kubectl ${line}`]
  if (real.code !== own.code) parts.push(`  exit: real ${real.code}, own ${own.code}`)
  for (const key of ['out', 'err'] as const) {
    if (real[key] !== own[key]) parts.push(...unlike(key, real[key].split('\n'), own[key].split('\n')))
  }
  return parts.join('\n')
}

const SHOWN = 14

function unlike(key: string, real: string[], own: string[]): string[] {
  const missing = real.filter((line) => !own.includes(line)).map((line) => `  real ${key}: ${line}`)
  const extra = own.filter((line) => !real.includes(line)).map((line) => `  own  ${key}: ${line}`)
  if (missing.length + extra.length === 0) return [`  ${key}: the same lines in another order`]
  return [...missing.slice(0, SHOWN), ...extra.slice(0, SHOWN)]
}
