// The project's rules, held against the project; and each rule held against a small text that breaks it.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { engine, importTable } from './cli/dev/tidy/imports.ts'
import { checkProject, checkSource, printFindings } from './cli/dev/tidy/tidy.ts'
import { checkTopLevel } from './cli/dev/tidy/texts.ts'

const root = join(import.meta.dirname, '..')
const binary = /\.(png|jpg|webp|ico|woff2?|ttf|pcapng|pcap|zip|gz)$/

/** The rules that a text breaks, as `line rule: message`. */
function broken(path: string, text: string): string[] {
  return checkSource({ path, text }).map(({ line, rule, message }) => `${line} ${rule}: ${message}`)
}

/** What the project holds: git's files and those not yet added; without git, everything that is ours. */
function projectFiles(): string[] {
  try {
    const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
    const listed = execFileSync('git', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)))
  } catch {
    const ours = ['src', 'public', 'e2e'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
    )
    return [...ours, 'package.json', 'package-lock.json', 'index.html', 'README.md', 'vite.config.ts']
  }
}

describe('the project', () => {
  it('keeps its rules', () => {
    const sources = projectFiles()
      .filter((path) => !binary.test(path))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    expect(sources.length).toBeGreaterThan(30)
    const wrong = printFindings(checkProject(sources, readdirSync(root)))
    if (wrong !== '') throw new Error(wrong)
  })

  it('compiles every folder of the engine without DOM and Node', () => {
    const config = JSON.parse(readFileSync(join(root, 'src/tsconfig.engine.json'), 'utf8'))
    expect(config.compilerOptions).toMatchObject({ lib: ['ES2023'], types: [] })
    expect([...config.include].sort()).toEqual([...engine].sort())
    expect(Object.keys(importTable).sort()).toEqual([...engine, 'session', 'cli', 'ui'].sort())
  })
})

describe('the import table', () => {
  const refused = (path: string, text: string, message: string) =>
    expect(broken(path, `// one\n${text}\n`)).toEqual([`2 import: ${message}`])
  const accepted = (path: string, text: string) => expect(broken(path, `${text}\n`)).toEqual([])

  it('lets a folder see only what is below it, whatever the syntax', () => {
    accepted('src/net/ip/a.ts', `import { b } from '../../sim/b.ts'`)
    accepted('src/net/ip/a.ts', `import { b } from '../link/b.ts'`)
    refused('src/base/a.ts', `import { b } from '../sim/b.ts'`, 'base may not import sim')
    refused('src/sim/a.ts', `import type { B } from '../net/b.ts'`, 'sim may not import net')
    refused('src/net/a.ts', `export { b } from '../kube/b.ts'\nexport const c = 1`, 'net may not import kube')
    refused('src/run/a.ts', `export type A = import('../proc/b.ts').B`, 'run may not import proc')
    refused('src/cli/a.ts', `const b = await import('../ui/b.ts')`, 'cli may not import ui')
    refused('src/lab/a.ts', `import { b } from '../session/b.ts'`, 'lab may not import session')
    refused('src/session/a.ts', `import { b } from '../ui/b.ts'`, 'session may not import ui')
  })

  it('lets some see types only', () => {
    accepted('src/wire/a.ts', `import type { B } from '../net/b.ts'`)
    accepted('src/wire/a.ts', `import { IPPROTO_TCP } from '../net/types.ts'`)
    refused(
      'src/wire/a.ts',
      `import { b } from '../net/b.ts'`,
      'wire may import types of net only (import type)',
    )
    accepted('src/ui/a.tsx', `import type { B } from '../view/b.ts'`)
    refused(
      'src/ui/a.tsx',
      `import { b } from '../view/b.ts'`,
      'ui may import types of view only (import type)',
    )
    refused(
      'src/ui/a.tsx',
      `import { type B } from '../lab/b.ts'`,
      'ui may import types of lab only (import type)',
    )
    refused('src/ui/a.tsx', `import type { B } from '../net/b.ts'`, 'ui may not import net')
  })

  it('gives packages to those that need them', () => {
    accepted('src/lab/a.ts', `import { parseDocument } from 'yaml'`)
    refused('src/proc/a.ts', `import { parseDocument } from 'yaml'`, 'proc may not import the package yaml')
    refused('src/net/a.ts', `import { readFileSync } from 'node:fs'`, 'net may not import node:fs')
    refused('src/view/a.ts', `import React from 'react'`, 'view may not import the package react')
    refused('src/session/a.ts', `import React from 'react'`, 'session may not import the package react')
    accepted('src/ui/a.tsx', `import { useState } from 'react'`)
    refused('src/ui/a.tsx', `import { join } from 'node:path'`, 'ui may not import node:path')
    accepted('src/cli/a.ts', `import { join } from 'node:path'`)
  })

  it('keeps the worker and comlink to the two ends of the wire', () => {
    accepted('src/ui/client/a.ts', `import { wrap } from 'comlink'`)
    accepted('src/ui/client/a.ts', `import url from '../../session/worker.ts?worker&url'`)
    accepted('src/ui/client/a.ts', `export const u = new URL('../../session/worker.ts', import.meta.url)`)
    const worker = 'only ui/client knows the worker'
    refused('src/ui/canvas/a.ts', `import { wrap } from 'comlink'`, 'only session and ui/client know comlink')
    refused('src/ui/canvas/a.ts', `import url from '../../session/worker.ts?worker'`, worker)
    refused(
      'src/ui/canvas/a.ts',
      `export const u = new URL('../../session/worker.ts', import.meta.url)`,
      worker,
    )
  })

  it('gives tests their tools and the whole engine, and no more', () => {
    accepted('src/net/a.test.ts', `import { expect } from 'vitest'\nimport { b } from '../wire/b.ts'`)
    refused('src/net/a.test.ts', `import { b } from '../session/b.ts'`, 'net may not import session')
    refused('src/ui/a.test.ts', `import { b } from '../net/b.ts'`, 'ui may not import net')
    refused('src/net/a.ts', `import { expect } from 'vitest'`, 'net may not import the package vitest')
  })

  it('wants endings, and folders that it knows', () => {
    refused('src/net/a.ts', `import { b } from './b'`, `'./b' needs its file's ending`)
    refused('src/net/a.ts', `import { b } from '../../e2e/b.ts'`, `'../../e2e/b.ts' lies outside src`)
    expect(broken('src/utils/a.ts', 'export const a = 1\n')).toEqual([
      '1 table: folder utils is not in the import table',
    ])
  })
})

