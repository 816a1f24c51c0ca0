/** ls, touch, mkdir, rmdir, rm, ln, cp, mv, chmod. Messages as coreutils 9.1 words them. */
import {
  changeMode,
  EISDIR,
  listDir,
  makeDir,
  makeLink,
  readFile,
  removeFile,
  resolvePath,
  statFile,
  writeFile,
} from '../../run/files.ts'
import { exitProcess } from '../../run/process.ts'
import type { FileNode, ProcCtx, Program } from '../../run/types.ts'
import { dateText } from '../clock.ts'
import { err, out, parseOptions } from '../program.ts'
import { usage } from './filter.ts'
import { utf8Length } from './text.ts'

const ls: Program = {
  name: 'ls',
  help: 'list files (-l with details, -a with hidden ones, -1 one a line)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'la1dAhrtFR', ['all', 'color', 'color='])
    if (options.error !== '') return void usage(ctx, options.error, 2)
    const { flags } = options
    const operands = options.operands.length === 0 ? ['.'] : options.operands
    const files: string[] = []
    const dirs: string[] = []
    let code = 0
    for (const path of operands) {
      const node = statFile(ctx, path, !flags.has('l') && !flags.has('d'))
      if (node === undefined) {
        err(ctx, `ls: cannot access '${path}': No such file or directory\n`)
        code = 2
      } else if (node.kind === 'dir' && !flags.has('d')) dirs.push(path)
      else files.push(path)
    }
    files.sort()
    dirs.sort()
    if (files.length > 0) list(ctx, files, (name) => name, flags)
    dirs.forEach((dir, i) => {
      if (operands.length > 1) out(ctx, `${i > 0 || files.length > 0 ? '\n' : ''}${dir}:\n`)
      let names = listDir(ctx, dir) ?? []
      if (flags.has('a') || flags.has('all')) names = ['.', '..', ...names]
      else if (!flags.has('A')) names = names.filter((name) => !name.startsWith('.'))
      if (flags.has('l'))
        out(
          ctx,
          `total ${names.reduce((n, name) => n + blocks(statFile(ctx, `${dir}/${name}`, false)), 0)}\n`,
        )
      list(ctx, names, (name) => `${dir}/${name}`, flags)
    })
    exitProcess(ctx, code)
  },
}

function list(
  ctx: ProcCtx,
  names: readonly string[],
  pathOf: (name: string) => string,
  flags: ReadonlyMap<string, string>,
): void {
  const order = flags.has('r') ? [...names].reverse() : names
  if (flags.has('l')) {
    const nodes = order.map((name) => statFile(ctx, pathOf(name), false))
    const width = Math.max(0, ...nodes.map((node) => String(sizeOf(node)).length))
    order.forEach((name, i) => {
      const node = nodes[i]
      if (node === undefined) return
      const arrow = node.kind === 'link' ? ` -> ${node.text}` : ''
      const size = String(sizeOf(node)).padStart(width)
      out(
        ctx,
        `${modeText(node)} 1 root root ${size} ${dateText(node.mtime, '%b %e %H:%M')} ${name}${arrow}\n`,
      )
    })
  } else if (ctx.proc.fds.get(1)?.kind === 'tty' && !flags.has('1')) {
    let line = ''
    for (const name of order) {
      if (line !== '' && line.length + name.length + 2 > 80) {
        out(ctx, `${line}\n`)
        line = ''
      }
      line += (line === '' ? '' : '  ') + name
    }
    if (line !== '') out(ctx, `${line}\n`)
  } else for (const name of order) out(ctx, `${name}\n`)
}

function sizeOf(node: FileNode | undefined): number {
  return node === undefined ? 0 : node.kind === 'dir' ? 4096 : utf8Length(node.text)
}

function blocks(node: FileNode | undefined): number {
  return node === undefined || node.kind === 'link' ? 0 : Math.ceil(sizeOf(node) / 4096) * 4
}

function modeText(node: FileNode): string {
  const bits = 'rwxrwxrwx'
  let text = node.kind === 'dir' ? 'd' : node.kind === 'link' ? 'l' : '-'
  for (let i = 0; i < 9; i++) text += node.mode & (0o400 >> i) ? bits[i] : '-'
  return text
}

