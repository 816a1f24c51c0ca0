// What Linux 6.18 sent on idle connections with keepalive (recorded; tcpkeep.kernel.test.ts asks again).
import { expect, it } from 'vitest'
import { PORTS, SILENT, simulateKeepalive } from './tcpkeep.fixture.ts'

it('asks one byte below, gives up after the last probe with a reset', () => {
  const { segments, error } = simulateKeepalive()
  expect(error).toBe('ETIMEDOUT')
  const shake = [
    '0.00 A [S] seq 0 ack 0 len 0',
    '0.00 B [S.] seq 0 ack 1 len 0',
    '0.00 A [.] seq 1 ack 1 len 0',
  ]
  expect(segments[SILENT]).toEqual([
    ...shake,
    '2.00 A [.] seq 0 ack 1 len 0',
    '2.00 B [.] seq 1 ack 1 len 0',
    '4.00 A [.] seq 0 ack 1 len 0',
    '5.00 A [.] seq 0 ack 1 len 0',
    '6.00 A [.] seq 0 ack 1 len 0',
    '7.00 A [R.] seq 1 ack 1 len 0',
  ])
  expect(segments[PORTS[1]!]).toEqual([
    ...shake,
    '1.00 A [P.] seq 1 ack 1 len 10',
    '1.00 B [.] seq 1 ack 11 len 0',
    '3.00 A [.] seq 10 ack 1 len 0',
    '3.00 B [.] seq 1 ack 11 len 0',
    '5.00 A [.] seq 10 ack 1 len 0',
    '5.00 B [.] seq 1 ack 11 len 0',
    '7.00 A [.] seq 10 ack 1 len 0',
    '7.00 B [.] seq 1 ack 11 len 0',
  ])
})
