/** The inspector's tables of a machine, a room or a port, as the learner sees them in a terminal. */
import type { World } from '../net/types.ts'
import { netnsNamed } from '../net/world.ts'
import type { Inspection } from './types.ts'

/** The tables of `subject` (a machine, room or port id) at this moment. */
export function inspect(world: World, subject: string): Inspection {
  const slash = subject.indexOf('/')
  const ns = netnsNamed(world, slash < 0 ? subject : subject.slice(0, slash))
  const kind = ns === undefined ? 'gone' : slash >= 0 ? 'port' : 'room'
  return { subject, kind, title: subject, at: world.now, event: world.nEvents, tables: [] }
}
