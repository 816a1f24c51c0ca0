/** The page's side of the session: the worker, the calls (Comlink) and the stream (one MessagePort) into the store. */
import { type Remote, transfer, wrap } from 'comlink'
import type { Session, StreamMessage } from '../../session/types.ts'
import type { Scene } from '../../view/types.ts'
import { takeWorker } from './early.ts'
import { addFlights, board } from './flights.ts'
import { applyDiff, sameScene, wholeScene } from './scene.ts'
import { SPEED_COUNT } from './speeds.ts'
import { useStore } from './store.ts'

type TtyListener = (text: string, reset: boolean) => void
type RecordsListener = (words: Uint32Array, n: number) => void

interface Wire {
  worker: Worker
  session: Remote<Session>
  port: MessagePort
  watchdog: ReturnType<typeof setInterval>
}

let wire: Wire | null = null
const ttyListeners = new Map<number, Set<TtyListener>>()
const recordListeners = new Set<RecordsListener>()

const PING_EVERY = 2500
const PING_PATIENCE = 5000

/** Starts (or starts anew) the worker. Nothing is open yet afterwards. */
export function startSession(): void {
  stopSession()
  const worker = takeWorker()
  const session = wrap<Session>(worker)
  const channel = new MessageChannel()
  channel.port1.onmessage = (event: MessageEvent<StreamMessage>) => receive(event.data, channel.port1)
  void session.connect(transfer(channel.port2, [channel.port2]))
  worker.onerror = () => useStore.setState({ status: 'lost' })
  wire = { worker, session, port: channel.port1, watchdog: watch(session) }
  useStore.setState({ status: 'starting' })
}

/** The running session; every call answers with a promise. Starts the worker at the first use. */
export function session(): Remote<Session> {
  if (!wire) startSession()
  return wire!.session
}

/** Calls `listener` with what a terminal prints from now on; answers a function that stops it. */
export function onTty(tty: number, listener: TtyListener): () => void {
  const set = ttyListeners.get(tty) ?? new Set<TtyListener>()
  set.add(listener)
  ttyListeners.set(tty, set)
  return () => {
    set.delete(listener)
  }
}

/** Calls `listener` with every batch of trace records (net/trace.ts has the layout: 8 words each). */
export function onRecords(listener: RecordsListener): () => void {
  recordListeners.add(listener)
  return () => {
    recordListeners.delete(listener)
  }
}

/** Opens a terminal in a room and shows it in the dock. */
export async function openTerminal(room: string): Promise<number> {
  const tty = await session().openTerminal(room)
  const { terminals } = useStore.getState()
  if (!terminals.some((terminal) => terminal.tty === tty)) {
    useStore.setState({ terminals: [...terminals, { tty, room }] })
  }
  useStore.setState({ activeTty: tty })
  return tty
}

export async function closeTerminal(tty: number): Promise<void> {
  await session().closeTerminal(tty)
  forgetTerminal(tty)
}

/** Chooses the trace whose path is drawn and fetches its hops; null chooses none. */
export async function chooseTrace(id: number | null): Promise<void> {
  useStore.setState({ chosenTrace: id, chosenTraceView: null })
  if (id === null) return
  const view = await session().trace(id)
  if (useStore.getState().chosenTrace === id) useStore.setState({ chosenTraceView: view })
}

const FOLLOW_EVERY = 400
let followedAt = 0

/** A chosen packet that is still on its way grows its path. */
function followChosen(): void {
  const { chosenTrace, chosenTraceView } = useStore.getState()
  if (chosenTrace === null || chosenTraceView?.disposition !== 'IN_FLIGHT') return
  const now = performance.now()
  if (now - followedAt < FOLLOW_EVERY) return
  followedAt = now
  void session()
    .trace(chosenTrace)
    .then((view) => {
      if (view && useStore.getState().chosenTrace === chosenTrace)
        useStore.setState({ chosenTraceView: view })
    })
}

