// Rules about what is written: leftovers, tests that do not run, addresses, the machine of whoever wrote it.
import {
  type Finding,
  folderOf,
  isTest,
  leftmost,
  lineOf,
  type Node,
  nameOf,
  type Source,
  type Tree,
  walk,
} from './tree.ts'

// Written in parts, so that this file passes its own rules.
const leftover = new RegExp(
  `\\b(${['TO', 'FIX', 'XX', 'HA'].map((a, i) => a + ['DO', 'ME', 'X', 'CK'][i]).join('|')})\\b`,
)
const machine = new RegExp(`(?<![\\w.-])/(${['work', 'root', 'tmp/kh', 'tmp/bash_jobs'].join('|')})/`)
const notRun = /^(only|skip|todo|fixme|fails|skipIf|runIf)$/
const runners = /^(it|test|describe|suite|expect|bench)$/
const address = /^\s*(https?:)?\/\/[\w[]/
const xmlNamespace = /^https?:\/\/www\.w3\.org\//
const topLevel = new Set([
  'package.json',
  'package-lock.json',
  'vite.config.ts',
  'index.html',
  'tsconfig.json',
  'README.md',
  'LICENSE',
  'src',
  'public',
  'e2e',
])
/** What tools write and git ignores. */
const ignored = new Set(['node_modules', 'dist'])

/** Rules for any text file: paths of a machine; leftovers where there is no syntax tree to find the comments. */
export function checkText({ path, text }: Source): Finding[] {
  const findings: Finding[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const at = (rule: string, message: string) => findings.push({ path, line: index + 1, rule, message })
    const found = machine.exec(line)
    if (found) at('machine', `a path of one machine: ${found[0]}`)
    if (!/\.(ts|tsx|mjs)$/.test(path) && path !== 'package-lock.json') {
      const left = leftover.exec(line)
      if (left) at('leftover', left[0])
    }
    if (path.startsWith('src/ui/') && path.endsWith('.css') && /(url\(|@import)[^;]*https?:/.test(line)) {
      at('address', 'a host is fetched')
    }
  }
  if (path === 'package-lock.json' && text.includes('"resolved": "http')) {
    findings.push({ path, line: 1, rule: 'lock', message: 'the lock file names a registry host' })
  }
  return findings
}

/** Leftovers in comments. */
export function checkComments(tree: Tree): Finding[] {
  const { path } = tree.source
  return tree.comments.flatMap(({ value, start }) => {
    const found = leftover.exec(value)
    return found
      ? [{ path, line: lineOf(tree, start + 2 + found.index), rule: 'leftover', message: found[0] }]
      : []
  })
}

/** Tests that are skipped or that hide others, unless the line says why: `// skips: …`. */
export function checkSkips(tree: Tree): Finding[] {
  const { path, text } = tree.source
  if (!isTest(path)) return []
  const lines = text.split('\n')
  const findings: Finding[] = []
  walk(tree.body, (node) => {
    const name = node.type === 'MemberExpression' ? nameOf(node.property) : undefined
    if (!name || !notRun.test(name) || !runners.test(leftmost(node) ?? '')) return
    const line = lineOf(tree, (node.property as Node).start)
    const reason = /\/\/ skips: \S/
    if (reason.test(lines[line - 1]) && name !== 'only') return
    findings.push({ path, line, rule: 'skip', message: `.${name} without // skips: reason` })
  })
  return findings
}

/** Addresses in the page's code. A link that a person may follow (`href`) is no fetch. */
export function checkAddresses(tree: Tree): Finding[] {
  const { path } = tree.source
  if (folderOf(path) !== 'ui' || isTest(path)) return []
  const findings: Finding[] = []
  walk(tree.body, (node, parents) => {
    const value = node.type === 'TemplateElement' ? (node.value as { raw: string }).raw : node.value
    if (!/^(Literal|TemplateElement)$/.test(node.type) || typeof value !== 'string') return
    const fetched = address.test(value) && !xmlNamespace.test(value)
    const link = parents.some((parent) => parent.type === 'JSXAttribute' && nameOf(parent.name) === 'href')
    if (fetched && !link) {
      findings.push({ path, line: lineOf(tree, node.start), rule: 'address', message: value })
    }
  })
  return findings
}

/** Entries at the top of the project that do not belong there. */
export function checkTopLevel(names: string[]): Finding[] {
  return names
    .filter((name) => !name.startsWith('.') && !topLevel.has(name) && !ignored.has(name))
    .map((path) => ({ path, line: 1, rule: 'top level', message: 'does not belong at the top level' }))
}

/** Versions that are not exact. */
export function checkPins({ path, text }: Source): Finding[] {
  return text.split('\n').flatMap((line, index) => {
    const found = /^\s+"[^"]+": "([~^*]|>(?!=20\.19")|<|latest)/.exec(line)
    return found
      ? [{ path, line: index + 1, rule: 'pin', message: `not an exact version: ${line.trim()}` }]
      : []
  })
}
