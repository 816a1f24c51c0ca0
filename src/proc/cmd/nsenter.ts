/** nsenter. Models util-linux 2.38 for the network namespace: of a process (-t PID -n) or a name (--net=/run/netns/X). */
import { execProgram, exitProcess, findProcess, spawnIn } from '../../run/process.ts'
import type { ProcCtx, Program } from '../program.ts'
import { err, fail } from '../program.ts'
import { findProgram } from '../shell/simple.ts'

export const nsenter: Program = {
  name: 'nsenter',
  help: "run a command in a process' network namespace: nsenter -t PID -n COMMAND",
  start(ctx) {
    const args = ctx.proc.argv.slice(1)
    let target = 0
    let net = false
    let path = ''
    while (args[0]?.startsWith('-') === true) {
      const arg = args.shift()!
      if (arg === '--') break
      const value = /^(?:-t|--target=?)(.+)$/.exec(arg)
      if (arg === '-t' || arg === '--target') target = Number(args.shift())
      else if (value !== null) target = Number(value[1])
      else if (/^(-n|--net)$/.test(arg)) net = true
      else if (/^(-n|--net)=/.test(arg)) path = arg.slice(arg.indexOf('=') + 1)
      else if (/^-[muipCUTan]+$|^--(mount|uts|ipc|pid|cgroup|user|all)$/.test(arg)) {
        if (arg === '-a' || arg === '--all' || arg.includes('n')) net = true
      } else
        return fail(
          ctx,
          1,
          `nsenter: unrecognized option '${arg}'\nTry 'nsenter --help' for more information.`,
        )
    }
    const ns = place(ctx, target, net, path)
    if (ns === undefined) return
    const argv = args.length === 0 ? ['sh'] : args
    const found = findProgram(ctx, argv[0]!)
    if (found.error !== '') {
      return fail(
        ctx,
        127,
        `nsenter: failed to execute ${argv[0]}: ${found.error === 'not modelled' ? 'not modelled in Kubehop' : 'No such file or directory'}`,
      )
    }
    const words = found.script === '' ? argv : [found.program, found.script, ...argv.slice(1)]
    if (ns === ctx.ns.id) execProgram(ctx, found.program, words)
    else if (spawnIn(ctx, ns, found.program, words) === 0)
      fail(ctx, 1, 'nsenter: fork failed: Resource temporarily unavailable')
  },
  on(ctx, event) {
    if (event.type === 'child') exitProcess(ctx, event.code)
  },
}

/** The namespace's id; undefined where there is none (said, and the process has ended). */
function place(ctx: ProcCtx, target: number, net: boolean, path: string): number | undefined {
  if (path !== '') {
    const name = /^\/(?:var\/)?run\/netns\/([^/]+)$/.exec(path)?.[1] ?? ''
    const pid = /^\/proc\/([0-9]+)\/ns\/net$/.exec(path)?.[1]
    const id = pid === undefined ? ctx.machine.netns.get(name) : ctx.machine.pids.get(Number(pid))
    if (id !== undefined) return id
    err(ctx, `nsenter: cannot open ${path}: No such file or directory\n`)
    exitProcess(ctx, 1)
    return undefined
  }
  if (!net) return ctx.ns.id
  const proc = findProcess(ctx.world, ctx.machine, target)
  if (proc !== undefined) return proc.ns
  fail(
    ctx,
    1,
    target === 0
      ? 'nsenter: no target PID specified for network namespace'
      : `nsenter: cannot open /proc/${target}/ns/net: No such file or directory`,
  )
  return undefined
}
