/** tar: archives of text files, to and from files or streams. Words of busybox 1.36 and of GNU tar 1.34. */
import {
  appendFile, changeMode, listDir, makeDir, makeLink, readFile, removeFile, statFile, writeFile } from '../../run/files.ts' // biome-ignore format: one list
import { readInput } from '../../run/fds.ts'
import { exitProcess } from '../../run/process.ts'
import type { ProcCtx, Program } from '../../run/types.ts'
import { dateText, EPOCH_SECONDS } from '../clock.ts'
import { isBusybox } from '../dns/resolvconf.ts'
import { err, out, parseOptions } from '../program.ts'
import type { TarEntry } from '../tarball.ts'
import { packTar, readTar } from '../tarball.ts'
import { usage } from './filter.ts'

interface TarState {
  k: 'tar'
  input: string
}

interface Asked {
  readonly mode: 'c' | 'x' | 't'
  readonly file: string
  readonly dir: string
  readonly verbose: boolean
  readonly names: readonly string[]
}

const LONG = [
  'create', 'extract', 'list', 'file=', 'directory=', 'verbose', 'no-same-owner', 'no-same-permissions', 'touch',
] // biome-ignore format: one list

export const tarProgram: Program = {
  name: 'tar',
  help: 'archives: c makes, x takes out, t lists (f FILE or -, C DIR, v)',
  start(ctx) {
    const asked = askedOf(ctx)
    if (asked === undefined) return
    if (asked.mode === 'c') return pack(ctx, asked)
    if (asked.file !== '-') {
      const { text, error } = readFile(ctx, asked.file)
      if (error !== '') return cannotOpen(ctx, asked.file, error)
      return takeOut(ctx, asked, text)
    }
    ctx.proc.state = { k: 'tar', input: '' } satisfies TarState
    readInput(ctx, 0)
  },
  on(ctx, event) {
    const state = ctx.proc.state as TarState | undefined
    if (event.type !== 'input' || state === undefined) return
    state.input += event.text
    if (!event.eof) return readInput(ctx, 0)
    const asked = askedOf(ctx)
    if (asked !== undefined) takeOut(ctx, asked, state.input)
  },
}

function askedOf(ctx: ProcCtx): Asked | undefined {
  const [first = '', ...rest] = ctx.proc.argv.slice(1)
  const args = first.startsWith('-') || first === '' ? [first, ...rest] : [`-${first}`, ...rest]
  const options = parseOptions(args, 'cxtvmpohf:C:zjJ', LONG)
  if (options.error !== '') return void usage(ctx, options.error, 2)
  const has = (letter: string, name: string) => options.flags.has(letter) || options.flags.has(name)
  const packed = ['z', 'j', 'J'].find((letter) => options.flags.has(letter))
  if (packed !== undefined) {
    err(ctx, `tar: -${packed}: compression is not modelled in Kubehop\n`)
    return void exitProcess(ctx, 2)
  }
  const modes = (['c', 'x', 't'] as const).filter((one, i) => has(one, LONG[i]!))
  const [mode, ...more] = modes
  if (mode === undefined || more.length > 0) {
    const words = isBusybox(ctx)
      ? 'tar: need at least one option'
      : "tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for more information."
    err(ctx, `${words}\n`)
    return void exitProcess(ctx, isBusybox(ctx) ? 1 : 2)
  }
  const value = (letter: string, name: string) => options.flags.get(letter) ?? options.flags.get(name)
  return {
    mode,
    file: value('f', 'file') ?? '-',
    dir: value('C', 'directory') ?? '',
    verbose: has('v', 'verbose'),
    names: options.operands,
  }
}

function cannotOpen(ctx: ProcCtx, file: string, error: string): void {
  const small = isBusybox(ctx)
  const gnu = `tar: ${file}: Cannot open: ${error}\ntar: Error is not recoverable: exiting now\n`
  err(ctx, small ? `tar: can't open '${file}': ${error}\n` : gnu)
  exitProcess(ctx, small ? 1 : 2)
}

function inside({ dir }: Asked, name: string): string {
  return dir === '' || name.startsWith('/') ? name : `${dir.replace(/\/$/, '')}/${name}`
}

function pack(ctx: ProcCtx, asked: Asked): void {
  const small = isBusybox(ctx)
  if (asked.names.length === 0) {
    const gnu =
      "tar: Cowardly refusing to create an empty archive\nTry 'tar --help' or 'tar --usage' for more information.\n"
    err(ctx, small ? 'tar: empty archive\n' : gnu)
    exitProcess(ctx, small ? 1 : 2)
    return
  }
  const entries: TarEntry[] = []
  let [missing, stripped] = [false, false]
  for (const name of asked.names) {
    const there = statFile(ctx, inside(asked, name), false) !== undefined
    if (name.startsWith('/') && !stripped && (there || !small)) {
      const words = small ? "tar: removing leading '/'" : "tar: Removing leading `/'"
      err(ctx, `${words} from member names\n`)
      stripped = true
    }
    if (!there) {
      err(ctx, `tar: ${name}: ${small ? '' : 'Cannot stat: '}No such file or directory\n`)
      missing = true
      continue
    }
    entries.push(...gather(ctx, inside(asked, name), name.replace(/^\/+/, '') || './'))
  }
  const archive = packTar(entries)
  if (archive === undefined) {
    err(ctx, 'tar: a name of more than 255 bytes: not modelled in Kubehop\n')
    return void exitProcess(ctx, 2)
  }
  if (asked.file === '-') out(ctx, archive)
  else {
    const error = writeFile(ctx, asked.file, archive)
    if (error !== '') return void cannotOpen(ctx, asked.file, error)
  }
  if (asked.verbose) {
    const text = entries.map(({ name }) => `${name}\n`).join('')
    if (asked.file === '-') err(ctx, text)
    else out(ctx, text)
  }
  if (missing) {
    const gnu = 'tar: Exiting with failure status due to previous errors\n'
    err(ctx, small ? 'tar: error exit delayed from previous errors\n' : gnu)
  }
  exitProcess(ctx, missing ? (small ? 1 : 2) : 0)
}