/** A program that does one thing with each operand; what it answers is written as an error. */
function each(
  name: string,
  help: string,
  short: string,
  one: (ctx: ProcCtx, path: string, flags: ReadonlyMap<string, string>) => string,
): Program {
  return {
    name,
    help,
    start(ctx) {
      const options = parseOptions(ctx.proc.argv.slice(1), short)
      if (options.error !== '') return void usage(ctx, options.error)
      if (options.operands.length === 0) {
        if (name === 'rm' && options.flags.has('f')) return exitProcess(ctx, 0)
        return void usage(ctx, name === 'touch' ? 'missing file operand' : 'missing operand')
      }
      let code = 0
      for (const path of options.operands) {
        const error = one(ctx, path, options.flags)
        if (error === '') continue
        err(ctx, `${name}: ${error}\n`)
        code = 1
      }
      exitProcess(ctx, code)
    },
  }
}

const touch = each('touch', 'make empty files', 'acm', (ctx, path, flags) => {
  const file = readFile(ctx, path)
  if (file.error === EISDIR || (file.error !== '' && flags.has('c'))) return ''
  const error = writeFile(ctx, path, file.text)
  return error === '' ? '' : `cannot touch '${path}': ${error}`
})

const mkdir = each('mkdir', 'make directories (-p with their parents)', 'p', (ctx, path, flags) => {
  if (flags.has('p')) {
    let at = ''
    for (const part of resolvePath(ctx.proc.cwd, path).split('/').slice(1)) {
      at += `/${part}`
      const node = statFile(ctx, at)
      if (node?.kind === 'dir') continue
      const error = node === undefined ? makeDir(ctx, at) : 'Not a directory'
      if (error !== '') return `cannot create directory '${path}': ${error}`
    }
    return ''
  }
  const error = makeDir(ctx, path)
  return error === '' ? '' : `cannot create directory '${path}': ${error}`
})

const rmdir = each('rmdir', 'remove empty directories', '', (ctx, path) => {
  const node = statFile(ctx, path, false)
  const error = node !== undefined && node.kind !== 'dir' ? 'Not a directory' : removeFile(ctx, path)
  return error === '' ? '' : `failed to remove '${path}': ${error}`
})

const rm = each('rm', 'remove files (-r directories, -f without asking)', 'rRfv', (ctx, path, flags) => {
  const node = statFile(ctx, path, false)
  if (node === undefined && flags.has('f')) return ''
  const deep = flags.has('r') || flags.has('R')
  if (node?.kind === 'dir' && !deep) return `cannot remove '${path}': ${EISDIR}`
  if (resolvePath(ctx.proc.cwd, path) === '/') {
    return "it is dangerous to operate recursively on '/'\nrm: use --no-preserve-root to override this failsafe"
  }
  return removeTree(ctx, path, 0)
})

function removeTree(ctx: ProcCtx, path: string, depth: number): string {
  if (statFile(ctx, path, false)?.kind === 'dir' && depth < 64) {
    for (const name of listDir(ctx, path) ?? []) {
      const error = removeTree(ctx, `${path}/${name}`, depth + 1)
      if (error !== '') return error
    }
  }
  const error = removeFile(ctx, path)
  return error === '' ? '' : `cannot remove '${path}': ${error}`
}

const ln: Program = {
  name: 'ln',
  help: 'make a symbolic link: ln -s TARGET NAME (-f replaces)',
  start(ctx) {
    const options = parseOptions(ctx.proc.argv.slice(1), 'sfnv')
    if (options.error !== '') return void usage(ctx, options.error)
    const [target, name] = options.operands
    if (target === undefined) return void usage(ctx, 'missing file operand')
    if (!options.flags.has('s')) return refuse(ctx, 'hard links: not modelled in Kubehop')
    let path = name ?? target.slice(target.lastIndexOf('/') + 1)
    if (statFile(ctx, path)?.kind === 'dir') path = `${path}/${target.slice(target.lastIndexOf('/') + 1)}`
    if (options.flags.has('f') && statFile(ctx, path, false) !== undefined) removeFile(ctx, path)
    const error = makeLink(ctx, path, target)
    if (error !== '') return refuse(ctx, `failed to create symbolic link '${path}': ${error}`)
    exitProcess(ctx, 0)
  },
}

