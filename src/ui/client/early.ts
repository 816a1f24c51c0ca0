/**
 * The worker, and when it starts: the picture of the first lab came with the page and is drawn before it; where there
 * is work of the person's to open, it loads and compiles beside React instead of after it.
 * Only this file knows where the worker's script is.
 */

const waiting: Worker[] = []
const OWN = 'kubehop.own'
const AHEAD = 'kubehop.ahead'

/** Starts a worker for whoever asks first. */
export function startEarly(): void {
  waiting.push(makeWorker())
}

/** The worker that was started early, once; then new ones. */
export function takeWorker(): Worker {
  return waiting.pop() ?? makeWorker()
}

/** Whether something else than the first lab was open last; known before storage can be asked. */
export function hasOwnWork(): boolean {
  try {
    return (localStorage.getItem(OWN) ?? localStorage.getItem(AHEAD)) !== null
  } catch {
    return false
  }
}

export function rememberOwnWork(own: boolean): void {
  try {
    if (own) localStorage.setItem(OWN, '1')
    else localStorage.removeItem(OWN)
  } catch {
    // Where storage is refused there is no work to open either.
  }
}

/** Writes a change down at once, before a reload that may follow it; storage that takes its time takes it over. */
export function writeAhead(saved: string): void {
  try {
    localStorage.setItem(AHEAD, saved)
  } catch {
    // Too long for it: what was written before is older than what storage is about to hold.
    doneAhead()
  }
}

/** What was written ahead and not taken over. */
export function readAhead(): string | null {
  try {
    return localStorage.getItem(AHEAD)
  } catch {
    return null
  }
}

/** What was written ahead is in storage. */
export function doneAhead(): void {
  try {
    localStorage.removeItem(AHEAD)
  } catch {
    // Refused: nothing was written.
  }
}

function makeWorker(): Worker {
  return new Worker(new URL('../../session/worker.ts', import.meta.url), { type: 'module' })
}
