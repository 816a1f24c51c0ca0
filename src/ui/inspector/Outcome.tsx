/** How a trace ended, in a word; a drop with the kernel's reason. Told apart by mark and word, not by colour alone. */
import { Ban, Check, CornerDownRight, MoveRight } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { TraceSummary } from '../../view/types.ts'

export function Outcome({ trace }: { trace: Pick<TraceSummary, 'disposition' | 'reason'> }) {
  const { t } = useTranslation('inspector')
  const dropped = trace.disposition === 'DROPPED'
  const Icon = dropped
    ? Ban
    : trace.disposition === 'IN_FLIGHT'
      ? MoveRight
      : trace.disposition === 'FLOODED'
        ? CornerDownRight
        : Check
  const word = t(`end_${trace.disposition}`)
  return (
    <span className={`outcome ${dropped ? 'dropped' : ''}`}>
      <Icon aria-hidden="true" />
      {dropped ? <span className="mono">{trace.reason || word}</span> : word}
    </span>
  )
}
