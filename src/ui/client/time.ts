/** Moving time: play, pause, step and seek. Undo is elsewhere (document.ts): two histories, never mixed. */
import type { ClockState, StepUnit } from '../../session/types.ts'
import { session } from './client.ts'
import { type CursorUnit, isCursorUnit, moveCursor } from './cursor.ts'
import { SPEED_COUNT } from './speeds.ts'
import { setPrefs, useStore } from './store.ts'

const get = useStore.getState
const show = (clock: ClockState) => useStore.setState({ clock })

export async function playOrPause(): Promise<void> {
  acceptInvitation()
  if (get().clock?.running) await session().pause()
  else await session().play()
  show(await session().state())
}

export async function step(direction: 1 | -1, unit: StepUnit | CursorUnit = get().stepUnit): Promise<void> {
  acceptInvitation()
  if (!get().prefs.stepped) setPrefs({ stepped: true })
  if (get().clock?.running) await session().pause()
  if (isCursorUnit(unit)) await moveCursor(direction, unit)
  else show(await session().step(unit, direction))
}

/** To an event, both ways; seeks that come while one is under way are merged into the last. */
export async function seek(event: number): Promise<void> {
  wanted = event
  if (seeking) return
  seeking = true
  try {
    if (get().clock?.running) await session().pause()
    while (wanted !== null) {
      const target: number = wanted
      wanted = null
      const clock = await session().seek(target)
      // What booted before the floor cannot be sought.
      if (clock.event > target) useStore.setState({ floor: clock.event })
      show(clock)
    }
  } finally {
    seeking = false
  }
}

let wanted: number | null = null
let seeking = false

export async function setSpeed(index: number): Promise<void> {
  const speed = Math.min(SPEED_COUNT - 1, Math.max(0, index))
  setPrefs({ speed })
  await session().setSpeed(speed)
}

/** '12.345 678 ms'-like text for a virtual time: the unit fits the size. */
export function timeText(ns: number): string {
  if (ns < 1e3) return `${ns} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} µs`
  if (ns < 1e9) return `${(ns / 1e6).toFixed(3)} ms`
  return `${(ns / 1e9).toFixed(4)} s`
}

/** The invitation of the first minute is taken or waved away, for good. */
export function acceptInvitation(): void {
  if (!get().prefs.invited) setPrefs({ invited: true })
}
