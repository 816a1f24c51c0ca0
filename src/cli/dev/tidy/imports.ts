// The import table: which folder of `src` may import which.
import {
  type Finding,
  folderOf,
  isTest,
  lineOf,
  type Node,
  nameOf,
  type Source,
  type Tree,
  walk,
} from './tree.ts'

type Row = { may: string[]; types?: string[]; external?: string[]; files?: RegExp }

/** The engine: no DOM, no Node, nothing asynchronous, no ambient clock or randomness. */
export const engine = ['base', 'sim', 'net', 'run', 'kube', 'wire', 'proc', 'lab', 'view']

/** For each folder: what it may import, what it may import types of only, which packages, and single files. */
export const importTable: Record<string, Row> = {
  base: { may: [] },
  sim: { may: ['base'] },
  net: { may: ['base', 'sim'] },
  run: { may: ['base', 'sim', 'net'] },
  kube: { may: ['base', 'sim', 'run', 'net'] },
  // The types of net come with the protocols' numbers.
  wire: { may: ['base'], types: ['net'], files: /^src\/net\/(types|numbers)\.ts$/ },
  proc: { may: ['base', 'sim', 'net', 'run', 'kube', 'wire'] },
  lab: { may: ['base', 'sim', 'net', 'run', 'kube', 'proc', 'wire'], external: ['yaml'] },
  view: { may: ['base', 'sim', 'net', 'run', 'kube', 'proc', 'wire', 'lab'] },
  session: { may: engine, external: ['comlink', 'fflate'] },
  cli: { may: ['lab', 'view', 'session'], external: ['node:*'] },
  // Beside these, ui/client holds the worker's URL, and nothing of `src` outside `ui` is loaded by the page.
  ui: { may: [], types: ['session', 'view', 'lab'], external: ['*'] },
}

/** Rows that files with these beginnings have instead of their folder's. */
const special: [string, Row][] = [
  // The benchmark measures the engine's inner parts; the developers' scripts are no part of the command line.
  ['src/cli/bench', { may: [...engine, 'session'], external: ['node:*'] }],
  // The runner of expected results calls the functions that they are about.
  ['src/cli/cases', { may: [...engine, 'session'], external: ['node:*'] }],
  ['src/cli/dev/', { may: [], external: ['node:*', 'vite', 'tsx', '@playwright/test'] }],
]

const worker = /^(\.\.\/)+session\/[\w.]+\.ts\?(worker|worker&url|url)$/

type Import = { from: string; typeOnly: boolean; start: number }

/** Imports that the table forbids. */
export function checkImports(tree: Tree): Finding[] {
  const { path } = tree.source
  const folder = folderOf(path)
  if (folder === '') return []
  const at = (start: number, rule: string, message: string) => ({
    path,
    line: lineOf(tree, start),
    rule,
    message,
  })
  const row = special.find(([beginning]) => path.startsWith(beginning))?.[1] ?? importTable[folder]
  if (!row) return [at(0, 'table', `folder ${folder} is not in the import table`)]
  const findings: Finding[] = []
  walk(tree.body, (node) => {
    if (folder !== 'ui' || path.startsWith('src/ui/client/') || node.type !== 'NewExpression') return
    const [first] = node.arguments as Node[]
    const url = nameOf(node.callee) === 'URL' && typeof first?.value === 'string' ? first.value : ''
    if (/(^|\/)session\//.test(url))
      findings.push(at(node.start, 'import', 'only ui/client knows the worker'))
  })
  for (const one of importsOf(tree)) {
    const problem = importProblem(tree.source, folder, row, one)
    if (problem) findings.push(at(one.start, 'import', problem))
  }
  return findings
}

function importProblem(source: Source, folder: string, row: Row, { from, typeOnly }: Import) {
  const test = isTest(source.path)
  if (!from.startsWith('.')) return externalProblem(source, folder, row, from, test)
  if (worker.test(from)) {
    return source.path.startsWith('src/ui/client/') ? undefined : 'only ui/client knows the worker'
  }
  if (!/\.(ts|tsx|mjs|css|json|yaml|svg)(\?(raw|url))?$/.test(from))
    return `'${from}' needs its file's ending`
  const target = resolve(source.path, from)
  const to = folderOf(target)
  if (to === folder) return undefined
  if (to === '') return test || row.external?.includes('node:*') ? undefined : `'${from}' lies outside src`
  if (row.may.includes(to) || row.files?.test(target) || (typeOnly && row.types?.includes(to)))
    return undefined
  if (row.types?.includes(to)) return `${folder} may import types of ${to} only (import type)`
  // A test may build its world with any part of the engine.
  if (test && folder !== 'ui' && (engine.includes(to) || !engine.includes(folder))) return undefined
  return `${folder} may not import ${to}`
}

function externalProblem(source: Source, folder: string, row: Row, from: string, test: boolean) {
  const name = from.startsWith('@') ? from.split('/').slice(0, 2).join('/') : from.split('/')[0]
  if (name === 'comlink' && folder !== 'session' && !source.path.startsWith('src/ui/client/')) {
    return 'only session and ui/client know comlink'
  }
  if (test && (name === 'vitest' || name === 'fast-check' || name.startsWith('node:'))) return undefined
  const allowed = row.external ?? []
  if (allowed.includes(name)) return undefined
  if (name.startsWith('node:')) {
    return allowed.includes('node:*') ? undefined : `${folder} may not import ${from}`
  }
  return allowed.includes('*') ? undefined : `${folder} may not import the package ${name}`
}

/** Everything a file imports, whatever the syntax. */
function importsOf(tree: Tree): Import[] {
  const found: Import[] = []
  walk(tree.body, (node) => {
    const source = node.source as Node | null | undefined
    if (source?.type !== 'Literal' || typeof source.value !== 'string') return
    const typeOnly = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type'
    found.push({ from: source.value, typeOnly, start: node.start })
  })
  return found
}

/** The path that a relative import names, without its query. */
function resolve(path: string, from: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of from.replace(/\?.*$/, '').split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}
