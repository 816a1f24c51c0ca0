/**
 * A machine's file tree: a small standing tree, what was changed since, and the files that the kernel generates.
 * Errors are strerror(3)'s words, '' for none. Not here: owners, permissions, hard links, mounts but a container's.
 */
import type { Netns, World } from '../net/types.ts'
import { touch } from '../sim/dispatch.ts'
import { procList, procRead, procWrite } from './procfs.ts'
import { containerFiles, containerOf } from './containerlife.ts'
import type { Container, FileNode, Machine } from './types.ts'

/** Characters and nodes that one machine's changes may have. */
export const FILES_MAX = 8_388_608
export const NODES_MAX = 4096

/** `mtime` of files that came with a container and stand once for many. */
export const WITH_CONTAINER = -1

/** Where a path is looked up: a ProcCtx is one. */
export interface FileCtx {
  world: World
  ns: Netns
  machine: Machine
  /** `container`: whose tree it is, '' or undefined for the machine's. */
  proc: { readonly cwd: string; readonly container?: string }
}

export const ENOENT = 'No such file or directory'
export const EISDIR = 'Is a directory'
export const ENOTDIR = 'Not a directory'
export const EACCES = 'Permission denied'
export const EEXIST = 'File exists'
export const ENOTEMPTY = 'Directory not empty'
export const ENOSPC = 'No space left on device'
const ELOOP = 'Too many levels of symbolic links'

const DIRS: ReadonlySet<string> = new Set([
  '/', '/bin', '/dev', '/etc', '/etc/netns', '/home', '/proc', '/root', '/run', '/sys', '/tmp',
  '/usr', '/usr/bin', '/var', '/var/log',
]) // biome-ignore format: one list
const LINKS: Readonly<Record<string, string>> = Object.freeze({ '/var/run': '/run' })
const STANDING = ['/etc/hostname', '/etc/hosts', '/etc/resolv.conf', '/dev/null', '/var/run']

/** The text of a file; `error` is '' where it could be read. */
export function readFile(ctx: FileCtx, path: string): { text: string; error: string } {
  const at = locate(ctx, path)
  if (at.error !== '') return { text: '', error: at.error }
  const node = nodeAt(ctx, at.path)
  if (node === undefined) return { text: '', error: ENOENT }
  if (node.kind === 'dir') return { text: '', error: EISDIR }
  return { text: node.text, error: '' }
}

/** The file, directory or (with `follow` false) link at a path. */
export function statFile(ctx: FileCtx, path: string, follow = true): FileNode | undefined {
  const at = locate(ctx, path, follow)
  return at.error === '' ? nodeAt(ctx, at.path) : undefined
}

/** Names in a directory, sorted by code point; undefined where it is none. */
export function listDir(ctx: FileCtx, path: string): string[] | undefined {
  const nodes = readDir(ctx, path)
  return nodes === undefined ? undefined : [...nodes.keys()]
}

/** What stands in a directory, sorted by name; links are not followed. Undefined where it is none. */
export function readDir(ctx: FileCtx, path: string): Map<string, FileNode> | undefined {
  const at = locate(ctx, path)
  if (at.error !== '' || nodeAt(ctx, at.path)?.kind !== 'dir') return undefined
  const mount = mountAt(ctx, at.path)
  if (mount !== undefined) return readDir(mount.ctx, mount.path)
  const box = containerOf(ctx.machine, ctx.proc.container)
  const own = box === undefined ? indexOf(ctx.machine.files).dirs.get(at.path) : undefined
  const prefix = at.path === '/' ? '/' : `${at.path}/`
  const nodes = new Map<string, FileNode>()
  for (const name of allNames(ctx, box, at.path, prefix, own?.names ?? [])) {
    const node =
      (own === undefined ? null : ctx.machine.files.get(prefix + name)) ?? nodeAt(ctx, prefix + name)
    if (node !== undefined) nodes.set(name, node)
  }
  return nodes
}

/** Whether what stands in a directory passes a test, the first such in the order of names; links are not followed. */
export function someInDir(
  ctx: FileCtx,
  path: string,
  test: (name: string, node: FileNode) => boolean,
): boolean {
  const own = containerOf(ctx.machine, ctx.proc.container) === undefined && isPlain(ctx, path)
  const dir = own ? indexOf(ctx.machine.files).dirs.get(path) : undefined
  if (dir === undefined || isMade(ctx, path)) {
    for (const [name, node] of readDir(ctx, path) ?? []) if (test(name, node)) return true
    return false
  }
  for (let i = 0; i < dir.names.length; i++) {
    const node = dir.nodes[i]
    if (node !== null && node !== undefined && test(dir.names[i]!, node)) return true
  }
  return false
}

