import { useEffect, useState } from 'react'
import { useStore } from '../client/store.ts'

/** Without a network panels wait this long for one. */
const PATIENCE_MS = 4000

/**
 * When a part's script is loaded. 'picture': once the network has been drawn (it needs no worker). 'lab': once the
 * worker has opened the lab, 'rest': a moment later, when packets already move.
 */
export type Turn = 'picture' | 'lab' | 'rest'
const WAIT_MS: Record<Turn, number> = { picture: 0, lab: 0, rest: 150 }

/**
 * After the browser has painted what is being drawn now: React Flow draws machines in the second frame. A page in the
 * background paints nothing and waits no longer than a moment.
 */
export function painted(): Promise<unknown> {
  const seen = new Promise((resolve) =>
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve))),
  )
  return Promise.race([seen, wait(500)])
}

export function wait(ms: number): Promise<unknown> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** True once it is this part's turn. */
export function useAwake(turn: Turn): boolean {
  const come = useStore((state) =>
    turn === 'picture' ? state.scene.order.length > 0 : state.status === 'ready',
  )
  const [awake, setAwake] = useState(false)
  useEffect(() => {
    if (awake) return
    let wanted = true
    const ready = come && turn === 'picture' ? painted() : wait(come ? WAIT_MS[turn] : PATIENCE_MS)
    void ready.then(() => wanted && setAwake(true))
    return () => {
      wanted = false
    }
  }, [turn, come, awake])
  return awake
}
