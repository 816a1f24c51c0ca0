import { describe, expect, it } from 'vitest'
import type { Inspection, TableView, TraceSummary } from '../../view/types.ts'
import { readNote } from './Forms.tsx'
import { filterTraces } from './TracesPanel.tsx'
import { changesBetween } from './useChanges.ts'

const table = (rows: [string, string][]): TableView => ({
  id: 'neigh',
  command: 'ip neigh',
  columns: ['neigh'],
  rows: rows.map(([ref, text]) => ({ ref, cells: [text] })),
  text: '',
})
const inspection = (event: number, rows: [string, string][]): Inspection => ({
  subject: 'a',
  kind: 'room',
  title: 'a',
  at: 0,
  event,
  notes: [],
  tables: [table(rows)],
})

describe('rows that changed', () => {
  it('are the new ones and those whose text differs', () => {
    const before = inspection(1, [
      ['neigh/1', 'INCOMPLETE'],
      ['neigh/2', 'STALE'],
    ])
    const after = inspection(2, [
      ['neigh/1', 'REACHABLE'],
      ['neigh/2', 'STALE'],
      ['neigh/3', 'DELAY'],
    ])
    expect([...changesBetween(before, after).get('neigh')!]).toEqual(['neigh/1', 'neigh/3'])
    expect(changesBetween(after, after).size).toBe(0)
  })
})

describe('the list of packets', () => {
  const trace = (id: number, proto: TraceSummary['proto'], label: string, reason = '') =>
    ({
      id,
      proto,
      label,
      reason,
      src: '',
      dst: '',
      disposition: reason ? 'DROPPED' : 'ACCEPTED',
    }) as TraceSummary
  const all = [
    trace(1, 'arp', 'ARP who-has 10.0.0.2'),
    trace(2, 'icmp', 'ICMP echo request 10.0.0.1 > 10.0.0.2', 'NEIGH_FAILED'),
    trace(3, 'icmp', 'ICMP echo reply 10.0.0.2 > 10.0.0.1'),
  ]
  const ids = (proto: string, text: string) => filterTraces(all, proto, text).map((one) => one.id)

  it('shows the newest first', () => expect(ids('', '')).toEqual([3, 2, 1]))
  it('is filtered by protocol', () => expect(ids('icmp', '')).toEqual([3, 2]))
  it('is filtered by all words, in any case', () => expect(ids('', 'Echo REPLY')).toEqual([3]))
  it('finds drop reasons', () => expect(ids('', 'neigh_failed')).toEqual([2]))
})

describe('a cable’s note', () => {
  it('gives its numbers back to the form', () => {
    expect(readNote('latency 20 ms, loss 10 %, 5 Mbit/s')).toEqual({
      latencyMs: '20',
      lossPercent: '10',
      rateMbit: '5',
    })
    expect(readNote('')).toEqual({})
  })
})
