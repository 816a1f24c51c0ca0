/** The canvas: React Flow holds machines and wires, one overlay canvas above it holds whatever moves. */
import {
  Background,
  BackgroundVariant,
  ConnectionMode,
  type EdgeTypes,
  type FinalConnectionState,
  type NodeChange,
  type NodeTypes,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
  useStore as useFlow,
  useStoreApi,
} from '@xyflow/react'
import '@xyflow/react/dist/base.css'
import { useCallback, useEffect, useMemo, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { edit } from '../client/document.ts'
import { select, useStore } from '../client/store.ts'
import './canvas.css'
import { CanvasTools } from './CanvasTools.tsx'
import { ownPlaces } from './drawing.ts'
import { followScene, moveOnPicture, useCanvas } from './canvasStore.ts'
import { choose, endId, join, thingAt } from './choosing.ts'
import { insertAt, PALETTE_MIME } from './inserting.ts'
import { type MachineFlowNode, MachineNode } from './MachineNode.tsx'
import { lookInside, useInside } from './insideStore.ts'
import { useLayerSlot } from './layerSlot.ts'
import { Overlay } from './Overlay.tsx'
import { edgesOf, nodesOf } from './flowParts.ts'
import { aside, inSight, viewOf } from './viewOf.ts'
import { type WireFlowEdge, WireEdge } from './WireEdge.tsx'

const nodeTypes: NodeTypes = { machine: MachineNode }
const edgeTypes: EdgeTypes = { wire: WireEdge }
/** Levels of detail: below the first only tiles, above the second everything. */
const FAR = 0.4
const NEAR = 0.72
/** From here on a machine's hooks are seen; and what was chosen to look into is left below this. */
const DEEP = 2.1
const LEAVE = 0.7

/** Selecting, keys and focus are the page's own (choosing.ts, commands, the object tree). */
const SETTINGS = {
  connectionMode: ConnectionMode.Loose,
  connectionRadius: 18,
  connectOnClick: false,
  elevateNodesOnSelect: false,
  elevateEdgesOnSelect: false,
  zIndexMode: 'manual',
  onlyRenderVisibleElements: true,
  nodesFocusable: false,
  edgesFocusable: false,
  disableKeyboardA11y: true,
  deleteKeyCode: null,
  selectionKeyCode: 'Shift',
  multiSelectionKeyCode: null,
  zoomOnDoubleClick: false,
  nodeDragThreshold: 3,
  minZoom: 0.05,
  maxZoom: 3,
  attributionPosition: 'bottom-left',
  // React Flow takes in new machines before new wires: for that moment a wire's old port is missing, which it calls 008.
  onError: (id: string, message: string) => {
    if (id !== '008') console.warn(message)
  },
} as const

export function CanvasPane() {
  useEffect(followScene, [])
  return (
    <ReactFlowProvider>
      <Flow />
    </ReactFlowProvider>
  )
}

function Flow() {
  const { t } = useTranslation('canvas')
  const scene = useStore((state) => state.scene)
  const selection = useStore((state) => state.selection)
  const trace = useStore((state) => state.chosenTraceView)
  const addresses = useStore((state) => state.prefs.layers.addresses)
  const drawing = useCanvas((state) => state.drawing)
  const Layer = useLayerSlot((state) => state.Layer)
  const connecting = useCanvas((state) => state.connectFrom !== null)
  const pane = useRef<HTMLDivElement>(null)
  const lod = useFlow((state) =>
    state.transform[2] < FAR ? 'far' : state.transform[2] < NEAR ? 'middle' : 'near',
  )
  const flow = useReactFlow()
  useCanvasView(pane)
  const nodes = useMemo(() => nodesOf(scene, drawing, selection), [scene, drawing, selection])
  const edges = useMemo(() => edgesOf(drawing, selection, trace), [drawing, selection, trace])
  const { onNodesChange, onNodeDragStop } = useDragging()
  const onDrop = (event: React.DragEvent) => {
    const item = event.dataTransfer.getData(PALETTE_MIME)
    if (item === '') return
    event.preventDefault()
    const place = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY })
    void insertAt(item, place, thingAt(event.clientX, event.clientY))
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the object tree is the way of the keyboard
    <div
      ref={pane}
      className={`canvas ${trace ? 'has-trail' : ''} ${addresses ? '' : 'no-addresses'} ${connecting ? 'connecting' : ''}`}
      data-lod={lod}
      onDragOver={(event) => {
        if (event.dataTransfer.types.includes(PALETTE_MIME)) event.preventDefault()
      }}
      onDrop={onDrop}
    >
      <ReactFlow<MachineFlowNode, WireFlowEdge>
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onNodesChange={onNodesChange}
        onNodeDragStop={onNodeDragStop}
        onNodeClick={(event, node) => choose(event, node.id)}
        onEdgeClick={(event, edge) => choose(event, edge.id)}
        onPaneClick={() => select([])}
        onConnectEnd={onConnectEnd}
        {...SETTINGS}
      >
        <Background variant={BackgroundVariant.Dots} gap={24} size={1.4} color="var(--grid)" />
      </ReactFlow>
      {Layer && <Layer />}
      <Overlay />
      <Inside />
      {scene.version > 0 && scene.order.length === 0 && <p className="canvas-empty">{t('empty')}</p>}
      <CanvasTools />
    </div>
  )
}

