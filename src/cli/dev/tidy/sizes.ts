// Sizes: a file and a function fit a reader's eye.
import {
  type Finding,
  isTest,
  leftmost,
  lineOf,
  type Node,
  nameOf,
  type Source,
  type Tree,
  walk,
} from './tree.ts'

export const maxFileLines = 500
export const maxTestLines = 800
export const maxFunctionLines = 70

const functions = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/

/** Files with too many lines. */
export function checkFileSize({ path, text }: Source): Finding[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
  const limit = isTest(path) ? maxTestLines : maxFileLines
  if (lines <= limit) return []
  return [{ path, line: limit + 1, rule: 'size', message: `${lines} lines; at most ${limit}` }]
}

/** Functions with too many lines, from the first of the head to the last of the body. */
export function checkFunctionSizes(tree: Tree): Finding[] {
  const findings: Finding[] = []
  walk(tree.body, (node, parents) => {
    if (!functions.test(node.type) || isSuite(tree.source.path, parents.at(-1))) return
    const line = lineOf(tree, node.start)
    const lines = lineOf(tree, node.end - 1) - line + 1
    if (lines <= maxFunctionLines) return
    const name = nameOf(node.id) ?? nameOf(parents.at(-1)?.id ?? parents.at(-1)?.key) ?? 'a function'
    const message = `${name} has ${lines} lines; at most ${maxFunctionLines}`
    findings.push({ path: tree.source.path, line, rule: 'size', message })
  })
  return findings
}

/** A `describe` in a test only groups. */
function isSuite(path: string, parent: Node | undefined): boolean {
  if (!isTest(path) || parent?.type !== 'CallExpression') return false
  return leftmost(parent.callee) === 'describe'
}
