/**
 * `kubectl cp`: files in and out of a container, by tar in it. Models kubectl pkg/cmd/cp (1.32). Not here: --retries,
 * files that are no text, patterns of names.
 */
import type { ContainerTarget } from '../../../kube/api/respond.ts'
import type { JsonObject } from '../../../kube/types.ts'
import { makeDir, resolvePath, statFile, writeFile } from '../../../run/files.ts'
import type { TarEntry } from '../../tarball.ts'
import { packTar, readTar } from '../../tarball.ts'
import { gather, makeAbove } from '../tar.ts'
import { obj, str } from './describe-text.ts'
import { containerFor, execFailed } from './exec.ts'
import { boolFlag, hasFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, once, print } from './flow.ts'
import type { Client } from './rest.ts'
import { call, must, openClient } from './rest.ts'
import type { Following } from './stream.ts'
import { execBroken, execWrite, followMore, openExec } from './stream.ts'

interface Spec {
  readonly namespace: string
  readonly pod: string
  readonly path: string
}

/** What a command in the container wrote, and its exit code. */
interface Ran {
  readonly out: string
  readonly err: string
  readonly code: number
}

export function cp(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl cp', args, ['container/c=', 'no-preserve', 'retries=#'])
  const client = openClient(flow, flags)
  if (hasFlag(flags, 'retries')) fault('error: kubectl cp --retries: not modelled in Kubehop')
  if (flags.operands.length !== 2) fault('error: source and destination are required')
  const [from, to] = [specOf(flags.operands[0]!), specOf(flags.operands[1]!)]
  if (from.pod !== '' && to.pod !== '') {
    fault('error: one of src or dest must be a local file specification')
  }
  if (from.path === '' || to.path === '') fault('error: filepath can not be empty')
  if (from.pod !== '') return outOf(client, from, to.path)
  if (to.pod !== '') return into(client, from.path, to)
  return fault('error: one of src or dest must be a remote file specification')
}

function specOf(word: string): Spec {
  const at = word.indexOf(':')
  const [first = '', second, ...more] = word.slice(0, Math.max(0, at)).split('/')
  if (at === 0 || more.length > 0) {
    fault('error: filespec must match the canonical format: [[namespace/]pod:]file/path')
  }
  if (at < 0) return { namespace: '', pod: '', path: word }
  const path = word.slice(at + 1)
  return second === undefined ? { namespace: '', pod: first, path } : { namespace: first, pod: second, path }
}

/** A command in the container; `notes` is told which one that is where nobody said it. */
function inContainer(
  client: Client,
  { namespace, pod }: Spec,
  argv: readonly string[],
  input: string | undefined,
  notes: (text: string) => void,
): Ran {
  const { flow, flags } = client
  const space = namespace || client.namespace
  const object = must<JsonObject>(call(client, 'GET', `/api/v1/namespaces/${space}/pods/${pod}`))
  const phase = str(obj(object, 'status'), 'phase')
  if (phase === 'Succeeded' || phase === 'Failed') {
    fault(`error: cannot exec into a container in a completed pod; current phase is ${phase}`)
  }
  const container = containerFor(client, object, textFlag(flags, 'container'), notes)
  const target: ContainerTarget = { namespace: space, pod, container, query: [] }
  const opened = openExec(client, target, { argv, tty: false, stdin: input !== undefined })
  if ('status' in opened) return execFailed(opened.status)
  if (input !== undefined) execWrite(flow, opened.at, input)
  return loop<{ at: Following; out: string; err: string }, Ran>(
    flow,
    () => ({ at: opened.at, out: '', err: '' }),
    ({ at, out, err }) => {
      const { news, next } = followMore(flow, at)
      execBroken(flow, news, false)
      const all = { out: out + news.out, err: err + news.err }
      return news.code >= 0 ? { done: { ...all, code: news.code } } : { next: { at: next, ...all } }
    },
  )
}

function outOf(client: Client, from: Spec, to: string): number {
  const { flow } = client
  // What tar complains of comes on standard output, and so does the container that was chosen.
  const argv = ['tar', 'cf', '-', from.path]
  const ran = inContainer(client, from, argv, undefined, (text) => print(flow, text))
  print(flow, ran.err)
  const prefix = cleaned(from.path.replace(/^\/+/, '').replace(/\/+$/, ''))
  const { entries, error: wrong } = readTar(ran.out)
  let linked = false
  for (const entry of entries) {
    if (!entry.name.startsWith(prefix)) fault('error: tar contents corrupted')
    const path = joined(to, entry.name.slice(prefix.length))
    if (entry.kind !== 'link') {
      const error = once(flow, () => putHere(flow, path, entry))
      if (error !== '') fault(`error: open ${path}: ${error.toLowerCase()}`)
      continue
    }
    const space = from.namespace
    const hint = `consider using "kubectl exec -n "${space}" "${from.pod}" -- tar cf - "${from.path}" | tar xf -"`
    const more = linked ? '' : ` (${hint})`
    complain(flow, `warning: skipping symlink: "${path}" -> "${entry.text}"${more}\n`)
    linked = true
  }
  // Whoever has read an archive to its end does not wait for tar's own.
  if (wrong === '') return 0
  if (ran.code !== 0) fault(`command terminated with exit code ${ran.code}`, ran.code)
  return fault(`error: ${wrong === 'short' ? 'unexpected EOF' : 'archive/tar: invalid tar header'}`)
}

function putHere({ ctx }: Flow, path: string, { kind, text }: TarEntry): string {
  makeAbove(ctx, path)
  if (kind === 'dir') return statFile(ctx, path)?.kind === 'dir' ? '' : makeDir(ctx, path)
  return writeFile(ctx, path, text)
}

function into(client: Client, from: string, to: Spec): number {
  const { flow, flags } = client
  if (once(flow, () => statFile(flow.ctx, from) === undefined)) {
    fault(`error: ${from} doesn't exist in local filesystem`)
  }
  const look = inContainer(client, to, ['test', '-d', to.path], undefined, () => {})
  const base = lastPart(cleaned(resolvePath(flow.ctx.proc.cwd, from)))
  const path = cleaned(look.code === 0 ? joined(to.path, base) : to.path)
  const name = lastPart(path)
  const archive = once(flow, () => packTar(sent(flow, from, name)) ?? '')
  if (archive === '') fault('error: kubectl cp of a name of more than 255 bytes: not modelled in Kubehop')
  const plain = boolFlag(flags, 'no-preserve') ? ['--no-same-permissions', '--no-same-owner'] : []
  const slash = path.lastIndexOf('/')
  const dir = slash < 0 ? '.' : path.slice(0, slash) || '/'
  const argv = ['tar', ...plain, '-xmf', '-', '-C', dir]
  const ran = inContainer(client, to, argv, archive, (text) => complain(flow, text))
  print(flow, ran.out)
  complain(flow, ran.err)
  if (ran.code !== 0) fault(`command terminated with exit code ${ran.code}`, ran.code)
  return 0
}

/** A file or all files of a directory; of directories only those with nothing in them. */
function sent({ ctx }: Flow, from: string, name: string): TarEntry[] {
  const all = gather(ctx, from, name)
  return all.filter(
    (one) => one.kind !== 'dir' || !all.some((other) => other !== one && other.name.startsWith(one.name)),
  )
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path
}

function joined(dir: string, name: string): string {
  return cleaned(name === '' ? dir : `${dir}/${name}`)
}

/** Go's path.Clean. */
function cleaned(path: string): string {
  const root = path.startsWith('/')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '..' || !root) parts.push(part)
  }
  return `${root ? '/' : ''}${parts.join('/')}` || '.'
}
