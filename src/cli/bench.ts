/**
 * `npm run bench`: figures of the engine. Every speed is a ratio to a reference of the same run, because machines
 * differ and are noisy; what a row models is printed before it.
 */
import { benchHops } from './bench/hops.ts'
import { benchQueue } from './bench/queue.ts'
import { type Row, rowText } from './bench/report.ts'

const SECTIONS: readonly { title: string; run: () => Row[] }[] = [
  {
    title:
      'Traced hops: UDP packets of 84 bytes around rings of routers (receive, route look-up, TTL, neighbour, transmit, ' +
      'cable), every step recorded; against a packed-record loop that does a look-up, counters, TTL and four records',
    run: benchHops,
  },
  {
    title: 'Event queue: hold operations (pop one, push one) with delays as a lab has them',
    run: benchQueue,
  },
]

for (const { title, run } of SECTIONS) {
  console.log(title)
  for (const row of run()) console.log(rowText(row))
}
