/**
 * The worker, started by the page's first script: it loads and compiles beside React instead of after it.
 * Only this file knows where the worker's script is.
 */

const waiting: Worker[] = []

/** Starts a worker for whoever asks first. */
export function startEarly(): void {
  waiting.push(makeWorker())
}

/** The worker that was started early, once; then new ones. */
export function takeWorker(): Worker {
  return waiting.pop() ?? makeWorker()
}

function makeWorker(): Worker {
  return new Worker(new URL('../../session/worker.ts', import.meta.url), { type: 'module' })
}