describe('the bans', () => {
  const inEngine = (text: string) => broken('src/net/a.ts', `\n${text}\n`)

  it.each([
    ['export async function f() {}', 'async'],
    ['export const f = async () => 1', 'async'],
    ['export function* f() {}', 'a generator'],
    ['export class A {}', 'a class'],
    ['export const f = () => Promise.resolve(1)', 'Promise'],
    ['export type A = Promise<number>', 'Promise'],
    ['export const f = () => Date.now()', 'Date'],
    ['export const f = () => new Date(0)', 'Date'],
    ['export const f = () => Math.random()', 'Math.random'],
    ['export const f = () => new Intl.NumberFormat()', 'Intl'],
    ['export const f = (a: string) => a.localeCompare("b")', 'localeCompare'],
    ['export const f = (a: number) => a.toLocaleString()', 'toLocaleString'],
    ['export const f = () => console.log(1)', 'console'],
    ['export const f = () => document.title', 'document'],
    ['export const f = () => window.name', 'window'],
    ['export const f = () => globalThis.x', 'globalThis'],
    ['export const f = () => setTimeout(f, 1)', 'setTimeout'],
    ['export const f = () => process.env', 'process'],
    ['export const f = () => require("fs")', 'require'],
    ['export const f = () => performance.now()', 'performance'],
    ['export const f = () => ({ console })', 'console'],
    ['export let a = 1', 'let at module level'],
    ['var a = 1', 'var at module level'],
    ['const a = new Map<string, number>()', 'a is an empty collection at module level'],
    ['export const a: string[] = []', 'a is an empty collection at module level'],
    ['const a = {}', 'a is an empty collection at module level'],
    ['const a = new Uint32Array(1024)', 'a is an empty collection at module level'],
    ['const a = [1]; export const f = () => a.push(2)', 'a of module level is changed'],
    ['const a = { n: 1 }; export const f = () => { a.n = 2 }', 'a of module level is changed'],
    ['const a = { n: 1 }; export const f = () => a.n++', 'a of module level is changed'],
    ['const a = new Set([1]); export const f = () => a.add(2)', 'a of module level is changed'],
    [
      'const a = { n: 1 } as { n?: number }; export const f = () => delete a.n',
      'a of module level is changed',
    ],
  ])('%s', (text, message) => {
    expect(inEngine(text)).toEqual([`2 ban: ${message}`])
    const elsewhere = broken('src/cli/a.ts', `\n${text}\n`)
    expect(elsewhere).toEqual([])
  })

  it('finds await, yield, import() and import.meta', () => {
    expect(inEngine('export async function* f() { for await (const a of f()) yield a }')).toEqual([
      '2 ban: async',
      '2 ban: a generator',
      '2 ban: await',
      '2 ban: yield',
    ])
    expect(inEngine('await f()')).toEqual(['2 ban: await'])
    expect(inEngine(`export const a = import.meta.url`)).toEqual(['2 ban: import.meta'])
    expect(inEngine(`export const a = () => import('./b.ts')`)).toEqual(['2 ban: import()'])
  })

  it('lets words be words: fields, own names, strings, comments, tables, tests', () => {
    const fine = [
      `export const f = (process: { pid: number }) => process.pid // await Date`,
      `export const g = (a: { window: number; process: string }) => a.window + 'document.title'`,
      `export const h = { window: 65535, console: true }`,
      `export const table = new Uint8Array([1, 2])\nconst ops = { set: (a: number) => a }\nexport const i = ops.set(1)`,
      `const none = new Uint8Array(0)\nconst empty: readonly string[] = []\nexport const k = (): unknown => [none, empty]`,
      `export const kinds = new Map([['a', 1]])\nexport const j = (kinds: number[]) => kinds.push(1)`,
    ]
    for (const text of fine) expect(inEngine(text)).toEqual([])
    expect(
      broken('src/net/a.test.ts', `const seen: string[] = []\nexport const f = async () => seen.push('a')\n`),
    ).toEqual([])
  })

  it.each([
    [`export * from './b.ts'\nexport const a = 1`, 'export *'],
    ['export default 1', 'export default'],
    [`export { b } from './b.ts'\nexport { c } from './c.ts'`, 'a barrel file'],
    ['export const f = (a: Element) => { a.innerHTML = "x" }', 'innerHTML'],
    ['export const f = (a: Element) => a.insertAdjacentHTML("afterend", "x")', 'insertAdjacentHTML'],
    ['export const f = <i dangerouslySetInnerHTML={{ __html: "x" }} />', 'dangerouslySetInnerHTML'],
    ['export const f = () => eval("1")', 'eval'],
    ['export const f = () => new Function("1")', 'new Function'],
    ['export const f = () => document.write("1")', 'document.write'],
  ])('everywhere: %s', (text, message) => {
    expect(broken('src/ui/a.tsx', `\n${text}\n`)).toEqual([`2 ban: ${message}`])
  })
})