function stopSession(): void {
  if (!wire) return
  clearInterval(wire.watchdog)
  wire.port.close()
  wire.worker.terminate()
  wire = null
  ttyListeners.clear()
  useStore.setState({ terminals: [], activeTty: null, chosenTrace: null, chosenTraceView: null })
}

/** Offers a restart (status 'lost') where the worker leaves a question unanswered for too long. */
function watch(remote: Remote<Session>): ReturnType<typeof setInterval> {
  let askedAt = 0
  return setInterval(() => {
    if (document.hidden) {
      askedAt = 0
      return
    }
    const now = performance.now()
    if (askedAt > 0) {
      if (now - askedAt > PING_PATIENCE) useStore.setState({ status: 'lost' })
      return
    }
    askedAt = now
    void remote.state().then(
      () => {
        askedAt = 0
        if (useStore.getState().status === 'lost') useStore.setState({ status: 'ready' })
      },
      () => useStore.setState({ status: 'lost' }),
    )
  }, PING_EVERY)
}

function receive(message: StreamMessage, port: MessagePort): void {
  switch (message.type) {
    case 'clock':
      board.clock = message.state
      board.segment = message.segment
      board.segmentBegan = performance.now()
      useStore.setState({ clock: message.state })
      followChosen()
      break
    case 'scene':
      useStore.setState({ scene: applyDiff(useStore.getState().scene, message.diff) })
      break
    case 'reset':
      if (isBeforeFirst(message.scene)) break
      board.flights = []
      board.drops = []
      board.crossed.clear()
      board.tally = { began: performance.now(), counts: new Map(), rates: [] }
      addFlights(board, message.flights, [], 0, false)
      board.clock = message.state
      board.segment = null
      useStore.setState({
        scene: sceneAfter(message.scene),
        clock: message.state,
        floor: floorAfter(message.scene, message.state.event),
        now: null,
      })
      break
    case 'flights':
      addFlights(
        board,
        message.flights,
        message.drops,
        message.omitted,
        board.clock?.speed === SPEED_COUNT - 1,
      )
      port.postMessage({ type: 'ack', seq: message.seq })
      break
    case 'records': {
      const words = new Uint32Array(message.buffer)
      for (const listener of recordListeners) listener(words, message.n)
      port.postMessage({ type: 'ack', seq: message.seq })
      break
    }
    case 'tty':
      for (const listener of ttyListeners.get(message.tty) ?? []) listener(message.text, message.reset)
      break
    case 'editing':
      useStore.setState(({ openFiles }) => ({ openFiles: { ...openFiles, [message.tty]: message.file } }))
      break
    case 'ttyClosed':
      forgetTerminal(message.tty)
      break
    case 'now':
      useStore.setState({ now: message })
      break
    case 'marks':
      useStore.setState({ marks: message.marks })
      break
  }
}

/** The session begins with nothing open; the picture that the page came with stays until its own is there. */
function isBeforeFirst(scene: Scene): boolean {
  const { status, scene: shown } = useStore.getState()
  return status === 'starting' && scene.machines.length === 0 && shown.order.length > 0
}

function sceneAfter(scene: Scene) {
  const { status, scene: shown } = useStore.getState()
  return status === 'starting' && sameScene(shown, scene) ? shown : wholeScene(shown, scene)
}

/** The session's empty beginning does not count. */
function floorAfter(scene: Scene, event: number): number | null {
  const { floor } = useStore.getState()
  return scene.machines.length === 0 ? floor : Math.min(floor ?? event, event)
}

function forgetTerminal(tty: number): void {
  ttyListeners.delete(tty)
  const state = useStore.getState()
  const terminals = state.terminals.filter((terminal) => terminal.tty !== tty)
  const activeTty = state.activeTty === tty ? (terminals.at(-1)?.tty ?? null) : state.activeTty
  useStore.setState({ terminals, activeTty, openFiles: { ...state.openFiles, [tty]: null } })
}
