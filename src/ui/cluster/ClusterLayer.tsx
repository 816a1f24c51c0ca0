/** What a cluster adds to the picture: badges of nodes, states of pods, Services with lines to their endpoints. */
import { useStore as useFlow } from '@xyflow/react'
import { CircleCheck, CircleDashed, CircleX, ShipWheel } from 'lucide-react'
import { type CSSProperties, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ClusterNodeView, ClusterPicture, ClusterPodView, ServiceView } from '../../view/kube-types.ts'
import { useCanvas } from '../canvas/canvasStore.ts'
import type { Drawing } from '../canvas/drawing.ts'
import type { Text } from '../canvas/labels.ts'
import { useLayerSlot } from '../canvas/layerSlot.ts'
import { session } from '../client/client.ts'
import { useStore } from '../client/store.ts'
import { useAtClock } from '../inspector/useAtClock.ts'
import './cluster.css'
import { refKey, showObject, useCluster } from './clusterStore.ts'

/** More than these would cover the network. */
const MAX_CHIPS = 24
const MAX_LINES = 400
/** Pods in a node's own namespace, named above it. */
const MAX_HOST = 4
/** Lines come down in the gap right of a room, and end on its edge beside its name. */
const ASIDE = 12
const NAME = 15
/** From afar badges stay so much larger than the rest, to be read. */
const LARGEST = 1.7
/** Between two rows of rooms. */
const LARGEST_STATE = 1.45
const LETTER = 6.4

export function ClusterLayer() {
  const picture = useAtClock<ClusterPicture | null>('cluster', () => session().clusterPicture())
  useEffect(() => useCluster.setState({ picture }), [picture])
  const services = useCluster((state) => state.services)
  if (picture === null) return null
  return (
    <>
      <OnMachines picture={picture} />
      {services && picture.services.length > 0 && (
        <Services all={picture.services} more={picture.moreServices} />
      )}
    </>
  )
}

function upOf(zoom: number): number {
  return Math.min(LARGEST, Math.max(1, 1 / zoom))
}

const HEAD_GAP = 3

/** Tells the canvas what the layer covers: the view makes room for it, and labels keep off it. */
function tellSizes(layer: HTMLElement, zoom: number): void {
  const heads: Record<string, { w: number; h: number }> = {}
  const texts: Text[] = []
  for (const child of layer.children) {
    const { offsetLeft, offsetTop, offsetWidth: w, offsetHeight: h, dataset } = child as HTMLElement
    if (dataset.head === undefined) {
      const up = Number((child as HTMLElement).style.getPropertyValue('--up'))
      texts.push({ x: offsetLeft - w * up, y: offsetTop, w: w * up, h: h * up, weight: 3 })
    } else {
      const up = upOf(zoom)
      heads[dataset.head] = { w, h: h + HEAD_GAP }
      texts.push({ x: offsetLeft, y: offsetTop - h * up - HEAD_GAP, w: w * up, h: h * up, weight: 3 })
    }
  }
  const before = useLayerSlot.getState().heads
  const same = JSON.stringify(before) === JSON.stringify(heads)
  useLayerSlot.setState({ heads: same ? before : heads, upOf, texts })
  if (!same) useCanvas.getState().refit()
}

/** In the drawing's coordinates, moved with it. */
function OnMachines({ picture }: { picture: ClusterPicture }) {
  const drawing = useCanvas((state) => state.drawing)
  const [x, y, zoom] = useFlow((state) => state.transform)
  const own = useRef<HTMLDivElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: what stands there changes with them
  useLayoutEffect(() => tellSizes(own.current!, zoom), [picture, drawing, zoom])
  return (
    <div
      ref={own}
      className="on-machines"
      style={
        {
          transform: `translate(${x}px, ${y}px) scale(${zoom})`,
          '--up': upOf(zoom),
        } as CSSProperties
      }
    >
      {picture.nodes.map((node) => (
        <NodeHead
          key={node.machine}
          node={node}
          pods={picture.pods.filter((pod) => pod.hostNetwork && pod.node === node.machine)}
          drawing={drawing}
        />
      ))}
      {zoom >= 0.4 &&
        picture.pods.map((pod) => <PodState key={refKey(pod.ref)} pod={pod} drawing={drawing} zoom={zoom} />)}
    </div>
  )
}

/** Whether a packet is chosen whose path does not come by a room, or by a machine. */
function useOffTrail(id: string): boolean {
  return useStore(
    ({ chosenTraceView: trace }) =>
      trace !== null && !trace.hops.some(({ room }) => room === id || room.startsWith(`${id}.`)),
  )
}