describe('sizes', () => {
  const lines = (count: number, line: string) => `${line}\n`.repeat(count)

  it('files: 500 lines, tests 800', () => {
    expect(broken('src/net/a.ts', lines(500, '//'))).toEqual([])
    expect(broken('src/net/a.ts', lines(501, '//'))).toEqual(['501 size: 501 lines; at most 500'])
    expect(broken('src/net/a.test.ts', lines(800, '//'))).toEqual([])
    expect(broken('src/net/a.test.ts', lines(801, '//'))).toEqual(['801 size: 801 lines; at most 800'])
  })

  it('functions: 70 lines, braces in strings, templates and comments do not count', () => {
    const body = (count: number) => lines(count, "  a('}', `{$".concat("{a('{')}`) // }"))
    expect(broken('src/net/a.ts', `function a(b: string, c: string) {\n${body(68)}}\n`)).toEqual([])
    const long = `// é 界 🙂\nfunction a(b: string, c: string) {\n${body(69)}}\n`
    expect(broken('src/net/a.ts', long)).toEqual(['2 size: a has 71 lines; at most 70'])
    const arrow = `export const b = () => {\n${body(69)}}\n`
    expect(broken('src/net/a.ts', arrow)).toEqual(['1 size: b has 71 lines; at most 70'])
    const method = `export const b = {\n  c() {\n${body(69)}},\n}\n`
    expect(broken('src/net/a.ts', method)).toEqual(['2 size: c has 71 lines; at most 70'])
  })

  it('a describe may be longer, an it may not', () => {
    const body = lines(69, '  f()')
    expect(broken('src/net/a.test.ts', `describe('x', () => {\n${body}})\n`)).toEqual([])
    expect(broken('src/net/a.test.ts', `describe.each([1])('x', () => {\n${body}})\n`)).toEqual([])
    expect(broken('src/net/a.test.ts', `it('x', () => {\n${body}})\n`)).toEqual([
      '1 size: a function has 71 lines; at most 70',
    ])
  })
})

