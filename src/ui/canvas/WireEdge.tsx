/** A cable (solid) or a veth pair (thin double line), with its faults as text. */
import { type Edge, EdgeLabelRenderer, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import type { Wire } from './drawing.ts'

export type WireFlowEdge = Edge<{ wire: Wire; trail: 'on' | 'off' | 'none' }, 'wire'>

export const WireEdge = memo(function WireEdge({ data, selected }: EdgeProps<WireFlowEdge>) {
  const { wire, trail } = data!
  const { edge, path } = wire
  const className = `wire ${edge.kind} ${edge.up ? '' : 'down'} ${selected ? 'selected' : ''} trail-${trail}`
  return (
    <>
      <g className={className}>
        <path
          className="react-flow__edge-interaction"
          d={path.d}
          fill="none"
          strokeOpacity={0}
          strokeWidth={14}
        />
        <path className="outer" d={path.d} />
        {edge.kind === 'veth' && <path className="inner" d={path.d} />}
      </g>
      {edge.note !== '' && (
        <EdgeLabelRenderer>
          <div
            className={`wire-note trail-${trail}`}
            style={{ transform: `translate(-50%, -50%) translate(${path.mid.x}px, ${path.mid.y}px)` }}
          >
            {edge.note}
          </div>
        </EdgeLabelRenderer>
      )}
    </>
  )
})