/** Above a machine: that it is a node, and its pods that have no room of their own. */
function NodeHead(props: { node: ClusterNodeView; pods: ClusterPodView[]; drawing: Drawing }) {
  const { node, pods, drawing } = props
  const place = drawing.places[node.machine]
  const off = useOffTrail(node.machine)
  if (!drawing.boxes[node.machine] || !place) return null
  return (
    <div
      className={`node-head ${off ? 'faded' : ''}`}
      data-head={node.machine}
      style={{ left: place.x, top: place.y }}
    >
      <NodeBadge node={node} />
      {pods.slice(0, MAX_HOST).map((pod) => (
        <button
          key={refKey(pod.ref)}
          type="button"
          className={`host-pod ${pod.ready ? 'ready' : ''}`}
          title={`${pod.ref.namespace}/${pod.ref.name}  hostNetwork  ${pod.ip}`}
          onClick={() => showObject(pod.ref)}
        >
          <PodWords pod={pod} named />
        </button>
      ))}
      {pods.length > MAX_HOST && <span className="host-pod quiet">+{pods.length - MAX_HOST}</span>}
    </div>
  )
}

function NodeBadge({ node }: { node: ClusterNodeView }) {
  const { t } = useTranslation('cluster')
  const state = node.state === '' ? t('unregistered') : t(`state_${node.state}`)
  const Icon = node.state === 'Ready' ? CircleCheck : node.state === 'NotReady' ? CircleX : CircleDashed
  const ref = { resource: 'nodes', kind: 'Node', namespace: '', name: node.machine }
  return (
    <button type="button" className={`node-badge ${node.state}`} onClick={() => showObject(ref)}>
      <ShipWheel aria-hidden="true" />
      <span>{t(node.role === 'worker' ? 'worker' : 'controlPlane')}</span>
      <Icon aria-hidden="true" className="state-icon" />
      <span>{node.schedulable ? state : `${state}, SchedulingDisabled`}</span>
      {node.many && <span>{t('podsOf', { ready: node.readyPods, count: node.pods })}</span>}
    </button>
  )
}

/** Below its room, left of its wire: what kubectl calls the STATUS, ready or not by shape. */
function PodState({ pod, drawing, zoom }: { pod: ClusterPodView; drawing: Drawing; zoom: number }) {
  const [box, place] = [drawing.boxes[pod.node], drawing.places[pod.node]]
  const room = box?.rooms.find((one) => one.room.id === pod.room)
  const off = useOffTrail(pod.room)
  if (!place || !room) return null
  // Larger from afar, as long as it stays under its room.
  const wide = pod.status.length * LETTER + 28
  const fits = room.w / 2 / wide
  return (
    <button
      type="button"
      className={`pod-state ${pod.ready ? 'ready' : ''} ${off ? 'faded' : ''}`}
      style={
        {
          // A long one comes over the wire rather than out of its node.
          left: place.x + Math.max(room.x + room.w / 2 - 8, wide + 4),
          top: place.y + room.y + room.h + 8,
          '--up': Math.max(1, Math.min(LARGEST_STATE, 1 / zoom, fits)),
        } as CSSProperties
      }
      title={`${pod.ref.namespace}/${pod.ref.name}  ${pod.ip}`}
      onClick={() => showObject(pod.ref)}
    >
      <PodWords pod={pod} />
    </button>
  )
}

function PodWords({ pod, named = false }: { pod: ClusterPodView; named?: boolean }) {
  const { t } = useTranslation('cluster')
  const ready = t(pod.ready ? 'ready' : 'notReady')
  return (
    <>
      <span aria-hidden="true">{pod.ready ? '●' : '○'}</span>
      {named && <strong>{pod.ref.name}</strong>}
      <span>{pod.status}</span>
      <span className="sr-only">{named ? ready : `${pod.ref.name}, ${ready}`}</span>
    </>
  )
}

/** Chips above the network, each with lines to the rooms of its endpoints: ready ones solid, others dashed. */
function Services({ all, more }: { all: ServiceView[]; more: number }) {
  const { t } = useTranslation('cluster')
  const strip = useRef<HTMLUListElement>(null)
  const trail = useStore((state) => state.chosenTraceView !== null)
  const under = useCluster((state) => state.under)
  const shown = [...all].sort((a, b) => Number(isSystem(a)) - Number(isSystem(b))).slice(0, MAX_CHIPS)
  const feet = useFeet(strip, shown)
  return (
    <>
      <Lines services={shown} feet={feet} under={under} />
      <ul
        ref={strip}
        className={`service-strip ${trail ? 'lower' : ''}`}
        aria-label={t('services')}
        onPointerLeave={() => useCluster.setState({ under: '' })}
      >
        {shown.map((service) => (
          <Chip
            key={refKey(service.ref)}
            service={service}
            faded={under !== '' && under !== refKey(service.ref)}
          />
        ))}
        {all.length + more > shown.length && <li className="quiet">+{all.length + more - shown.length}</li>}
      </ul>
    </>
  )
}

