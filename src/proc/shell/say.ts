/** How a syntax error is told. */
import type { ProcCtx } from '../../run/types.ts'
import { err } from '../program.ts'
import type { SyntaxFault } from './ast.ts'
import type { ShellState } from './state.ts'

/** Writes a syntax error of `text`. `where`: '' for the shell's own input, `eval`, or a sourced file. */
export function sayFault(
  ctx: ProcCtx,
  st: ShellState,
  fault: SyntaxFault,
  text: string,
  where: string,
): void {
  if (st.dialect === 'dash') {
    const place = where === '' ? '' : `${where}: `
    const line = where === '' && !st.interactive ? fault.line : st.line
    err(ctx, `${st.name}: ${line}: ${place}${fault.message}\n`)
    return
  }
  const substitution =
    fault.message.endsWith('bad substitution') || fault.message.endsWith('valid identifier')
  let place = `${st.name}: `
  if (where !== '')
    place = where === 'eval' ? `${st.name}: eval: line ${st.line}: ` : `${where}: line ${fault.line}: `
  else if (!st.interactive) {
    const dash = st.source === 'c' && !substitution ? '-c: ' : ''
    place = `${st.name}: ${dash}line ${fault.line}: `
  }
  err(ctx, `${place}${fault.message}\n`)
  if (!fault.echo || (st.interactive && where === '')) return
  const line = text.split('\n')[fault.line - 1] ?? text
  err(ctx, `${place}\`${line}'\n`)
}
