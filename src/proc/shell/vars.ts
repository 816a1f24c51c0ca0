/** Builtins about variables and options: export, readonly, local, unset, set. */
import type { ProcCtx } from '../../run/types.ts'
import { out } from '../program.ts'
import { abandon } from './eval.ts'
import type { ShellState } from './state.ts'
import { complain, setVar } from './state.ts'

const OPTION_NAMES: Readonly<Record<string, string>> = Object.freeze({
  errexit: 'e',
  nounset: 'u',
  xtrace: 'x',
  noglob: 'f',
  pipefail: 'P',
})

export function exportBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const names = argv.slice(1).filter((arg) => arg !== '-p' && arg !== '--')
  if (names.length === 0) {
    for (const name of [...st.exported].sort()) {
      const value = st.vars.get(name)
      if (value !== undefined) out(ctx, exportLine(st, name, value))
    }
    return 0
  }
  return each(ctx, st, 'export', names, (name, value) => {
    if (value !== undefined && !setVar(st, name, value)) return false
    st.exported.add(name)
    return true
  })
}

export function readonlyBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  return each(ctx, st, 'readonly', argv.slice(1), (name, value) => {
    if (value !== undefined && !setVar(st, name, value)) return false
    st.readonly.add(name)
    return true
  })
}

export function localBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const frame = st.frames.findLast((one) => one.k === 'call')
  if (frame === undefined && argv[0] === 'local') {
    const why = st.dialect === 'dash' ? 'not in a function' : 'can only be used in a function'
    complain(ctx, st, `local: ${why}`)
    if (st.dialect === 'bash') return 1
    abandon(ctx, st, 2)
    return undefined
  }
  const names = argv.slice(1).filter((arg) => !arg.startsWith('-'))
  return each(ctx, st, argv[0]!, names, (name, value) => {
    if (frame !== undefined) frame.locals.push([name, st.vars.get(name)])
    if (argv.includes('-x')) st.exported.add(name)
    if (frame !== undefined && st.dialect === 'bash' && value === undefined) st.vars.delete(name)
    return value === undefined || setVar(st, name, value)
  })
}

export function unsetBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  const funcs = argv[1] === '-f'
  const names = argv.slice(1).filter((arg) => arg !== '-f' && arg !== '-v')
  return each(ctx, st, 'unset', names, (name) => {
    if (!funcs && st.readonly.has(name)) return false
    if (!funcs && st.vars.delete(name)) st.exported.delete(name)
    else st.funcs.delete(name)
    return true
  })
}

export function setBuiltin(ctx: ProcCtx, st: ShellState, argv: string[]): number | undefined {
  if (argv.length === 1) {
    const names = [...st.vars.keys()].filter((name) => /^[A-Za-z_]/.test(name)).sort()
    for (const name of names) out(ctx, `${name}=${quoted(st.vars.get(name)!)}\n`)
    return 0
  }
  for (let i = 1; i < argv.length; i++) {
    const arg = argv[i]!
    if (arg === '--' || !/^[-+]./.test(arg)) {
      st.params = argv.slice(arg === '--' ? i + 1 : i)
      return 0
    }
    let letters = arg.slice(1)
    if (letters.endsWith('o')) {
      const name = argv[++i] ?? ''
      const letter = OPTION_NAMES[name]
      if (letter === undefined || (letter === 'P' && st.dialect === 'dash')) {
        complain(
          ctx,
          st,
          st.dialect === 'dash' ? `set: Illegal option -o ${name}` : `set: ${name}: invalid option name`,
        )
        if (st.dialect === 'dash') abandon(ctx, st, 2)
        return st.dialect === 'dash' ? undefined : 2
      }
      letters = letters.slice(0, -1) + letter
    }
    for (const letter of letters) {
      if (!'euxfP'.includes(letter)) {
        complain(
          ctx,
          st,
          st.dialect === 'dash' ? `set: Illegal option -${letter}` : `set: -${letter}: invalid option`,
        )
        if (st.dialect === 'dash') abandon(ctx, st, 2)
        return st.dialect === 'dash' ? undefined : 2
      }
      st.flags = st.flags.replace(letter, '') + (arg.startsWith('-') ? letter : '')
    }
  }
  return 0
}

/** A value as the shell writes it so that it can be read again. */
export function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

function exportLine(st: ShellState, name: string, value: string): string {
  if (st.dialect === 'dash') return `export ${name}=${quoted(value)}\n`
  return `declare -x ${name}="${value.replace(/["\\$`]/g, '\\$&')}"\n`
}

function each(
  ctx: ProcCtx,
  st: ShellState,
  builtin: string,
  args: readonly string[],
  set: (name: string, value: string | undefined) => boolean,
): number | undefined {
  let status = 0
  for (const arg of args) {
    const eq = arg.indexOf('=')
    const name = eq < 0 ? arg : arg.slice(0, eq)
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      if (set(name, eq < 0 ? undefined : arg.slice(eq + 1))) continue
      complain(
        ctx,
        st,
        st.dialect === 'dash' ? `${builtin}: ${name}: is read only` : `${name}: readonly variable`,
      )
    } else if (st.dialect === 'dash') complain(ctx, st, `${builtin}: ${name}: bad variable name`)
    else complain(ctx, st, `${builtin}: \`${arg}': not a valid identifier`)
    if (st.dialect === 'dash') {
      abandon(ctx, st, 2)
      return undefined
    }
    status = 1
  }
  return status
}
