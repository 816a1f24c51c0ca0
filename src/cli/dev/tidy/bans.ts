// What the engine must not contain, and what nothing may contain.
import { engine } from './imports.ts'
import { type Finding, folderOf, isNode, isTest, lineOf, type Node, nameOf, type Tree, walk } from './tree.ts'

const ambient = new Set(
  `Promise Date Intl WeakRef FinalizationRegistry console document window globalThis self navigator performance crypto
   fetch process require Buffer setTimeout setInterval setImmediate queueMicrotask requestAnimationFrame
   structuredClone`.split(/\s+/),
)
const localeMethods = /^(localeCompare|toLocale\w+)$/
const htmlSinks = /^(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|srcdoc)$/
const mutators = /^(set|add|delete|clear|push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin)$/
// A WeakMap is allowed: by its keys it can only remember what was derived from immutable values of the world.
const collections = /^(Map|Set|WeakSet|Array|ArrayBuffer|DataView|\w+Array)$/
const functions = /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/

type Report = (node: Node, message: string) => void

/** Bans of the whole project, and in the engine those of the engine. */
export function checkBans(tree: Tree): Finding[] {
  const { path } = tree.source
  const findings: Finding[] = []
  const report: Report = (node, message) => {
    findings.push({ path, line: lineOf(tree, node.start), rule: 'ban', message })
  }
  if (!path.endsWith('.config.ts')) everywhere(tree, report)
  if (engine.includes(folderOf(path)) && !isTest(path)) {
    inEngine(tree, report)
    moduleState(tree, report)
  }
  return findings
}

function everywhere(tree: Tree, report: Report): void {
  const reExports = tree.body.filter((node) => isNode(node.source))
  if (tree.body.length > 0 && reExports.length === tree.body.length) {
    if (tree.body.some((node) => node.type.startsWith('Export'))) report(tree.body[0], 'a barrel file')
  }
  walk(tree.body, (node) => {
    const name = nameOf(node)
    if (node.type === 'ExportAllDeclaration') report(node, 'export *')
    if (node.type === 'ExportDefaultDeclaration') report(node, 'export default')
    if (name && htmlSinks.test(name)) report(node, name)
    if (node.type === 'CallExpression' && nameOf(node.callee) === 'eval') report(node, 'eval')
    if (/^(New|Call)Expression$/.test(node.type) && nameOf(node.callee) === 'Function')
      report(node, 'new Function')
    if (isMember(node, 'document', 'write')) report(node, 'document.write')
  })
}

function inEngine(tree: Tree, report: Report): void {
  const declared = declaredNames(tree)
  walk(tree.body, (node, parents) => {
    if (functions.test(node.type) && node.async) report(node, 'async')
    if (functions.test(node.type) && node.generator) report(node, 'a generator')
    if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await))
      report(node, 'await')
    if (node.type === 'YieldExpression') report(node, 'yield')
    if (node.type === 'ClassDeclaration' || node.type === 'ClassExpression') report(node, 'a class')
    if (node.type === 'ImportExpression') report(node, 'import()')
    if (node.type === 'MetaProperty' && nameOf(node.meta) === 'import') report(node, 'import.meta')
    if (isMember(node, 'Math', 'random')) report(node, 'Math.random')
    const method = node.type === 'MemberExpression' ? nameOf(node.property) : undefined
    if (method && localeMethods.test(method)) report(node, method)
    const name = nameOf(node)
    if (!name || !ambient.has(name) || declared.has(name)) return
    if (!isFieldName(node, parents.at(-1))) report(node, name)
  })
}

