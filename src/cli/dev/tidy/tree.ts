// A source file as a syntax tree, and what the rules need to ask it.
import { parseSync } from 'vite'

/** A file of the project: its path from the root with `/`, and its text. */
export type Source = { path: string; text: string }

/** A broken rule, at a line of a file (1 is the first). */
export type Finding = { path: string; line: number; rule: string; message: string }

/** An ESTree node, with TypeScript's additions. */
export type Node = { type: string; start: number; end: number; [field: string]: unknown }

export type Tree = {
  source: Source
  body: Node[]
  comments: { value: string; start: number }[]
  /** Offsets at which lines begin. */
  lineStarts: number[]
}

const testFile = /\.(test|spec)\.tsx?$/

/** Whether a path names a test. */
export function isTest(path: string): boolean {
  return testFile.test(path)
}

/** The folder of `src` that a path is in: `net`, `ui`, or '' for what lies in `src` itself or outside it. */
export function folderOf(path: string): string {
  return /^src\/([^/]+)\//.exec(path)?.[1] ?? ''
}

/** Parses TypeScript, TSX or JavaScript. Throws when the text is none of these. */
export function parseSource(source: Source): Tree {
  const parsed = parseSync(source.path, source.text)
  if (parsed.errors.length > 0) throw new Error(`${source.path}: ${parsed.errors[0].message}`)
  const lineStarts = [0]
  for (let at = 0; at < source.text.length; at++) {
    if (source.text.charCodeAt(at) === 10) lineStarts.push(at + 1)
  }
  const body = parsed.program.body as unknown as Node[]
  return { source, body, comments: parsed.comments, lineStarts }
}

/** The line of an offset, 1 for the first. */
export function lineOf(tree: Tree, offset: number): number {
  let low = 0
  let high = tree.lineStarts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (tree.lineStarts[middle] <= offset) low = middle
    else high = middle
  }
  return low + 1
}

/** Calls `visit` for every node below `nodes`, with its ancestors, nearest last. */
export function walk(nodes: Node[], visit: (node: Node, parents: Node[]) => void): void {
  const parents: Node[] = []
  const step = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const one of value) step(one)
    } else if (isNode(value)) {
      visit(value, parents)
      parents.push(value)
      for (const field of Object.keys(value)) {
        if (field !== 'type' && field !== 'start' && field !== 'end') step(value[field])
      }
      parents.pop()
    }
  }
  step(nodes)
}

/** The name of an identifier, or undefined for any other node. */
export function nameOf(node: unknown): string | undefined {
  return isNode(node) && (node.type === 'Identifier' || node.type === 'JSXIdentifier')
    ? (node.name as string)
    : undefined
}

/** Whether a value is a node of a tree. */
export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/** The identifier that a chain of fields and calls begins with: `a` of `a.b(c).d`. */
export function leftmost(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'MemberExpression') return leftmost(node.object)
  if (node.type === 'CallExpression') return leftmost(node.callee)
  return nameOf(node)
}
