/** Asking the session what is true at the shown moment: at once while the clock stands, at most four times a second while it runs. */
import { useEffect, useRef, useState } from 'react'
import { useStore } from '../client/store.ts'

const EVERY_MS = 250

/**
 * The answer to `ask`, asked anew when `subject`, the moment or the lab's text changes. The last answer stays until
 * the next one comes; null before the first one of a subject.
 */
export function useAtClock<T>(subject: string, ask: () => Promise<T>): T | null {
  const [answer, setAnswer] = useState<{ subject: string; value: T } | null>(null)
  const asker = useRef<Asker | null>(null)
  const latest = useRef(ask)
  latest.current = ask
  useEffect(() => {
    const own = createAsker(async () => {
      const value = await latest.current()
      if (asker.current === own) setAnswer({ subject, value })
    })
    asker.current = own
    own.want(true)
    const stop = useStore.subscribe((state, before) => {
      // An answer now would bring the seek to its end at once.
      if (state.clock?.travelling) return
      const moved =
        before.clock?.travelling ||
        state.clock?.event !== before.clock?.event ||
        state.clock?.now !== before.clock?.now
      const edited = state.doc.text !== before.doc.text
      if (moved || edited || state.scene !== before.scene) own.want(!state.clock?.running)
    })
    // Between two events timeouts count down.
    const beat = setInterval(() => {
      if (useStore.getState().clock?.running) own.want(false)
    }, EVERY_MS * 2)
    return () => {
      stop()
      clearInterval(beat)
      own.stop()
      if (asker.current === own) asker.current = null
    }
  }, [subject])
  return answer?.subject === subject ? answer.value : null
}

interface Asker {
  want: (now: boolean) => void
  stop: () => void
}

/** One question at a time; what is wanted meanwhile is asked afterwards. */
function createAsker(ask: () => Promise<void>): Asker {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking = false
  let again = false
  let last = Number.NEGATIVE_INFINITY
  let stopped = false
  const go = async () => {
    timer = undefined
    if (asking || stopped) {
      again = asking
      return
    }
    asking = true
    last = performance.now()
    try {
      await ask()
    } catch {
      // The worker was restarted while it was asked: the next moment asks again.
    }
    asking = false
    if (again && !stopped) {
      again = false
      want(false)
    }
  }
  const want = (now: boolean) => {
    if (stopped) return
    if (now) {
      clearTimeout(timer)
      void go()
      return
    }
    timer ??= setTimeout(go, Math.max(0, last + EVERY_MS - performance.now()))
  }
  return {
    want,
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