/** It holds more than what its tree says. */
function isMade(ctx: FileCtx, path: string): boolean {
  return STANDING_IN.has(path) || procList(ctx, path) !== undefined
}

/** Names in a directory, sorted; `own` are those of the machine's own tree. */
function allNames(
  ctx: FileCtx,
  box: Container | undefined,
  path: string,
  prefix: string,
  own: readonly string[],
): readonly string[] {
  const generated = procList(ctx, path)
  const standing = STANDING_IN.get(path)
  if (box === undefined && generated === undefined && standing === undefined) return own
  const names = new Set<string>([...(generated ?? []), ...(standing ?? []), ...own])
  const add = (full: string) => {
    if (full.length > prefix.length && full.startsWith(prefix) && !full.includes('/', prefix.length)) {
      names.add(full.slice(prefix.length))
    }
  }
  if (box !== undefined) {
    for (const full of box.files.keys()) add(full)
    for (const full of Object.keys(box.base)) add(full)
  }
  return [...names].sort()
}

/** Replaces a file's text, making the file where its directory exists. Answers the error. */
export function writeFile(ctx: FileCtx, path: string, text: string): string {
  const at = locate(ctx, path)
  if (at.error !== '') return at.error
  if (at.path === '/dev/null') return ''
  const generated = procWrite(ctx, at.path, text)
  if (generated !== undefined) return generated
  const node = nodeAt(ctx, at.path)
  if (node?.kind === 'dir') return EISDIR
  return put(ctx, at.path, { kind: 'file', text, mode: node?.mode ?? 0o644, mtime: ctx.world.now })
}

/** Adds to a file's end. */
export function appendFile(ctx: FileCtx, path: string, text: string): string {
  const at = locate(ctx, path)
  if (at.error !== '') return at.error
  const node = procRead(ctx, at.path) === undefined ? nodeAt(ctx, at.path) : undefined
  return writeFile(ctx, path, node?.kind === 'file' ? node.text + text : text)
}

/** What opening for writing does: makes the file, or empties it. Generated files are left as they are. */
export function truncateFile(ctx: FileCtx, path: string): string {
  const at = locate(ctx, path)
  if (at.error !== '') return at.error
  if (procRead(ctx, at.path) !== undefined) return ''
  if (at.path.startsWith('/proc/') || at.path.startsWith('/sys/')) return EACCES
  return writeFile(ctx, path, '')
}

export function makeDir(ctx: FileCtx, path: string): string {
  const at = locate(ctx, path)
  if (at.error !== '') return at.error
  if (nodeAt(ctx, at.path) !== undefined) return EEXIST
  return put(ctx, at.path, { kind: 'dir', text: '', mode: 0o755, mtime: ctx.world.now })
}

/** A symbolic link at `path` to `target`. */
export function makeLink(ctx: FileCtx, path: string, target: string): string {
  const at = locate(ctx, path, false)
  if (at.error !== '') return at.error
  if (nodeAt(ctx, at.path) !== undefined) return EEXIST
  return put(ctx, at.path, { kind: 'link', text: target, mode: 0o777, mtime: ctx.world.now })
}

/** Changes the mode bits. */
export function changeMode(ctx: FileCtx, path: string, mode: number): string {
  const at = locate(ctx, path)
  const node = at.error === '' ? nodeAt(ctx, at.path) : undefined
  if (node === undefined) return at.error === '' ? ENOENT : at.error
  return put(ctx, at.path, { ...node, mode })
}

/** Removes a file, a link, or an empty directory. */
export function removeFile(ctx: FileCtx, path: string): string {
  const at = locate(ctx, path, false)
  if (at.error !== '') return at.error
  const mount = mountAt(ctx, at.path)
  if (mount !== undefined) return removeFile(mount.ctx, mount.path)
  const node = nodeAt(ctx, at.path)
  if (node === undefined) return ENOENT
  if (procRead(ctx, at.path) !== undefined || procList(ctx, at.path) !== undefined) {
    return 'Operation not permitted'
  }
  if (node.kind === 'dir' && (listDir(ctx, at.path)?.length ?? 0) > 0) return ENOTEMPTY
  touch(ctx.world, ctx.machine.id)
  setNode(ctx, at.path, isStanding(ctx, at.path) ? null : undefined)
  return ''
}

