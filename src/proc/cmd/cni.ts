/** CNI plugins as commands: `/opt/cni/bin/bridge < net.conf` with CNI_* in the environment. */
import { environOf } from '../../run/env.ts'
import { readInput } from '../../run/fds.ts'
import { cniExec, CNI_PLUGINS } from '../cni/exec.ts'
import { BIN_DIR } from '../cni/list.ts'
import type { ProcCtx, Program } from '../program.ts'
import { err, finish } from '../program.ts'

/** A network configuration is never longer: the rest of the input is left where it is. */
const CONFIG_MAX = 1_048_576

/** Known by their paths: `bridge` alone is iproute2's. */
export const cniPrograms: readonly Program[] = Object.freeze(CNI_PLUGINS.map(pluginProgram))

function pluginProgram(plugin: string): Program {
  return {
    name: `${BIN_DIR}/${plugin}`,
    help: `CNI plugin ${plugin}: CNI_COMMAND and the like in the environment, the configuration as input`,
    start(ctx) {
      // Called by hand, without a command, they only say what they are.
      if ((environOf(ctx.proc).get('CNI_COMMAND') ?? '') === '') call(ctx, plugin, '')
      else {
        ctx.proc.state = ''
        readInput(ctx, 0)
      }
    },
    on(ctx, event) {
      if (event.type !== 'input') return
      const config = ctx.proc.state as string
      if (event.eof || config.length > CONFIG_MAX) call(ctx, plugin, config)
      else {
        ctx.proc.state = config + event.text
        readInput(ctx, 0)
      }
    },
  }
}

function call(ctx: ProcCtx, plugin: string, config: string): void {
  const { exit, stdout, stderr } = cniExec(ctx.world, ctx.machine.id, plugin, environOf(ctx.proc), config)
  if (stderr !== '') err(ctx, stderr)
  finish(ctx, stdout, exit)
}
