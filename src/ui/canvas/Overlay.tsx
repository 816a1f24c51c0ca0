/**
 * The canvas above React Flow that holds whatever moves. React renders it once; it paints itself,
 * as soon as the network stands and the script that paints has come behind it.
 */
import { useStoreApi } from '@xyflow/react'
import i18next from 'i18next'
import { useEffect, useRef } from 'react'
import type { DropMark } from '../../session/types.ts'
import { board, forget, ratesAt, shownTime } from '../client/flights.ts'
import { SPEED_COUNT } from '../client/speeds.ts'
import { useCursor } from '../client/cursor.ts'
import { useStore } from '../client/store.ts'
import { useBranch } from '../inspector/bytesStore.ts'
import { useAwake } from '../frame/useAwake.ts'
import { useCanvas } from './canvasStore.ts'
import { useLayerSlot } from './layerSlot.ts'
import type { Frame } from './paint.ts'
import type { Sprites } from './sprites.ts'

/** Labels are read at the four slow speeds, and always while the clock stands. */
const LABEL_SPEEDS = 4
const GLYPH = 12
/** Height of the invitation of the first minute with its margin. */
const INVITATION = 56

export function Overlay() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const flow = useStoreApi()
  const awake = useAwake('lab')
  useEffect(() => {
    if (!awake) return
    let stop: (() => void) | null = null
    let gone = false
    void Promise.all([import('./paint.ts'), import('./sprites.ts')]).then(([{ paint }, { makeSprites }]) => {
      if (!gone) stop = follow(canvas.current!, flow, paint, makeSprites)
    })
    return () => {
      gone = true
      stop?.()
    }
  }, [awake, flow])
  // The object tree and the player's sentence say the same in words.
  return <canvas ref={canvas} className="overlay" />
}

/** Paints every frame in which something has changed; answers a function that stops. */
function follow(
  element: HTMLCanvasElement,
  flow: ReturnType<typeof useStoreApi>,
  paint: (frame: Frame) => boolean,
  makeSprites: (size: number, ratio: number) => Sprites,
): () => void {
  const c = element.getContext('2d')!
  const still = matchMedia('(prefers-reduced-motion: reduce)')
  const dropAge = new WeakMap<DropMark, number>()
  let lastFrame = performance.now()
  let sprites: Sprites | null = null
  let spriteKey = ''
  let painted = ''
  let wanted = true
  let handle = 0
  const tick = () => {
    handle = requestAnimationFrame(tick)
    const realNow = performance.now()
    const { transform, width, height } = flow.getState()
    const { drawing } = useCanvas.getState()
    const { prefs, chosenTraceView } = useStore.getState()
    const now = shownTime(board, realNow)
    const running = board.clock?.running ?? false
    const fastest = running && board.clock?.speed === SPEED_COUNT - 1
    const rates = fastest ? ratesAt(board.tally, realNow) : []
    const theme = document.documentElement.dataset.theme
    const { cursor } = useCursor.getState()
    const { branch } = useBranch.getState()
    const key = `${cursor?.event} ${cursor?.index} ${branch?.event} ${transform} ${width} ${height} ${now} ${drawing.version} ${board.flights.length} ${board.drops.length} ${chosenTraceView?.id} ${chosenTraceView?.nHops} ${theme} ${prefs.present} ${prefs.layers.packets} ${prefs.layers.labels} ${prefs.speed} ${prefs.invited} ${running} ${rates.length}`
    if (key === painted && !wanted) return
    painted = key
    const foot = prefs.invited ? 0 : INVITATION
    const ratio = devicePixelRatio
    const scale = prefs.present ? 1.6 : 1
    if (`${theme} ${ratio} ${scale}` !== spriteKey || !sprites) {
      spriteKey = `${theme} ${ratio} ${scale}`
      sprites = makeSprites(GLYPH * scale, ratio)
    }
    resize(element, width, height, ratio)
    const frame: Frame = {
      c,
      view: { x: transform[0], y: transform[1], zoom: transform[2], width, height, ratio, foot },
      drawing,
      board: prefs.layers.packets ? board : { ...board, flights: [], drops: [] },
      sprites,
      now,
      realNow,
      labels: prefs.layers.labels && (prefs.speed < LABEL_SPEEDS || !running),
      texts: useLayerSlot.getState().texts,
      still: still.matches,
      trace: chosenTraceView,
      branch: branchShown(chosenTraceView?.id),
      untold: untoldEvent(),
      font: 11 * scale,
      dropAge,
      elapsed: realNow - lastFrame,
      rates,
      running,
      flowText: (n, perSecond) => i18next.t(perSecond ? 'flowPerSecond' : 'flowRate', { ns: 'canvas', n }),
    }
    wanted = paint(frame)
    lastFrame = realNow
    forget(board, now)
  }
  handle = requestAnimationFrame(tick)
  return () => cancelAnimationFrame(handle)
}

/** The branch of the chosen packet, from the hop of its drop on. */
function branchShown(chosen: number | undefined): Frame['branch'] {
  const { of, branch } = useBranch.getState()
  const trace = branch?.trace
  if (!trace || of !== chosen) return null
  const from = trace.hops.findIndex((hop) => hop.steps.some((step) => step.event === branch.event))
  return from < 0 ? null : { trace, from }
}

/** A loss is shown when its step is: until then the packet is on its way through the stations. */
function untoldEvent(): number {
  const { cursor } = useCursor.getState()
  const later = cursor?.steps.slice(cursor.index + 1).some((step) => step.kind === 'Drop') ?? false
  return later ? cursor!.event : -1
}

function resize(element: HTMLCanvasElement, width: number, height: number, ratio: number): void {
  const w = Math.round(width * ratio)
  const h = Math.round(height * ratio)
  if (element.width === w && element.height === h) return
  element.width = w
  element.height = h
  element.style.width = `${width}px`
  element.style.height = `${height}px`
}
