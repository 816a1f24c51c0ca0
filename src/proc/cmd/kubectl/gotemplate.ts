/**
 * Go templates over JSON, as `-o go-template` runs them. Models text/template exec.go and funcs.go (Go 1.23) with
 * kubectl's own functions `exists` and `base64decode`. Not here: methods, functions as values.
 */
import type { Json } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import type { Command, Node, Operand, Parsed, Pipe } from './gotemplate-parse.ts'
import { nodeText, parseGoTemplate } from './gotemplate-parse.ts'
import { callFunction, FUNCTIONS, truth } from './gotemplate-funcs.ts'
import type { GoValue } from './gotext.ts'
import { goText, goType } from './gotext.ts'
import { quote } from '../../../kube/api/fields.ts'

/** A template that can be run. */
export interface GoTemplate {
  readonly text: string
  readonly parsed: Parsed
  /** A key that is not there is no value; else an error. */
  readonly loose: boolean
}

const NAME = 'output'
const DEPTH_MAX = 200
const STEPS_MAX = 1_000_000

/** Reads a template; `parsed.error` says what is wrong with it. */
export function readGoTemplate(text: string, loose: boolean): GoTemplate {
  return { text, parsed: parseGoTemplate(NAME, text, FUNCTIONS), loose }
}

interface Run {
  readonly template: GoTemplate
  text: string
  at: Operand | Command | Node | undefined
  vars: { name: string; value: GoValue }[]
  depth: number
  steps: number
}

interface Wrong {
  readonly wrong: string
}

const NONE: GoValue = { value: undefined, type: '', loose: false }
const made = (value: Json | undefined, type: GoValue['type'] = ''): GoValue => ({ value, type, loose: false })
const inside = (value: Json | undefined): GoValue => ({ value, type: '', loose: true })

/** What a template prints for a value, and '' or what went wrong on the way. */
export function runGoTemplate(template: GoTemplate, value: Json): { text: string; error: string } {
  const run: Run = { template, text: '', at: undefined, vars: [], depth: 0, steps: 0 }
  try {
    const dot = made(value)
    run.vars.push({ name: '$', value: dot })
    walk(run, dot, template.parsed.main)
    return { text: run.text, error: '' }
  } catch (thrown) {
    if (typeof thrown === 'object' && thrown !== null && 'wrong' in thrown) {
      return { text: run.text, error: (thrown as Wrong).wrong }
    }
    throw thrown
  }
}

function wrong(run: Run, words: string): never {
  const { at, template } = run
  if (at === undefined) throw { wrong: `template: ${NAME}: ${words}` } satisfies Wrong
  const before = template.text.slice(0, at.at)
  const column = at.at - (before.lastIndexOf('\n') + 1)
  const place = `${NAME}:${before.split('\n').length}:${column}`
  const text = `template: ${place}: executing ${quote(NAME)} at <${nodeText(at)}>: ${words}`
  throw { wrong: text } satisfies Wrong
}

type Jump = 'break' | 'continue' | undefined

function walk(run: Run, dot: GoValue, nodes: readonly Node[]): Jump {
  for (const node of nodes) {
    if (++run.steps > STEPS_MAX) wrong(run, 'the template takes too many steps for Kubehop')
    const jump = walkNode(run, dot, node)
    if (jump !== undefined) return jump
  }
  return undefined
}

function walkNode(run: Run, dot: GoValue, node: Node): Jump {
  run.at = node
  switch (node.k) {
    case 'text':
      run.text += node.text
      return undefined
    case 'action': {
      const value = evalPipe(run, dot, node.pipe)
      if (node.pipe.decl.length > 0) return undefined
      run.text += value.value === undefined ? '<no value>' : goText(value.value, value.type)
      return undefined
    }
    case 'if':
    case 'with': {
      const mark = run.vars.length
      const value = evalPipe(run, dot, node.pipe)
      const list = truth(value) ? node.list : node.other
      const jump = walk(run, node.k === 'with' && truth(value) ? value : dot, list)
      run.vars.length = mark
      return jump
    }
    case 'range':
      walkRange(run, dot, node)
      return undefined
    case 'template':
      walkTemplate(run, dot, node)
      return undefined
    default:
      return node.k
  }
}

