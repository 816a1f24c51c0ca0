/** A step of making or unmaking a pod's network as sentences: what an event did that touched no packet. */
import type { World } from '../net/types.ts'
import type { Machine } from '../run/types.ts'
import type { Sentence } from './types.ts'

/** What happened to sandboxes in the event just handled, and on which machine; undefined where nothing did. */
export function sandboxTold(world: World): { room: string; sentences: Sentence[] } | undefined {
  for (const target of world.targets) {
    const machine = target as Machine | undefined
    if (machine?.type !== 'machine') continue
    const steps = (machine.sandboxLog ?? []).filter((step) => step.event === world.nEvents)
    const first = steps[0]
    if (first === undefined) continue
    const whose = { key: `cni.${first.command}`, args: { owner: first.owner } }
    const sentences = steps.map(({ what, args }) => ({ key: `cni.${what}`, args: { ...args } }))
    return { room: machine.name, sentences: [whose, ...sentences] }
  }
  return undefined
}
