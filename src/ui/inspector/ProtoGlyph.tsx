/** The protocol's shape and colour, hollow for answers, as on the canvas. */
import { isAnswer } from '../client/flights.ts'
import type { TraceSummary } from '../../view/types.ts'

type Proto = TraceSummary['proto']

export function ProtoGlyph({ proto, label }: { proto: Proto; label: string }) {
  const colour = `var(--${proto === 'icmp6' ? 'icmp' : proto})`
  return (
    <svg
      className="proto-glyph"
      viewBox="0 0 14 14"
      aria-hidden="true"
      style={isAnswer(label) ? { fill: 'var(--panel)', stroke: colour, strokeWidth: 1.8 } : { fill: colour }}
    >
      {shape(proto)}
      {proto === 'dns' && <circle cx="7" cy="9.2" r="1.7" style={{ fill: 'var(--panel)' }} />}
    </svg>
  )
}

function shape(proto: Proto) {
  switch (proto) {
    case 'arp':
      return <path d="M7 1 13 7 7 13 1 7Z" />
    case 'icmp':
    case 'icmp6':
      return <circle cx="7" cy="7" r="5.5" />
    case 'tcp':
      return <rect x="2" y="2" width="10" height="10" />
    case 'udp':
    case 'dns':
      return <path d="M7 1.5 13 12.5H1Z" />
    case 'stp':
      return <path d="M4 2h6l3 5-3 5H4L1 7Z" />
    default:
      return <path d="M5.5 2h3v3.5H12v3H8.5V12h-3V8.5H2v-3h3.5Z" />
  }
}
