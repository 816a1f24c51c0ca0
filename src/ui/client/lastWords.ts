/** Played faster than can be read, nothing is told; what happened last is told where the lab comes to a stand. */
import { session } from './client.ts'
import { useStore } from './store.ts'

/** Packets that are looked at: the newest to begin need not be the last that anything happened to. */
const NEWEST = 8

/** Follows the clock, which comes to a stand when `running` ends. */
export function tellLastWords(): () => void {
  return useStore.subscribe(({ clock }, { clock: before }) => {
    if (before?.running && clock && !clock.running && !clock.frozen) void tell()
  })
}

async function tell(): Promise<void> {
  const traces = await session().traces(NEWEST)
  const event = Math.max(0, ...traces.map(({ lastEvent }) => lastEvent))
  if (isTold(event)) return
  const { room, steps } = await session().eventSteps(event)
  if (steps.length === 0 || isTold(event)) return
  const at = useStore.getState().clock?.now ?? 0
  const told = steps.map(({ sentence, trace, reason }) => ({ sentence, trace, reason }))
  useStore.setState({ now: { type: 'now', event, at, room, steps: told } })
}

/** Told already, or no longer the present. */
function isTold(event: number): boolean {
  const { clock, now } = useStore.getState()
  return clock === null || clock.running || event > clock.event || event <= (now?.event ?? 0)
}