function Chip({ service, faded }: { service: ServiceView; faded: boolean }) {
  const { t } = useTranslation('cluster')
  const { ref, clusterIp, ports, ready, count } = service
  const key = refKey(ref)
  const point = () => useCluster.setState({ under: key })
  return (
    <li data-service={key}>
      <button
        type="button"
        className={`service-chip ${faded ? 'faded' : ''}`}
        title={`${ref.namespace}/${ref.name}\n${service.type} ${clusterIp} ${ports}`}
        onPointerEnter={point}
        onFocus={point}
        onBlur={() => useCluster.setState({ under: '' })}
        onClick={() => showObject(ref, 'chain')}
      >
        <strong>{ref.name}</strong>
        {!isSystem(service) && <span className="mono">{clusterIp}</span>}
        <span className="mono quiet">{`${ready}/${count}`}</span>
        <span className="sr-only">{t('readyOf', { ready, count })}</span>
      </button>
    </li>
  )
}

/** What every cluster has: told more briefly, its lines are shown when it is pointed at. */
function isSystem({ ref }: ServiceView): boolean {
  return ref.namespace === 'kube-system' || (ref.namespace === 'default' && ref.name === 'kubernetes')
}

type Feet = ReadonlyMap<string, { x: number; y: number }>

/** The middle of each chip's lower edge, in the pane's pixels. */
function useFeet(strip: React.RefObject<HTMLUListElement | null>, shown: readonly ServiceView[]): Feet {
  const [feet, setFeet] = useState<Feet>(new Map())
  const names = shown.map(({ ref, clusterIp, endpoints }) => `${refKey(ref)}${clusterIp}${endpoints.length}`)
  const all = names.join()
  // biome-ignore lint/correctness/useExhaustiveDependencies: chips move when there are others
  useLayoutEffect(() => {
    const list = strip.current
    if (!list) return
    const measure = () => {
      const from = list.parentElement!.getBoundingClientRect()
      const ends = list.getBoundingClientRect()
      const found = [...list.querySelectorAll<HTMLElement>('[data-service]')].map((chip) => {
        const { left, width, bottom } = chip.getBoundingClientRect()
        // A chip that is scrolled away stands at the strip's end.
        const x = Math.min(ends.right - 6, Math.max(ends.left + 6, left + width / 2))
        return [chip.dataset.service!, { x: x - from.left, y: bottom - from.top }] as const
      })
      setFeet(new Map(found))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(list)
    list.addEventListener('scroll', measure)
    return () => {
      observer.disconnect()
      list.removeEventListener('scroll', measure)
    }
  }, [strip, all])
  return feet
}

function Lines(props: { services: readonly ServiceView[]; feet: Feet; under: string }) {
  const { services, feet, under } = props
  const drawing = useCanvas((state) => state.drawing)
  const [x, y, zoom] = useFlow((state) => state.transform)
  const lines = services.flatMap((service) => {
    const { ref, endpoints } = service
    const key = refKey(ref)
    const foot = feet.get(key)
    if (!foot || (isSystem(service) && under !== key)) return []
    return endpoints.flatMap(({ room, ip, ready, terminating }) => {
      const head = headOf(drawing, room)
      if (!head) return []
      const to = { x: head.x * zoom + x, y: head.y * zoom + y }
      const kind = ready ? 'ready' : terminating ? 'terminating' : 'waiting'
      const d = lineTo(foot, to, to.x + ASIDE * zoom, zoom)
      return [{ id: `${key} ${ip} ${room}`, d, to, kind, off: under !== '' && under !== key }]
    })
  })
  return (
    <svg className="service-lines" aria-hidden="true">
      {lines.slice(0, MAX_LINES).map(({ id, d, to, kind, off }) => (
        <g key={id} className={`${kind} ${off ? 'faded' : ''}`}>
          <path d={d} />
          <circle cx={to.x} cy={to.y} r={3.5} />
        </g>
      ))}
    </svg>
  )
}

/** From a chip down beside the rooms and in from the right: over no other room of its column. */
function lineTo(
  foot: { x: number; y: number },
  to: { x: number; y: number },
  side: number,
  zoom: number,
): string {
  const turn = to.y - 12 * zoom
  const level = Math.min(turn, foot.y + 44)
  const bend = Math.max(16, (level - foot.y) / 2)
  const down = `C${foot.x} ${foot.y + bend} ${side} ${level - bend} ${side} ${level}V${turn}`
  return `M${foot.x} ${foot.y}${down}Q${side} ${to.y} ${to.x} ${to.y}`
}

/** On a room's right edge; a machine's own room is its frame. */
function headOf(drawing: Drawing, room: string): { x: number; y: number } | null {
  const machine = room.split('.')[0]!
  const [box, place] = [drawing.boxes[machine], drawing.places[machine]]
  if (!box || !place || room === '') return null
  const own = box.rooms.find((one) => one.room.id === room)
  if (own) return { x: place.x + own.x + own.w, y: place.y + own.y + NAME }
  return { x: place.x + box.w, y: place.y + box.top + NAME }
}
