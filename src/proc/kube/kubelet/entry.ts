/** What a container's command line stands for: a program that exists, or the runtime's complaint. */
import type { World } from '../../../net/types.ts'
import type { Container, Machine, ProcCtx, Process, Programs } from '../../../run/types.ts'
import { netnsOf } from '../../../net/world.ts'
import { findProgram } from '../../shell/simple.ts'

export interface Entry {
  readonly program: string
  readonly argv: string[]
  /** '' or runc's words: `exec: "x": executable file not found in $PATH`. */
  readonly error: string
}

/** The program behind argv in a container's file tree. */
export function entryOf(
  { world, machine, programs }: { world: World; machine: Machine; programs: Programs },
  box: Container,
  argv: string[],
): Entry {
  const name = argv[0] ?? ''
  const proc = { cwd: box.cwd, container: box.id } as unknown as Process
  const ctx: ProcCtx = { world, machine, programs, ns: netnsOf(world, machine.rootNs), proc }
  const found = findProgram(ctx, name)
  if (found.error === '') {
    const words = found.script === '' ? argv : [found.program, found.script, ...argv.slice(1)]
    return { program: found.program, argv: words, error: '' }
  }
  const fail = (why: string): Entry => ({ program: '', argv, error: `exec: "${name}": ${why}` })
  if (found.error === 'not modelled') return fail('not modelled in Kubehop')
  if (found.code === 126) return fail('permission denied')
  return fail(
    name.includes('/') ? `stat ${name}: no such file or directory` : 'executable file not found in $PATH',
  )
}
