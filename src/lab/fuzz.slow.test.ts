// Seeded fuzz of the lab's text: whatever the text and the edit, an answer comes back, soon, and nothing is thrown.
// FUZZ_SEED=N and FUZZ_RUNS=N change what runs: `FUZZ_SEED=7 npx vitest run src/lab/fuzz.slow.test.ts`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import type { Rng } from '../base/rng.ts'
import { editLab } from './edit.ts'
import { exportContainerlab } from './export.ts'
import { parseLab } from './parse.ts'
import type { EditOp } from './types.ts'

const folder = join(import.meta.dirname, '..', '..', 'public', 'labs')
const labs = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(join(folder, name), 'utf8'))
const seed = Number(process.env.FUZZ_SEED ?? 1)
const runs = Number(process.env.FUZZ_RUNS ?? 1500)
const SCRAPS = [
  '[',
  ']',
  '{',
  '}',
  ':',
  '- ',
  '\n',
  '  ',
  '\t',
  '#',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '!x ',
  '---\n',
  '...\n',
  '? ',
  ',',
  '%',
  '@',
  '`',
  '\u0000',
  '\ufeff',
  '\u2028',
  '🦑',
  '<<: ',
  '~',
  'null',
  '0x1',
  '1e9',
  '__proto__: ',
  'exec: ',
  'nodes: ',
]

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[nextBelow(rng, list.length)]!
}

/** A lab with a few wounds: cut, doubled, moved or foreign pieces. */
function mutate(rng: Rng, text: string): string {
  let out = text
  for (let n = 1 + nextBelow(rng, 4); n > 0; n--) {
    const at = nextBelow(rng, out.length + 1)
    const to = Math.min(out.length, at + nextBelow(rng, 40))
    const kind = nextBelow(rng, 5)
    if (kind === 0) out = out.slice(0, at) + out.slice(to)
    else if (kind === 1) out = out.slice(0, at) + pick(rng, SCRAPS) + out.slice(at)
    else if (kind === 2) out = out.slice(0, to) + out.slice(at)
    else if (kind === 3) out = out.slice(0, at) + pick(rng, SCRAPS) + out.slice(to)
    else {
      const lines = out.split('\n')
      const line = lines.splice(nextBelow(rng, lines.length), 1)[0] ?? ''
      lines.splice(nextBelow(rng, lines.length + 1), 0, line)
      out = lines.join('\n')
    }
  }
  return out
}

const IDS = [
  'host',
  'node1',
  'host.red',
  'host.blue',
  'host/v-net-0',
  'node1/eth0',
  'mesh.a',
  'bridged/br0',
  'lan',
  'nobody',
  '',
  'x/',
]

function randomOp(rng: Rng): EditOp {
  const id = () => pick(rng, IDS)
  const ops: (() => EditOp)[] = [
    () => ({
      op: 'addMachine',
      role: pick(rng, ['host', 'router', 'switch', 'internet'] as const),
      x: 1,
      y: 2,
    }),
    () => ({ op: 'addNetns', machine: id() }),
    () => ({ op: 'addBridge', room: id() }),
    () => ({ op: 'connect', a: id(), b: id() }),
    () => ({ op: 'move', machine: id(), x: 3, y: 4 }),
    () => ({ op: 'rename', id: id(), name: pick(rng, ['new', 'a b', '', 'x'.repeat(70), 'red']) }),
    () => ({ op: 'remove', ids: [id(), id()] }),
    () => ({ op: 'setAddress', port: id(), cidr: pick(rng, ['10.0.0.1/24', '', 'junk', 'fd00::1/64']) }),
    () => ({ op: 'setWire', edge: id(), latencyMs: 3, lossPercent: 0 }),
  ]
  return pick(rng, ops)()
}

it(`answers ${runs} mutated labs and edits of them`, { timeout: 300_000 }, () => {
  const rng = createRng(seed, 0)
  for (let run = 0; run < runs; run++) {
    const text = mutate(rng, pick(rng, labs))
    const where = `FUZZ_SEED=${seed} run ${run}`
    const begin = performance.now()
    try {
      const { lab, diagnostics } = parseLab(text)
      if (lab === undefined && !diagnostics.some((d) => d.severity === 'error'))
        throw new Error('refused without a word')
      for (const d of diagnostics) {
        if (!(d.line >= 1 && d.column >= 1 && d.endLine >= d.line))
          throw new Error(`no place: ${JSON.stringify(d)}`)
      }
      const op = randomOp(rng)
      const edited = editLab(text, op)
      const done = edited.text !== text
      if (done && parseLab(edited.text).lab === undefined)
        throw new Error(`${JSON.stringify(op)} broke the text`)
      if (lab === undefined && done) throw new Error('a text with errors was edited')
      if (lab !== undefined && run % 10 === 0) exportContainerlab(text)
    } catch (error) {
      throw new Error(`${where}: ${String(error)}\n${text}`)
    }
    if (performance.now() - begin > 2000) throw new Error(`${where}: slow\n${text}`)
  }
})

it('keeps whole labs whole: any edit of a lab leaves a lab', () => {
  const rng = createRng(seed, 1)
  let changed = 0
  for (let run = 0; run < 80; run++) {
    let text = pick(rng, labs)
    for (let n = 0; n < 6; n++) {
      const op = randomOp(rng)
      const edited = editLab(text, op)
      if (edited.text !== text) changed++
      const reason = edited.diagnostics[0]?.message ?? ''
      expect(reason, `FUZZ_SEED=${seed} run ${run}: ${JSON.stringify(op)}`).not.toContain('cannot be read')
      expect(parseLab(edited.text).lab, `FUZZ_SEED=${seed} run ${run}: ${JSON.stringify(op)}`).toBeDefined()
      text = edited.text
    }
  }
  expect(changed).toBeGreaterThan(80)
})

it('exported to containerlab, every lab of the library reads as the same topology', () => {
  for (const text of labs) {
    const before = parseLab(text).lab
    const after = parseLab(exportContainerlab(text)).lab
    const shape = (lab: typeof before) => [
      lab?.machines.map((m) => [m.name, m.kind, m.exec.length, m.x, m.y]),
      lab?.links.map((l) => [l.a, l.b, l.mtu]),
    ]
    expect(after).toBeDefined()
    expect(shape(after)).toEqual(shape(before))
  }
})