/** What a module keeps between calls: variables, empty collections waiting to be filled, constants that are changed. */
function moduleState(tree: Tree, report: Report): void {
  const constants = new Map<string, Node>()
  for (const statement of tree.body) {
    const node = isNode(statement.declaration) ? statement.declaration : statement
    if (node.type !== 'VariableDeclaration' || node.declare) continue
    if (node.kind !== 'const') report(node, `${node.kind} at module level`)
    for (const one of node.declarations as Node[]) {
      const name = nameOf(one.id)
      if (node.kind !== 'const' || !name || !isNode(one.init)) continue
      if (isEmptyCollection(one.init) && !isReadonly(one.id as Node))
        report(one, `${name} is an empty collection at module level`)
      constants.set(name, one.init)
    }
  }
  const count = new Map<string, number>()
  for (const name of bindings(tree)) count.set(name, (count.get(name) ?? 0) + 1)
  walk(tree.body, (node) => {
    const target = changedBy(node)
    const init = target === undefined ? undefined : constants.get(target)
    if (!target || !init || (count.get(target) ?? 0) > 1) return
    if (node.type === 'CallExpression' && init.type === 'ObjectExpression') return
    if (nameOf(init.callee) === 'WeakMap') return
    report(node, `${target} of module level is changed`)
  })
}

/** The name of the variable whose content a node changes. */
function changedBy(node: Node): string | undefined {
  if (node.type === 'AssignmentExpression') return memberObject(node.left)
  if (node.type === 'UpdateExpression') return memberObject(node.argument)
  if (node.type === 'UnaryExpression' && node.operator === 'delete') return memberObject(node.argument)
  if (node.type !== 'CallExpression' || !isNode(node.callee)) return undefined
  return mutators.test(nameOf(node.callee.property) ?? '') ? memberObject(node.callee) : undefined
}

function memberObject(node: unknown): string | undefined {
  return isNode(node) && node.type === 'MemberExpression' ? nameOf(node.object) : undefined
}

function isEmptyCollection(node: Node): boolean {
  if (node.type === 'ArrayExpression') return (node.elements as unknown[]).length === 0
  if (node.type === 'ObjectExpression') return (node.properties as unknown[]).length === 0
  if (node.type !== 'NewExpression' || !collections.test(nameOf(node.callee) ?? '')) return false
  const [first] = node.arguments as Node[]
  // A typed array of a given length is a buffer to be filled; one made from values is a table.
  const length = (first?.type === 'Literal' && first.value !== 0) || first?.type === 'BinaryExpression'
  return first === undefined || (first.type === 'ArrayExpression' && isEmptyCollection(first)) || length
}

/** Whether a variable is declared with a type that nothing can be put into. */
function isReadonly(id: Node): boolean {
  const type = (id.typeAnnotation as Node | null)?.typeAnnotation as Node | undefined
  return type?.operator === 'readonly' || (nameOf(type?.typeName) ?? '').startsWith('Readonly')
}

function isMember(node: Node, object: string, property: string): boolean {
  return (
    node.type === 'MemberExpression' && nameOf(node.object) === object && nameOf(node.property) === property
  )
}

/** Whether an identifier is the name of a field and stands for no variable. */
function isFieldName(node: Node, parent: Node | undefined): boolean {
  if (!parent || parent.computed) return false
  if (parent.type === 'MemberExpression') return parent.property === node
  if (parent.type === 'TSQualifiedName') return parent.right === node
  return parent.key === node
}

function declaredNames(tree: Tree): Set<string> {
  return new Set(bindings(tree))
}

/** Every name that a file declares: variables, parameters, functions, imports, types. */
function bindings(tree: Tree): string[] {
  const names: string[] = []
  const pattern = (node: unknown): void => {
    if (!isNode(node)) return
    const name = nameOf(node)
    if (name) names.push(name)
    if (node.type === 'ObjectPattern')
      for (const one of node.properties as Node[]) pattern(one.value ?? one.argument)
    if (node.type === 'ArrayPattern') for (const one of node.elements as unknown[]) pattern(one)
    if (node.type === 'AssignmentPattern') pattern(node.left)
    if (node.type === 'RestElement') pattern(node.argument)
  }
  walk(tree.body, (node) => {
    if (node.type === 'VariableDeclarator') pattern(node.id)
    if (functions.test(node.type) || node.type.startsWith('TSFunctionType')) {
      pattern(node.id)
      for (const one of (node.params as unknown[]) ?? []) pattern(one)
    }
    if (/^Import(Default|Namespace)?Specifier$/.test(node.type)) pattern(node.local)
    if (/^TS(TypeAlias|Interface|Enum)Declaration$/.test(node.type)) pattern(node.id)
  })
  return names
}