describe('what is written', () => {
  const todo = ['TO', 'DO'].join('')
  const work = ['/wo', 'rk/main/x'].join('')

  it('leaves nothing for later', () => {
    expect(broken('src/net/a.ts', `/* one\n   ${todo}: two */\nexport const a = '${todo}'\n`)).toEqual([
      `2 leftover: ${todo}`,
    ])
    expect(broken('src/ui/a.css', `\n/* ${todo} */\n`)).toEqual([`2 leftover: ${todo}`])
  })

  it('runs every test, or says why not', () => {
    const one = (line: string) => broken('src/net/a.test.ts', `\n${line}\n`)
    expect(one(`it.skip('a', () => {})`)).toEqual(['2 skip: .skip without // skips: reason'])
    expect(one(`it.only('a', () => {})`)).toEqual(['2 skip: .only without // skips: reason'])
    expect(one(`describe.todo('a')`)).toEqual(['2 skip: .todo without // skips: reason'])
    expect(one(`it.skipIf(true)('a', () => {})`)).toEqual(['2 skip: .skipIf without // skips: reason'])
    expect(one(`it.skipIf(true)('a', () => {}) // skips: needs ../shared`)).toEqual([])
    expect(one(`it.only('a', () => {}) // skips: the others`)).toEqual([
      '2 skip: .only without // skips: reason',
    ])
    expect(broken('e2e/a.spec.ts', `test.fixme('a', () => {})\n`)).toEqual([
      '1 skip: .fixme without // skips: reason',
    ])
    expect(broken('src/net/a.ts', `export const f = (it: { skip: number }) => it.skip\n`)).toEqual([])
  })

  it('fetches from nobody', () => {
    const one = (line: string) => broken('src/ui/a.tsx', `\n${line}\n`)
    expect(one(`fetch('https://example.org/a')`)).toEqual(['2 address: https://example.org/a'])
    expect(one(`fetch(\`//cdn.example.org/\${a}\`)`)).toEqual(['2 address: //cdn.example.org/'])
    expect(one(`export const a = <a href="https://example.org/">x</a>`)).toEqual([])
    expect(one(`document.createElementNS('http://www.w3.org/2000/svg', 'g')`)).toEqual([])
    expect(broken('src/ui/a.css', `@import 'https://example.org/a.css';\n`)).toEqual([
      '1 address: a host is fetched',
    ])
  })

  it('names no machine, no registry, no loose version', () => {
    expect(broken('README.md', `one\n${work}\n`)).toEqual([
      `2 machine: a path of one machine: ${work.slice(0, 6)}`,
    ])
    expect(broken('public/labs/a.yaml', `a/network/work/b\n`)).toEqual([])
    const lock = `{ "resolved": "https://example.org/a.tgz" }\n`
    expect(broken('package-lock.json', lock)).toEqual(['1 lock: the lock file names a registry host'])
    const pins = `{\n  "engines": { "node": ">=20.19" },\n  "dependencies": {\n    "a": "1.2.3",\n    "b": "^1.2.3"\n  }\n}\n`
    expect(broken('package.json', pins)).toEqual(['5 pin: not an exact version: "b": "^1.2.3"'])
  })

  it('holds nothing strange at the top level', () => {
    const names = ['src', '.biome.json', 'node_modules', 'dist', 'notes.md']
    expect(printFindings(checkTopLevel(names))).toBe(
      'notes.md:1: top level: does not belong at the top level',
    )
  })

  it('cannot read what is no TypeScript', () => {
    expect(() => broken('src/net/a.ts', 'const = \n')).toThrow('src/net/a.ts: ')
  })
})
