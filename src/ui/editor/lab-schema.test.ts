import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { clusterSchemas } from './cluster-schema.ts'
import { lessonSchema, type Schema, topologySchema } from './lab-schema.ts'

interface Found {
  line: number
  message: string
}

/** The page itself loads nothing of the engine: the parser comes by a path in a variable. */
async function mistakesIn(text: string): Promise<Found[]> {
  const parser = join(import.meta.dirname, '..', '..', 'lab', 'parse.ts')
  const { parseLab } = (await import(/* @vite-ignore */ parser)) as {
    parseLab: (text: string) => { diagnostics: Found[] }
  }
  return parseLab(text).diagnostics
}

const NODE = 'name: lab\ntopology: {nodes: {a: {labels: {kubehop.dev/node: worker}}}}\n'
const TOPOLOGY = 'name: lab\ntopology:\n  nodes:\n    a: {}\n'

/** Every place of the schema that takes fields: where it is in a lab file, in flow style. */
const PLACES: [string, Schema, (fields: string) => string][] = [
  ['the topology document', topologySchema, (f) => `{name: lab, topology: {nodes: {}}, ${f}}\n`],
  ['topology', at(topologySchema, 'topology'), (f) => `name: lab\ntopology: {${f}}\n`],
  ['a node', node(), (f) => `name: lab\ntopology: {nodes: {a: {${f}}}}\n`],
  ['a link', link(), (f) => `name: lab\ntopology: {nodes: {}, links: [{${f}}]}\n`],
  ['the Lesson', lessonSchema, (f) => `${TOPOLOGY}---\n{apiVersion: kubehop.dev/v1, kind: Lesson, ${f}}\n`],
  ['metadata', at(lessonSchema, 'metadata'), (f) => lesson(`metadata: {${f}}`)],
  ['spec', at(lessonSchema, 'spec'), (f) => lesson(`spec: {${f}}`)],
  ['a question', question(), (f) => lesson(`spec: {questions: [{${f}}]}`)],
  ['a check', check(), (f) => lesson(`spec: {checks: [{${f}}]}`)],
  [
    'expect',
    at(check(), 'expect'),
    (f) => lesson(`spec: {checks: [{id: c, run: "a: true", expect: {${f}}}]}`),
  ],
  ['stdout', output(), (f) => lesson(`spec: {checks: [{id: c, run: "a: true", expect: {stdout: {${f}}}}]}`)],
]

describe.each(PLACES)('fields of %s', (_, schema, write) => {
  it.each(Object.keys(schema.properties ?? {}))('the parser knows %s', async (field) => {
    const found = await mistakesIn(write(`${JSON.stringify(field)}: `))
    expect(found.map((one) => one.message).filter((text) => /unknown field|not modelled/.test(text))).toEqual(
      [],
    )
  })

  it('the parser knows no other', async () => {
    const found = await mistakesIn(write('other-field: 1'))
    expect(found.map((one) => one.message)).toContainEqual(
      expect.stringContaining('unknown field "other-field"'),
    )
  })
})

describe('values that the schema names', () => {
  it.each(node().properties!.kind!.enum!)('kind %s is modelled', async (kind) => {
    expect(await mistakesIn(`name: lab\ntopology: {nodes: {a: {kind: ${kind}}}}\n`)).toEqual([])
  })

  it.each(at(node(), 'labels').properties!['kubehop.dev/role']!.enum!)('role %s is one', async (role) => {
    const text = `name: lab\ntopology: {nodes: {a: {labels: {kubehop.dev/role: ${role}}}}}\n`
    expect(await mistakesIn(text)).toEqual([])
  })

  it.each(Object.entries(at(link(), 'labels').properties!))(
    '%s has an example that is read',
    async (name, schema) => {
      const label = `${name}: "${schema.examples![0]}"`
      const text = `name: lab\ntopology: {nodes: {a: {}, b: {}}, links: [{endpoints: ["a:e", "b:e"], labels: {${label}}}]}\n`
      expect(await mistakesIn(text)).toEqual([])
    },
  )
})

describe('documents of a cluster', () => {
  const named = clusterSchemas.flatMap((schema) => {
    const { kind, apiVersion } = schema.properties!
    return kind === undefined ? [] : [[String(kind.enum![0]), String(apiVersion!.enum![0]), schema] as const]
  })

  it.each(named)('the parser knows every field of %s, and no other', async (kind, apiVersion, schema) => {
    const head = `${NODE}---\napiVersion: ${apiVersion}\nkind: ${kind}\n`
    for (const field of Object.keys(schema.properties!)) {
      const text = field === 'kind' || field === 'apiVersion' ? head : `${head}${field}: null\n`
      const found = (await mistakesIn(text)).map(({ message }) => message)
      expect(found.filter((message) => message.includes('not modelled'))).toEqual([])
    }
    const other = (await mistakesIn(`${head}other: 1\n`)).map(({ message }) => message)
    expect(other).toEqual([`field "other" of ${kind} is not modelled`])
  })

  it.each(at(node(), 'labels').properties!['kubehop.dev/node']!.enum!)('a node is %s', async (role) => {
    const text = `name: lab\ntopology: {nodes: {a: {labels: {kubehop.dev/node: ${role}}}}}\n---\n`
    expect(await mistakesIn(`${text}apiVersion: v1\nkind: Namespace\nmetadata: {name: team}\n`)).toEqual([])
  })
})

describe('what the parser takes', () => {
  it('is all in the schema', async () => {
    // The parser's own lists, read from its source: a field that is added there must be offered here.
    const { readFileSync } = await import('node:fs')
    const source = (file: string) => readFileSync(join(import.meta.dirname, '..', '..', 'lab', file), 'utf8')
    const lists = [...`${source('parse.ts')}\n${source('lesson.ts')}`.matchAll(/\[((?:'[\w-]+',? ?)+)\]/g)]
    const names = lists.flatMap((list) => [...list[1]!.matchAll(/'([\w-]+)'/g)].map((name) => name[1]!))
    const offered = new Set(PLACES.flatMap(([, schema]) => Object.keys(schema.properties ?? {})))
    const refused = new Set([
      'prefix',
      'mgmt',
      'settings',
      'debug',
      'groups',
      'type',
      'endpoint',
      'vars',
      'ipv4',
      'ipv6',
    ])
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !offered.has(name) && !refused.has(name))).toEqual([])
  })
})

function lesson(rest: string): string {
  return `${TOPOLOGY}---\n{apiVersion: kubehop.dev/v1, kind: Lesson, ${rest}}\n`
}

function at(schema: Schema, key: string): Schema {
  return schema.properties![key]!
}

function node(): Schema {
  return at(at(topologySchema, 'topology'), 'nodes').additionalProperties as Schema
}

function link(): Schema {
  return at(at(topologySchema, 'topology'), 'links').items!
}

function check(): Schema {
  return at(at(lessonSchema, 'spec'), 'checks').items!
}

function question(): Schema {
  return at(at(lessonSchema, 'spec'), 'questions').items!.anyOf![1]!
}

function output(): Schema {
  return at(at(check(), 'expect'), 'stdout').anyOf![1]!
}