function refuse(ctx: ProcCtx, text: string): void {
  err(ctx, `${ctx.proc.argv[0]}: ${text}\n`)
  exitProcess(ctx, 1)
}

function copyProgram(name: 'cp' | 'mv', help: string): Program {
  return {
    name,
    help,
    start(ctx) {
      const options = parseOptions(ctx.proc.argv.slice(1), 'fvap')
      if (options.error !== '') return void usage(ctx, options.error)
      const operands = [...options.operands]
      const to = operands.pop()
      if (to === undefined) return void usage(ctx, 'missing file operand')
      if (operands.length === 0) return void usage(ctx, `missing destination file operand after '${to}'`)
      const dir = statFile(ctx, to)?.kind === 'dir'
      if (operands.length > 1 && !dir) return refuse(ctx, `target '${to}' is not a directory`)
      let code = 0
      for (const from of operands) {
        const error = copyOne(ctx, name, from, dir ? `${to}/${from.slice(from.lastIndexOf('/') + 1)}` : to)
        if (error === '') continue
        err(ctx, `${name}: ${error}\n`)
        code = 1
      }
      exitProcess(ctx, code)
    },
  }
}

function copyOne(ctx: ProcCtx, name: 'cp' | 'mv', from: string, to: string): string {
  const file = readFile(ctx, from)
  const node = statFile(ctx, from)
  if (file.error === EISDIR) {
    return name === 'cp'
      ? `-r not specified; omitting directory '${from}'`
      : `'${from}': moving directories: not modelled in Kubehop`
  }
  if (file.error !== '') return `cannot stat '${from}': ${file.error}`
  if (resolvePath(ctx.proc.cwd, from) === resolvePath(ctx.proc.cwd, to))
    return `'${from}' and '${to}' are the same file`
  const error = writeFile(ctx, to, file.text)
  if (error !== '') return `cannot create regular file '${to}': ${error}`
  if (node !== undefined) changeMode(ctx, to, node.mode)
  const gone = name === 'mv' ? removeFile(ctx, from) : ''
  return gone === '' ? '' : `cannot remove '${from}': ${gone}`
}

const chmod: Program = {
  name: 'chmod',
  help: 'change modes: chmod +x FILE, chmod 755 FILE',
  start(ctx) {
    const [mode, ...paths] = ctx.proc.argv.slice(1)
    if (mode === undefined) return void usage(ctx, 'missing operand')
    if (paths.length === 0) return void usage(ctx, `missing operand after '${mode}'`)
    const octal = /^[0-7]{3,4}$/.test(mode) ? Number.parseInt(mode, 8) : undefined
    const symbolic = /^([ugoa]*)([-+])([rwx]+)$/.exec(mode)
    if (octal === undefined && symbolic === null) return void usage(ctx, `invalid mode: '${mode}'`)
    let code = 0
    for (const path of paths) {
      const node = statFile(ctx, path)
      let next = octal ?? node?.mode ?? 0
      if (symbolic !== null) next = changed(next, symbolic[1]!, symbolic[2]!, symbolic[3]!)
      const error = node === undefined ? 'No such file or directory' : changeMode(ctx, path, next)
      if (error === '') continue
      err(
        ctx,
        node === undefined
          ? `chmod: cannot access '${path}': ${error}\n`
          : `chmod: changing permissions of '${path}': ${error}\n`,
      )
      code = 1
    }
    exitProcess(ctx, code)
  },
}

function changed(mode: number, who: string, sign: string, letters: string): number {
  let bits = 0
  for (const c of letters) bits |= c === 'r' ? 4 : c === 'w' ? 2 : 1
  let mask = 0
  for (const one of who === '' || who.includes('a') ? 'ugo' : who) {
    mask |= bits << (one === 'u' ? 6 : one === 'g' ? 3 : 0)
  }
  return sign === '+' ? mode | mask : mode & ~mask
}

export const filesPrograms: readonly Program[] = [
  ls,
  touch,
  mkdir,
  rmdir,
  rm,
  ln,
  copyProgram('cp', 'copy files'),
  copyProgram('mv', 'move files'),
  chmod,
]