/** What stands beside the stations of the machine that is looked into; zooming in looks into what fills the view. */
function Inside() {
  const Card = useInside((state) => (state.machine === null ? null : (state.parts?.Card ?? null)))
  const zoom = useFlow((state) => state.transform[2])
  const api = useStoreApi()
  const last = useRef(zoom)
  useEffect(() => {
    const { machine, by } = useInside.getState()
    const out = zoom < last.current
    last.current = zoom
    if (zoom >= DEEP && machine === null) {
      const { transform, width, height } = api.getState()
      const found = machineAtMiddle(transform, width, height)
      if (found) void lookInside(found, 'zoom')
    } else if (out && machine !== null && zoom < (by === 'zoom' ? DEEP - 0.3 : LEAVE))
      void lookInside(null, 'zoom')
  }, [zoom, api])
  return Card && <Card />
}

function machineAtMiddle(
  [x, y, zoom]: [number, number, number],
  width: number,
  height: number,
): string | undefined {
  const { drawing } = useCanvas.getState()
  const [mx, my] = [(width / 2 - x) / zoom, (height / 2 - y) / zoom]
  return Object.values(drawing.boxes).find(({ id, w, h }) => {
    const place = drawing.places[id]!
    return mx >= place.x && mx <= place.x + w && my >= place.y && my <= place.y + h
  })?.id
}

/** A drag from a port or room ends on whatever lies under the pointer. */
function onConnectEnd(event: MouseEvent | TouchEvent, state: FinalConnectionState): void {
  const from = state.fromHandle?.id
  const point = 'changedTouches' in event ? event.changedTouches[0]! : event
  const to = thingAt(point.clientX, point.clientY)
  if (from && to !== '') void join(endId(from), to)
}

