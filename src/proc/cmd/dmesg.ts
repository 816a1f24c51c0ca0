/** dmesg. Models util-linux 2.38: the kernel's log since boot. Namespaces' lines are merged as one kernel has one log. */
import { klogLines } from '../../net/link/klog.ts'
import { findNetns } from '../../net/world.ts'
import { exitProcess } from '../../run/process.ts'
import { dateText } from '../clock.ts'
import type { Program } from '../program.ts'
import { fail, out, parseOptions } from '../program.ts'

export const dmesg: Program = {
  name: 'dmesg',
  help: 'what the kernel said (-T with dates)',
  start(ctx) {
    const { flags, error, operands } = parseOptions(ctx.proc.argv.slice(1), 'THtkxuL::', [
      'ctime',
      'notime',
      'color=',
    ])
    const wrong = error !== '' ? error : operands.length > 0 ? `bad usage` : ''
    if (wrong !== '') return fail(ctx, 1, `dmesg: ${wrong}\nTry 'dmesg --help' for more information.`)
    const { machine, world } = ctx
    const lines: { at: number; text: string }[] = []
    for (const id of [machine.rootNs, ...machine.netns.values(), ...machine.orphans]) {
      const ns = findNetns(world, id)
      if (ns !== undefined) lines.push(...klogLines(ns))
    }
    lines.sort((a, b) => a.at - b.at)
    const dated = flags.has('T') || flags.has('ctime')
    const bare = flags.has('t') || flags.has('notime')
    for (const { at, text } of lines) {
      const micros = Math.floor(at / 1000)
      const clock = `${String(Math.floor(micros / 1e6)).padStart(5)}.${String(micros % 1e6).padStart(6, '0')}`
      const stamp = bare ? '' : `[${dated ? dateText(at, '%a %b %e %H:%M:%S %Y') : clock}] `
      out(ctx, `${stamp}${text}\n`)
    }
    exitProcess(ctx, 0)
  },
}