function walkTemplate(run: Run, dot: GoValue, node: Extract<Node, { k: 'template' }>): void {
  const list = run.template.parsed.defined.get(node.name)
  if (list === undefined) throw wrong(run, `template ${quote(node.name)} not defined`)
  if (run.depth >= DEPTH_MAX) wrong(run, `exceeded maximum template depth (${DEPTH_MAX})`)
  const value = node.pipe === undefined ? NONE : evalPipe(run, dot, node.pipe)
  const { vars } = run
  run.vars = [{ name: '$', value }]
  run.depth++
  walk(run, value, list)
  run.depth--
  run.vars = vars
}

type RangeNode = Extract<Node, { k: 'if' | 'with' | 'range' }>

function walkRange(run: Run, dot: GoValue, node: RangeNode): void {
  const mark = run.vars.length
  const over = evalPipe(run, dot, node.pipe)
  const pairs = pairsOf(run, over)
  const { decl, assign } = node.pipe
  const top = run.vars.length
  for (const [index, one] of pairs) {
    if (decl.length > 0) {
      const values = decl.length > 1 ? [index, one] : [one]
      for (const [i, name] of decl.entries()) {
        if (assign) setVar(run, name, values[i]!)
        else run.vars[top - decl.length + i] = { name, value: values[i]! }
      }
    }
    const jump = walk(run, one, node.list)
    run.vars.length = top
    if (jump === 'break') break
  }
  if (pairs.length === 0) walk(run, dot, node.other)
  run.vars.length = mark
}

function pairsOf(run: Run, over: GoValue): [GoValue, GoValue][] {
  const { value, type } = over
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return (value as Json[]).map((one, i) => [made(i, 'int'), inside(one)])
  if (isRecord(value)) {
    return Object.keys(value)
      .sort()
      .map((key) => [made(key), inside(field(value, key) ?? null)])
  }
  return wrong(run, `range can't iterate over ${goText(value, type)}`)
}

function setVar(run: Run, name: string, value: GoValue): void {
  const found = run.vars.findLast((one) => one.name === name)
  if (found === undefined) wrong(run, `undefined variable: ${name}`)
  else found.value = value
}

function evalPipe(run: Run, dot: GoValue, pipe: Pipe): GoValue {
  run.at = pipe
  let value: GoValue | undefined
  for (const command of pipe.commands) {
    const result = evalCommand(run, dot, command, value)
    value = result.loose ? made(result.value ?? undefined) : result
  }
  const last = value ?? NONE
  for (const name of pipe.decl) {
    if (pipe.assign) setVar(run, name, last)
    else run.vars.push({ name, value: last })
  }
  return last
}

function evalCommand(run: Run, dot: GoValue, command: Command, final: GoValue | undefined): GoValue {
  const first = command.args[0]!
  switch (first.k) {
    case 'field':
      run.at = first
      return fields(run, dot, first.names, command.args, final)
    case 'chain':
      return chain(run, dot, first, command.args, final)
    case 'function':
      return call(run, dot, first, command, command.args.slice(1), final)
    case 'pipe':
      noArguments(run, command.args, final)
      return evalPipe(run, dot, first)
    case 'variable':
      return variable(run, first, command.args, final)
    default:
  }
  run.at = first
  noArguments(run, command.args, final)
  if (first.k === 'nil') return wrong(run, 'nil is not a command')
  return first.k === 'dot' ? dot : constant(run, first)
}

function noArguments(run: Run, args: readonly Operand[], final: GoValue | undefined): void {
  if (args.length > 1 || final !== undefined) {
    wrong(run, `can't give argument to non-function ${nodeText(args[0]!)}`)
  }
}

function constant(run: Run, node: Operand): GoValue {
  if (node.k === 'number') return made(node.value, node.float ? 'float64' : 'int')
  if (node.k === 'string' || node.k === 'bool') return made(node.value)
  return wrong(run, `can't handle ${nodeText(node)}`)
}