/** Tells the canvas' store how to fit, zoom and find the middle; fits when the whole picture was replaced. */
function useCanvasView(pane: React.RefObject<HTMLDivElement | null>): void {
  const flow = useReactFlow()
  const fitRequest = useCanvas((state) => state.fitRequest)
  // Whether the view was chosen by hand: then nothing else moves it.
  const moved = useRef(false)
  useEffect(() => {
    const fitAll = () => {
      moved.current = false
      const { clientWidth, clientHeight } = pane.current!
      void flow.setViewport(viewOf(useCanvas.getState().drawing, clientWidth, clientHeight))
    }
    useCanvas.setState({
      fit: fitAll,
      refit: () => {
        if (!moved.current && useInside.getState().machine === null) fitAll()
      },
      reveal: (machine) => {
        const { boxes, places } = useCanvas.getState().drawing
        const [box, place] = [boxes[machine], places[machine]]
        if (!box || !place) return
        const { left, top, right, bottom } = pane.current!.getBoundingClientRect()
        const a = flow.flowToScreenPosition(place)
        const b = flow.flowToScreenPosition({ x: place.x + box.w, y: place.y + box.h })
        const dx = a.x < left ? left + 16 - a.x : b.x > right ? right - 16 - b.x : 0
        const dy = a.y < top ? top + 16 - a.y : b.y > bottom ? bottom - 16 - b.y : 0
        if (dx === 0 && dy === 0) return
        moved.current = true
        const { x, y, zoom } = flow.getViewport()
        void flow.setViewport({ x: x + dx, y: y + dy, zoom })
      },
      zoomBy: (factor) => {
        moved.current = true
        void flow.zoomTo(flow.getZoom() * factor)
      },
      showPart: ({ x, y, w, h }) => {
        moved.current = true
        const { clientWidth, clientHeight } = pane.current!
        const zoom = Math.min(1.5, Math.max(0.8, Math.min((clientWidth - 32) / w, (clientHeight - 72) / h)))
        const view = { x: clientWidth / 2 - (x + w / 2) * zoom, y: 48 - y * zoom, zoom }
        // Straight: a smooth way would zoom out in between.
        void flow.setViewport(view, { duration: isStill() ? 0 : 350, interpolate: 'linear' })
      },
      centre: () => {
        const box = pane.current!.getBoundingClientRect()
        return flow.screenToFlowPosition({ x: box.left + box.width / 2, y: box.top + box.height / 2 })
      },
    })
  }, [flow, pane])
  useEffect(() => {
    if (fitRequest === 0 || useInside.getState().machine !== null) return
    useCanvas.getState().fit()
  }, [fitRequest])
  useKeptInSight(pane, moved)
  useEffect(
    () =>
      useStore.subscribe((state, before) => {
        if (state.now === before.now || !state.now || moved.current || useInside.getState().machine) return
        const { clientWidth, clientHeight } = pane.current!
        const view = aside(flow.getViewport(), state.now.room, clientWidth, clientHeight)
        if (view) void flow.setViewport(view, { duration: isStill() ? 0 : 250, interpolate: 'linear' })
      }),
    [flow, pane],
  )
}

function isStill(): boolean {
  return matchMedia('(prefers-reduced-motion: reduce)').matches
}

/** A panel that opens or closes must not push the network out of sight while nobody has moved it; nor may it grow so. */
function useKeptInSight(pane: React.RefObject<HTMLDivElement | null>, moved: React.RefObject<boolean>): void {
  const api = useStoreApi()
  useEffect(() => {
    const stop = api.subscribe((state, before) => {
      if (state.userSelectionActive !== before.userSelectionActive) return
      if (state.paneDragging && !before.paneDragging) moved.current = true
    })
    const stopGrowth = useCanvas.subscribe((state, before) => {
      if (state.drawing === before.drawing || state.drawn) return
      // Who draws knows where to look.
      if (useStore.getState().doc.past.length > 0) return
      const { transform, width, height } = api.getState()
      if (!inSight(state.drawing, transform, width, height)) state.refit()
    })
    const element = pane.current!
    const onWheel = () => {
      moved.current = true
    }
    element.addEventListener('wheel', onWheel, { passive: true })
    const observer = new ResizeObserver(() => useCanvas.getState().refit())
    observer.observe(element)
    return () => {
      stop()
      stopGrowth()
      element.removeEventListener('wheel', onWheel)
      observer.disconnect()
    }
  }, [api, pane, moved])
}

/** Dragging moves the picture at once and the text on the drop. */
function useDragging() {
  const onNodesChange = useCallback((changes: NodeChange<MachineFlowNode>[]) => {
    const moved: Record<string, { x: number; y: number }> = {}
    let chosen: string[] | null = null
    for (const change of changes) {
      if (change.type === 'position' && change.position && change.dragging) moved[change.id] = change.position
      if (change.type === 'select') {
        chosen ??= useStore.getState().selection
        chosen = chosen.filter((id) => id !== change.id)
        if (change.selected) chosen = [...chosen, change.id]
      }
    }
    if (Object.keys(moved).length > 0) moveOnPicture(moved)
    if (chosen) select(chosen)
  }, [])
  const onNodeDragStop = useCallback(async (_: unknown, __: unknown, nodes: MachineFlowNode[]) => {
    for (const node of nodes) {
      const { x, y } = ownPlaces(useCanvas.getState().drawing)[node.id] ?? node.position
      await edit({ op: 'move', machine: node.id, x: Math.round(x), y: Math.round(y) })
    }
  }, [])
  return { onNodesChange, onNodeDragStop }
}
