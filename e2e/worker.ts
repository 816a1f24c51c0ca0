/** The page's own worker, driven from a test without the page's code: Comlink's messages by hand. */
import type { Page } from '@playwright/test'
import type { ClockState } from '../src/session/types.ts'
import { openSmallest } from './labs.ts'

/** Loads the page and starts a second worker from the same file; `window.call` then calls the session. */
export async function startWorker(page: Page): Promise<void> {
  const found = page.waitForEvent('worker', (worker) => /worker/.test(worker.url()))
  await openSmallest(page)
  const url = (await found).url()
  await page.evaluate((file) => {
    const worker = new Worker(file, { type: 'module' })
    const waiting = new Map<string, (answer: unknown) => void>()
    let next = 1
    worker.onmessage = ({ data }) => {
      waiting.get(data?.id)?.(data.value)
      waiting.delete(data?.id)
    }
    const call = (name: string, ...values: unknown[]) =>
      new Promise((resolve) => {
        const id = `test-${next++}`
        waiting.set(id, resolve)
        const argumentList = values.map((value) => ({ type: 'RAW', value }))
        worker.postMessage({ id, type: 'APPLY', path: [name], argumentList })
      })
    Object.assign(window, { call })
  }, url)
}

/** One call of the session in the worker that `startWorker` started. */
export function call<T>(page: Page, name: string, ...values: unknown[]): Promise<T> {
  return page.evaluate(
    ([method, args]) => {
      const { call } = window as unknown as { call(name: string, ...values: unknown[]): Promise<unknown> }
      return call(method as string, ...(args as unknown[]))
    },
    [name, values] as const,
  ) as Promise<T>
}

/** Milliseconds from asking for a pause, in the page, until the worker says that it stands still. */
export function pauseTime(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { call } = window as unknown as { call(name: string): Promise<unknown> }
    const began = performance.now()
    await call('pause')
    return performance.now() - began
  })
}

export type Clock = ClockState