/** An absolute path without `.`, `..` and double slashes. */
export function resolvePath(cwd: string, path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** Follows links and `/etc/netns/NAME`; the parent must be a directory. */
function locate(ctx: FileCtx, path: string, follow = true): { path: string; error: string } {
  if (path === '') return { path: '', error: ENOENT }
  if (isPlain(ctx, path)) return { path: overlay(ctx, path), error: '' }
  const todo = resolvePath(ctx.proc.cwd, path).split('/').slice(1)
  let at = ''
  let hops = 0
  while (todo.length > 0) {
    const part = todo.shift()!
    if (part === '') continue
    const next = `${at}/${part}`
    const node = nodeAt(ctx, next)
    const last = todo.length === 0
    if (node === undefined && !last) return { path: next, error: ENOENT }
    if (node?.kind === 'file' && (!last || path.endsWith('/'))) return { path: next, error: ENOTDIR }
    if (node?.kind === 'link' && (!last || follow)) {
      if (++hops > 8) return { path: next, error: ELOOP }
      todo.unshift(
        ...resolvePath(at === '' ? '/' : at, node.text)
          .split('/')
          .slice(1),
      )
      at = ''
    } else at = next
  }
  return { path: overlay(ctx, at === '' ? '/' : at), error: '' }
}

/** It stands in the machine's own tree just so, and no link in that tree could lead elsewhere on the way. */
function isPlain({ machine, proc }: FileCtx, path: string): boolean {
  const node = machine.files.get(path)
  if (node === undefined || node === null || path.startsWith('/var/run/')) return false
  return containerOf(machine, proc.container) === undefined && indexOf(machine.files).links === 0
}

/** In a named namespace, files of /etc/netns/NAME stand in the place of those of /etc (ip-netns(8)). */
function overlay(ctx: FileCtx, path: string): string {
  if (!path.startsWith('/etc/') || path.startsWith('/etc/netns/') || ctx.ns.id === ctx.machine.rootNs)
    return path
  if (containerOf(ctx.machine, ctx.proc.container) !== undefined) return path
  const name = ctx.ns.name.slice(ctx.ns.name.indexOf('.') + 1)
  const own = `/etc/netns/${name}${path.slice(4)}`
  const node = ctx.machine.files.get(own)
  return node === undefined || node === null ? path : own
}

/** Where on the machine a path of a container leads that lies in one of its mounts. */
function mountAt(ctx: FileCtx, path: string): { ctx: FileCtx; path: string } | undefined {
  const mounts = containerOf(ctx.machine, ctx.proc.container)?.mounts
  if (mounts === undefined || mounts.length === 0) return undefined
  const found = mounts.findLast((one) => path === one.path || path.startsWith(`${one.path}/`))
  if (found === undefined) return undefined
  const ns = ctx.world.targets[ctx.machine.rootNs] as Netns
  return { ctx: { ...ctx, ns, proc: { cwd: '/' } }, path: found.source + path.slice(found.path.length) }
}

function nodeAt(ctx: FileCtx, path: string): FileNode | undefined {
  const mount = mountAt(ctx, path)
  if (mount !== undefined) return nodeAt(mount.ctx, mount.path)
  const box = containerOf(ctx.machine, ctx.proc.container)
  const changed = (box ?? ctx.machine).files.get(path)
  if (changed !== undefined) return changed ?? undefined
  // What its engine gives every container was written when it was made.
  const mtime = box?.createdAt ?? 0
  if (box !== undefined && path === '/etc/hosts' && box.hosts !== '')
    return { kind: 'file', text: box.hosts, mode: 0o644, mtime }
  if (box !== undefined && Object.hasOwn(box.base, path)) {
    const node = box.base[path]!
    return node.mtime === WITH_CONTAINER ? { ...node, mtime } : node
  }
  if (LINKS[path] !== undefined) return { kind: 'link', text: LINKS[path], mode: 0o777, mtime: 0 }
  if (DIRS.has(path)) return { kind: 'dir', text: '', mode: 0o755, mtime: 0 }
  const standing = standingText((box ?? ctx.machine).hostname, path)
  if (standing !== undefined) return { kind: 'file', text: standing, mode: 0o644, mtime }
  const generated = procRead(ctx, path)
  if (generated !== undefined) return { kind: 'file', text: generated, mode: 0o644, mtime: ctx.world.now }
  if (procList(ctx, path) === undefined) return undefined
  return { kind: 'dir', text: '', mode: 0o555, mtime: ctx.world.now }
}

function standingText(hostname: string, path: string): string | undefined {
  if (path === '/etc/hostname') return `${hostname}\n`
  if (path === '/etc/hosts') {
    const v6 = '::1\tlocalhost ip6-localhost ip6-loopback\n'
    return `127.0.0.1\tlocalhost\n127.0.1.1\t${hostname}\n${v6}`
  }
  if (path === '/etc/resolv.conf' || path === '/dev/null') return ''
  return undefined
}

/** Changes a node in the tree that the process sees: null hides a standing one, undefined leaves none. */
function setNode(ctx: FileCtx, path: string, node: FileNode | null | undefined): void {
  const box = containerOf(ctx.machine, ctx.proc.container)
  const files = box === undefined ? ctx.machine.files : containerFiles(box)
  if (box === undefined) noteNode(indexOf(files), path, files.get(path), node)
  if (node === undefined) files.delete(path)
  else files.set(path, node)
}

/** What a machine's tree holds, for who would have to walk through it. */
interface TreeIndex {
  /** By directory the names, sorted, and their nodes; hidden ones too. */
  readonly dirs: Map<string, { names: string[]; nodes: (FileNode | null)[] }>
  /** All texts' characters. */
  chars: number
  /** Symbolic links. */
  links: number
}

/** Derived from machines' trees, which only `setNode` changes, and no part of the world's state. */
const indexes = new WeakMap<ReadonlyMap<string, FileNode | null>, TreeIndex>()

function indexOf(files: ReadonlyMap<string, FileNode | null>): TreeIndex {
  const known = indexes.get(files)
  if (known !== undefined) return known
  const index: TreeIndex = { dirs: new Map(), chars: 0, links: 0 }
  for (const [path, node] of files) noteNode(index, path, undefined, node)
  indexes.set(files, index)
  return index
}

function noteNode(
  index: TreeIndex,
  path: string,
  old: FileNode | null | undefined,
  now: FileNode | null | undefined,
): void {
  index.chars += (now?.text.length ?? 0) - (old?.text.length ?? 0)
  index.links += (now?.kind === 'link' ? 1 : 0) - (old?.kind === 'link' ? 1 : 0)
  if (old === undefined && now === undefined) return
  const cut = path.lastIndexOf('/')
  const dir = path.slice(0, cut) || '/'
  const name = path.slice(cut + 1)
  const known = index.dirs.get(dir)
  if (known === undefined) {
    // Most directories of a machine hold one thing: lists that grow take room for seventeen.
    if (now !== undefined) index.dirs.set(dir, { names: [name], nodes: [now] })
    return
  }
  const { names, nodes } = known
  let low = 0
  for (let high = names.length; low < high; ) {
    const middle = (low + high) >> 1
    if (names[middle]! < name) low = middle + 1
    else high = middle
  }
  if (now === undefined) {
    names.splice(low, 1)
    nodes.splice(low, 1)
  } else if (old !== undefined) nodes[low] = now
  else {
    names.splice(low, 0, name)
    nodes.splice(low, 0, now)
  }
}

/** The standing tree's names by directory. */
const STANDING_IN = namesByDir([...DIRS, ...STANDING])

function namesByDir(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const index: TreeIndex = { dirs: new Map(), chars: 0, links: 0 }
  for (const path of new Set(paths)) if (path !== '/') noteNode(index, path, undefined, null)
  return new Map([...index.dirs].map(([dir, { names }]) => [dir, names]))
}

/** What was changed in the tree that the process sees. */
function treeOf(ctx: FileCtx): Map<string, FileNode | null> {
  return (containerOf(ctx.machine, ctx.proc.container) ?? ctx.machine).files
}

function charsOf({ machine }: FileCtx, files: ReadonlyMap<string, FileNode | null>): number {
  if (files === machine.files) return indexOf(files).chars
  let chars = 0
  for (const file of files.values()) chars += file?.text.length ?? 0
  return chars
}

function isStanding(ctx: FileCtx, path: string): boolean {
  const base = containerOf(ctx.machine, ctx.proc.container)?.base
  return DIRS.has(path) || STANDING.includes(path) || (base !== undefined && Object.hasOwn(base, path))
}

function put(ctx: FileCtx, path: string, node: FileNode): string {
  if (path.startsWith('/proc/') || path.startsWith('/sys/')) return ENOENT
  const mount = mountAt(ctx, path)
  if (mount !== undefined) return put(mount.ctx, mount.path, node)
  const parent = nodeAt(ctx, path.slice(0, path.lastIndexOf('/')) || '/')
  if (parent === undefined) return ENOENT
  if (parent.kind !== 'dir') return ENOTDIR
  touch(ctx.world, ctx.machine.id)
  const files = treeOf(ctx)
  const before = files.get(path)
  const size = charsOf(ctx, files) + node.text.length - (before?.text.length ?? 0)
  if (size > FILES_MAX || (before === undefined && files.size >= NODES_MAX)) return ENOSPC
  setNode(ctx, path, sharedNode(ctx.world, node))
  return ''
}

/** The node, frozen, or one of the last that is equal: the machines of a lab are made alike. */
function sharedNode(world: World, node: FileNode): FileNode {
  const last = lately.get(world) ?? []
  const { kind, text, mode, mtime } = node
  for (const one of last)
    if (one.mtime === mtime && one.mode === mode && one.kind === kind && one.text === text) return one
  if (last.length >= LATELY_MAX) last.shift()
  lately.set(world, last)
  last.push(Object.freeze(node))
  return node
}

/** Derived, and no part of the world's state. */
const lately = new WeakMap<World, FileNode[]>()
const LATELY_MAX = 32
