/** Tests only: a host whose real time moves when told to, and that keeps what was posted. */
import type { SessionHost } from './core.ts'
import type { StreamMessage } from './types.ts'

export interface TestHost extends SessionHost {
  posted: StreamMessage[]
  /** Moves real time on by `ms`, running what falls due. Each run task is charged `taskMs`. */
  advance(ms: number): void
  /** Messages of one type since the last call of `clear`. */
  of<T extends StreamMessage['type']>(type: T): Extract<StreamMessage, { type: T }>[]
  clear(): void
}

/** `tick` is what each look at the clock costs, ms. */
export function testHost(tick = 0): TestHost {
  let now = 1000
  let next = 1
  const tasks = new Map<number, { at: number; fn: () => void }>()
  const host: TestHost = {
    posted: [],
    post: (message) => {
      host.posted.push(structuredClone(message))
    },
    now: () => {
      now += tick
      return now
    },
    later: (ms, fn) => {
      tasks.set(next, { at: now + ms, fn })
      return next++
    },
    cancel: (handle) => {
      tasks.delete(handle)
    },
    advance: (ms) => {
      const end = now + ms
      for (;;) {
        const due = [...tasks].filter(([, task]) => task.at <= end).sort((a, b) => a[1].at - b[1].at)[0]
        if (due === undefined) break
        tasks.delete(due[0])
        now = Math.max(now, due[1].at)
        due[1].fn()
      }
      now = Math.max(now, end)
    },
    of: (type) => host.posted.filter((message) => message.type === type) as never,
    clear: () => {
      host.posted = []
    },
  }
  return host
}
