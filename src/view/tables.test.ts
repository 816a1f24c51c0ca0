// Every table's text is what its command prints in that room at that moment: compared with the command itself.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { buildWorld, runToEnd } from '../lab/build.ts'
import { parseLab } from '../lab/parse.ts'
import { submitExec } from '../lab/rules.ts'
import { standardRules } from '../lab/standard.ts'
import type { World } from '../net/types.ts'
import { captureOf } from '../proc/shell/session.ts'
import { registryOf } from '../net/world.ts'
import { runUntil } from '../sim/dispatch.ts'
import { inspect } from './tables.ts'

const LABS = readdirSync('public/labs').filter((name) => name.endsWith('.yaml'))
const rules = standardRules()

function open(name: string): World {
  const text = readFileSync(`public/labs/${name}`, 'utf8')
  const { lab } = parseLab(text)
  if (lab === undefined) throw new Error(`${name} has errors`)
  const { world } = buildWorld(lab, text, 1, rules)
  for (const { machine, netns, command } of lab.lesson?.start ?? []) {
    submitExec(world, rules, netns === '' ? machine : `${machine}.${netns}`, command)
  }
  runUntil(world, rules, { untilAt: world.now + 2_500_000_000, maxEvents: 10_000 })
  return world
}

function printed(world: World, room: string, command: string): string {
  const capture = submitExec(world, rules, room, command)
  expect(runToEnd(world, rules, capture, 1e9, 10_000)).toBe('ended')
  const { out, err } = captureOf(world, capture) ?? { out: '', err: 'no capture' }
  return out + err
}

it.each(LABS)('%s', (name) => {
  const world = open(name)
  let tables = 0
  for (const room of [...registryOf(world).netns.keys()]) {
    const ports =
      inspect(world, room).tables[0]?.rows.map((row) => `${room}/${row.cells[0]?.split('@')[0]}`) ?? []
    for (const subject of [room, ...ports]) {
      const { tables: shown, kind } = inspect(world, subject)
      expect(kind).not.toBe('gone')
      for (const table of shown) {
        const { text } = table
        expect(text, `${subject}: ${table.command}`).toBe(printed(world, room, table.command))
        for (const row of table.rows) expect(row.cells).toHaveLength(table.columns.length)
        tables++
      }
    }
  }
  expect(tables).toBeGreaterThan(10)
  expect(inspect(world, 'nobody')).toMatchObject({ kind: 'gone', tables: [] })
})
