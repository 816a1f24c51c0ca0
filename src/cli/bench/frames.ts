/** Frame times of the page, taken by the script that drives a browser. */
import { spawnSync } from 'node:child_process'
import { blockLab } from './labs.ts'
import type { Row } from './report.ts'

interface Measured {
  /** Why there is nothing: no browser, no build. */
  obstacle?: string
  packets: number
  nodes: number
  drawing: string
  empty: { p50: number; p95: number }
  busy: { p50: number; p95: number }
}

/** Runs in the project's root. Without a browser the row says so. */
export function benchFrames(): Row[] {
  // Each ping has one packet in the air nearly always: request or answer.
  const input = blockLab(300, 30, 0.00003, 40).text
  const done = spawnSync(process.execPath, ['src/cli/dev/frames.mjs'], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const plain = { unit: 'ms', aim: '' }
  const line = done.stdout.trim().split('\n').at(-1) ?? ''
  const measured = (line.startsWith('{') ? JSON.parse(line) : { obstacle: line || 'no answer' }) as Measured
  if (measured.obstacle !== undefined) {
    const name = `not measured: ${measured.obstacle}`
    return [{ name, value: Number.NaN, reference: 0, against: '', ...plain }]
  }
  const { packets, nodes, drawing, empty, busy } = measured
  const what = `${packets} packets in the air over ${nodes} machines (${drawing})`
  return [
    {
      name: `frame time p50, ${what}`,
      value: busy.p50,
      reference: empty.p50,
      against: 'an empty page',
      ...plain,
    },
    { name: 'frame time p95', value: busy.p95, reference: empty.p95, against: 'an empty page', ...plain },
  ]
}
