/** How a pod got its network, and how it was taken away: what the runtime and the CNI plugins of its node told. */
import type { World } from '../net/types.ts'
import { parseGoJson } from '../proc/gojson.ts'
import type { Machine, SandboxStep } from '../run/types.ts'
import type { NetworkCall, NetworkStep } from './kube-types.ts'

/** The newest calls of a pod, the oldest first, as far as its nodes remember them. */
export function podNetwork(world: World, namespace: string, name: string): NetworkCall[] {
  const owner = `${namespace}/${name}`
  const calls: NetworkCall[] = []
  for (const target of world.targets) {
    const machine = target as Machine | undefined
    if (machine?.type !== 'machine') continue
    for (const step of machine.sandboxLog ?? []) if (step.owner === owner) add(calls, machine.name, step)
  }
  return calls.sort((a, b) => a.steps[0]!.at - b.steps[0]!.at)
}

/** Steps of one program in a row are one call of it; the first brings its input, the last its output. */
function add(calls: NetworkCall[], node: string, step: SandboxStep): void {
  const { sandbox, command, plugin, at, event, what, args, stdin, stdout } = step
  const last = calls.findLast((call) => call.node === node && call.sandbox === sandbox)
  const told: NetworkStep = { at, event, what: { key: `cni.${what}`, args } }
  // What host-local was given and answered stands within the call of the plugin that called it.
  const input = formatJson(stdin)
  const output = formatJson(stdout)
  if (last?.plugin === plugin && last.command === command) {
    last.steps.push(told)
    last.stdin ||= input
    last.stdout ||= output
  } else {
    calls.push({ node, sandbox, command, plugin, steps: [told], stdin: input, stdout: output })
  }
}

/** As a person reads it; what is no JSON stays as it is. */
function formatJson(text: string): string {
  if (!text.startsWith('{')) return text
  const { value, error } = parseGoJson(text)
  return error === '' ? JSON.stringify(value, null, 2) : text
}
