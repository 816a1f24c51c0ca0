/** How much of many packets is shown: a frame in a loop has no end. */
import type { StepDetail } from '../net/trace.ts'
import { StepKind } from '../net/trace.ts'

/** What is shown of one packet, and of all: a frame in a loop has no end, and nobody reads a million lines. */
const MAX_OF_ONE = 500
const MAX_OF_ALL = 100_000

/** What is shown of the packets, and in words what is not: what was left out, and loops of bridges. */
export function boundedTraces(all: StepDetail[][]): { groups: StepDetail[][]; notes: string[] } {
  const groups: StepDetail[][] = []
  const notes: string[] = []
  const loops = new Set<string>()
  let shown = 0
  for (const group of all) {
    const loop = bridgeLoop(group)
    if (loop !== '') loops.add(loop)
    if (shown >= MAX_OF_ALL) continue
    const part = group.length > MAX_OF_ONE ? group.slice(0, MAX_OF_ONE) : group
    if (part !== group) {
      const id = group[0]?.trace ?? 0
      notes.push(`trace ${id}: the first ${MAX_OF_ONE} of its ${group.length} steps are shown`)
    }
    groups.push(part)
    shown += part.length
  }
  const left = all.length - groups.length
  if (left > 0) notes.push(`${left} more packets were left out: at most ${MAX_OF_ALL} steps are shown`)
  if (notes.length > 20) notes.splice(20, notes.length - 20, `… and ${notes.length - 20} more such lines`)
  for (const loop of loops) {
    notes.push(
      `a loop of bridges: ${loop}. A frame to everybody goes round in it for ever; ` +
        `spanning tree (ip link set BRIDGE type bridge stp_state 1) or one cable less ends it`,
    )
  }
  return { groups, notes }
}

/** How often a port of a bridge hears the same frame where there is no loop: once, or a few times by retransmission. */
const ROUNDS = 4

/** The bridges that one packet came round in, as `s1, s2, s3`; '' where it did not. */
function bridgeLoop(steps: readonly StepDetail[]): string {
  const heard = new Map<string, number>()
  const bridges = new Set<string>()
  for (const step of steps) {
    if (step.kind === StepKind.Bridge) bridges.add(step.nsName)
    if (step.kind !== StepKind.Rx) continue
    const key = `${step.nsName} ${step.dev} ${step.headers.ttl}`
    heard.set(key, (heard.get(key) ?? 0) + 1)
  }
  const rooms = new Set<string>()
  for (const [key, times] of heard) {
    const room = key.slice(0, key.indexOf(' '))
    if (times >= ROUNDS && bridges.has(room)) rooms.add(room)
  }
  return rooms.size === 0 ? '' : [...rooms].sort().join(', ')
}
