/** The events that the session told about, in order; stepping back takes the later ones away. */
import { create } from 'zustand'
import { type NowMessage, useStore } from '../client/store.ts'

const MAX_LOG = 200

export const useEventLog = create<{ log: NowMessage[] }>(() => ({ log: [] }))

/** Follows the stream from now on; answers how to stop. */
export function followEvents(): () => void {
  add(useStore.getState().now)
  return useStore.subscribe((state, before) => {
    if (state.now !== before.now) {
      if (state.now === null) useEventLog.setState({ log: [] })
      else add(state.now)
    }
    const event = state.clock?.event ?? 0
    if (event < (before.clock?.event ?? 0)) forgetAfter(event)
  })
}

function add(now: NowMessage | null): void {
  if (!now || now.steps.length === 0) return
  const { log } = useEventLog.getState()
  const last = log.at(-1)
  if (last && last.event < now.event) {
    useEventLog.setState({ log: [...log.slice(-MAX_LOG + 1), now] })
    return
  }
  const others = log.filter((one) => one.event !== now.event || one.room !== now.room)
  useEventLog.setState({ log: [...others, now].sort((a, b) => a.event - b.event).slice(-MAX_LOG) })
}

function forgetAfter(event: number): void {
  const { log } = useEventLog.getState()
  if (log.some((one) => one.event > event)) {
    useEventLog.setState({ log: log.filter((one) => one.event <= event) })
  }
}