function variable(
  run: Run,
  node: Extract<Operand, { k: 'variable' }>,
  args: readonly Operand[],
  final: GoValue | undefined,
): GoValue {
  run.at = node
  const [name = '', ...names] = node.names
  const found = run.vars.findLast((one) => one.name === name)
  if (found === undefined) return wrong(run, `undefined variable: ${name}`)
  if (names.length > 0) return fields(run, found.value, names, args, final)
  noArguments(run, args, final)
  return found.value
}

function chain(
  run: Run,
  dot: GoValue,
  node: Extract<Operand, { k: 'chain' }>,
  args: readonly Operand[],
  final: GoValue | undefined,
): GoValue {
  run.at = node
  const start = evalArg(run, dot, node.of)
  return fields(run, start, node.names, args, final)
}

function fields(
  run: Run,
  start: GoValue,
  names: readonly string[],
  args: readonly Operand[],
  final: GoValue | undefined,
): GoValue {
  let value = start
  for (const [i, name] of names.entries()) {
    const last = i === names.length - 1
    value = fieldOf(run, value, name, last && (args.length > 1 || final !== undefined))
  }
  return value
}

function fieldOf(run: Run, { value, type, loose }: GoValue, name: string, hasArgs: boolean): GoValue {
  if (value === undefined) {
    if (!run.template.loose) wrong(run, `nil data; no entry for key ${quote(name)}`)
    return NONE
  }
  if (value === null) return wrong(run, `nil pointer evaluating interface {}.${name}`)
  if (isRecord(value)) {
    if (hasArgs) wrong(run, `${name} is not a method but has arguments`)
    const found = field(value, name)
    if (found === undefined && !run.template.loose) wrong(run, `map has no entry for key ${quote(name)}`)
    return found === undefined ? NONE : inside(found)
  }
  return wrong(
    run,
    `can't evaluate field ${name} in type ${loose ? 'interface {}' : goType({ value, type })}`,
  )
}

function evalArg(run: Run, dot: GoValue, node: Operand): GoValue {
  run.at = node
  switch (node.k) {
    case 'dot':
      return dot
    case 'nil':
      return made(null)
    case 'field':
      return fields(run, dot, node.names, [node], undefined)
    case 'variable':
      return variable(run, node, [node], undefined)
    case 'pipe':
      return evalPipe(run, dot, node)
    case 'function':
      return call(run, dot, node, node, [], undefined)
    case 'chain':
      return chain(run, dot, node, [node], undefined)
    default:
      return constant(run, node)
  }
}

function call(
  run: Run,
  dot: GoValue,
  { name, at: place }: Extract<Operand, { k: 'function' }>,
  node: Operand | Command,
  args: readonly Operand[],
  final: GoValue | undefined,
): GoValue {
  const word: Operand = { k: 'function', name, at: place }
  run.at = word
  if ((name === 'and' || name === 'or') && args.length > 0) {
    let value = NONE
    for (const arg of args) {
      value = evalArg(run, dot, arg)
      if (truth(value) === (name === 'or')) return value
    }
    return final ?? value
  }
  const result = callFunction(name, args.length + (final === undefined ? 0 : 1), () => {
    const values = args.map((arg) => evalArg(run, dot, arg))
    return final === undefined ? values : [...values, final]
  })
  if ('value' in result) return result
  const first = args[0]
  if (result.k === 'call') {
    run.at = node
    // The one function that tells its argument as it was written.
    const called =
      name === 'call' && first !== undefined
        ? ` ${nodeText(first)} of type ${goType(evalArg(run, dot, first))}`
        : ''
    run.at = node
    return wrong(
      run,
      `error calling ${name}: ${result.error}${result.error === 'non-function' ? called : ''}`,
    )
  }
  const literal = first?.k === 'number' || first?.k === 'bool'
  if (literal && result.error.startsWith('wrong type'))
    return wrong(run, `expected string; found ${nodeText(first)}`)
  return wrong(run, result.error)
}