/** A file, or a directory with all that is in it. */
export function gather(ctx: ProcCtx, path: string, name: string): TarEntry[] {
  const node = statFile(ctx, path, false)
  if (node === undefined) return []
  const mtime = EPOCH_SECONDS + Math.floor(node.mtime / 1e9)
  const entry = { mode: node.mode & 0o7777, mtime }
  if (node.kind !== 'dir') return [{ ...entry, name, kind: node.kind, text: readText(ctx, path, node) }]
  const own = name.replace(/\/$/, '')
  return [
    { ...entry, name: `${own}/`, kind: 'dir', text: '' },
    ...(listDir(ctx, path) ?? []).flatMap((one) =>
      gather(ctx, `${path.replace(/\/$/, '')}/${one}`, `${own}/${one}`),
    ),
  ]
}

function readText(ctx: ProcCtx, path: string, node: { kind: string; text: string }): string {
  return node.kind === 'link' ? node.text : readFile(ctx, path).text
}

function takeOut(ctx: ProcCtx, asked: Asked, archive: string): void {
  const { entries, error } = readTar(archive)
  const small = isBusybox(ctx)
  if (asked.dir !== '' && statFile(ctx, asked.dir)?.kind !== 'dir') {
    const why = statFile(ctx, asked.dir) === undefined ? 'No such file or directory' : 'Not a directory'
    const gnu = `tar: ${asked.dir}: Cannot open: ${why}\ntar: Error is not recoverable: exiting now\n`
    err(ctx, small ? `tar: can't change directory to '${asked.dir}': ${why}\n` : gnu)
    return void exitProcess(ctx, small ? 1 : 2)
  }
  let failed = false
  for (const entry of entries) {
    const wanted =
      asked.names.length === 0 ||
      asked.names.some((name) => entry.name === name || entry.name.startsWith(`${name.replace(/\/$/, '')}/`))
    if (!wanted) continue
    if (asked.mode === 't') out(ctx, asked.verbose ? longLine(entry) : `${entry.name}\n`)
    else {
      const why = place(ctx, asked, entry)
      if (why !== '') {
        const gnu = `tar: ${entry.name}: Cannot open: ${why}\n`
        err(ctx, small ? `tar: can't open '${entry.name}': ${why}\n` : gnu)
        failed = true
        if (small) break
      } else if (asked.verbose) out(ctx, `${entry.name}\n`)
    }
  }
  if (error !== '') {
    const gnu =
      error === 'bad' || entries.length === 0
        ? 'tar: This does not look like a tar archive\ntar: Exiting with failure status due to previous errors\n'
        : 'tar: Unexpected EOF in archive\ntar: Error is not recoverable: exiting now\n'
    err(ctx, small ? `tar: ${error === 'bad' ? 'invalid tar magic' : 'short read'}\n` : gnu)
    failed = true
  } else if (failed && !small) err(ctx, 'tar: Exiting with failure status due to previous errors\n')
  exitProcess(ctx, failed ? (small ? 1 : 2) : 0)
}

function longLine({ kind, mode, mtime, name, text }: TarEntry): string {
  const letters = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('')
  const type = kind === 'dir' ? 'd' : kind === 'link' ? 'l' : '-'
  const arrow = kind === 'link' ? ` -> ${text}` : ''
  const size = String(kind === 'file' ? text.length : 0).padStart(9)
  const when = dateText((mtime - EPOCH_SECONDS) * 1e9, '%Y-%m-%d %H:%M')
  return `${type}${letters} root/root ${size} ${when} ${name}${arrow}\n`
}

/** Puts an entry where it belongs, with the directories above it; the error. */
function place(ctx: ProcCtx, asked: Asked, { name, kind, mode, text }: TarEntry): string {
  const path = inside(asked, name.replace(/^\/+/, '').replace(/\/$/, ''))
  if (name.split('/').includes('..')) return "Member name contains '..'"
  makeAbove(ctx, path)
  if (kind === 'dir') {
    const error = statFile(ctx, path)?.kind === 'dir' ? '' : makeDir(ctx, path)
    return error
  }
  if (kind === 'link') {
    if (statFile(ctx, path, false) !== undefined) removeFile(ctx, path)
    return makeLink(ctx, path, text)
  }
  const error = writeFile(ctx, path, '') || appendFile(ctx, path, text)
  return error || changeMode(ctx, path, mode)
}

/** Makes the directories above a path. */
export function makeAbove(ctx: ProcCtx, path: string): void {
  const parts = path.split('/')
  for (let i = 1; i < parts.length; i++) {
    const above = parts.slice(0, i).join('/')
    if (above !== '' && statFile(ctx, above) === undefined) makeDir(ctx, above)
  }
}
