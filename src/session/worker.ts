/** The Web Worker: the session behind Comlink, its streams by a port that the page hands over. Errors become data. */
import * as Comlink from 'comlink'
import { createSession } from './local.ts'

/** setTimeout waits at least 4 ms when nested; a message to oneself does not wait and lets other messages in. */
const soon = new MessageChannel()
const waiting = new Map<number, () => void>()
let next = 1

soon.port1.onmessage = (event: MessageEvent<number>) => run(event.data)

const session = createSession({
  // Until the page has handed over a port nobody listens.
  post: () => undefined,
  now: () => performance.now(),
  later: (ms, fn) => {
    const handle = next++
    waiting.set(handle, fn)
    if (ms < 1) soon.port2.postMessage(handle)
    else setTimeout(run, ms, handle)
    return handle
  },
  cancel: (handle) => {
    waiting.delete(handle)
  },
})

// A failure outside a call (there should be none) must not end the worker.
self.addEventListener('error', (event) => event.preventDefault())
self.addEventListener('unhandledrejection', (event) => event.preventDefault())

Comlink.expose(session)

function run(handle: number): void {
  const fn = waiting.get(handle)
  waiting.delete(handle)
  fn?.()
}
