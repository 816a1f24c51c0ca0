import type { ScenePort } from '../../view/types.ts'

/** State by shape: up filled, down hollow, no carrier crossed; a port that spanning tree blocks has a bar. */
export function PortGlyph({ port }: { port: ScenePort }) {
  const round = port.kind === 'veth' || port.kind === 'dummy'
  return (
    <svg className={`glyph ${port.state}`} width="11" height="11" viewBox="0 0 11 11" aria-hidden="true">
      <rect x="1" y="1" width="9" height="9" rx={round ? 4.5 : 1} />
      {port.state === 'no-carrier' && <path d="M2.5 2.5L8.5 8.5M8.5 2.5L2.5 8.5" />}
      {port.blocked && <path className="blocked" d="M5.5 -1V12" />}
    </svg>
  )
}
