/** Reads the Lesson document: what a lab teaches, asks, types by itself and checks. */
import type { Document, ParsedNode } from 'yaml'
import { parsePlaced } from './names.ts'
import type { Expectation, Lab, Lesson, LessonCheck, LessonQuestion, OutputTest, Placed } from './types.ts'
import type { Source } from './yaml.ts'
import {
  boolOf,
  fieldsOf,
  isString,
  itemsOf,
  numberOf,
  problem,
  resolved,
  spanOf,
  spanOfNode,
  stringOf,
} from './yaml.ts'

/** Reads it into `lab.lesson` and `lab.ipv6`. The topology must have been read: machines are named here. */
export function readLesson(source: Source, doc: Document.Parsed, lab: Lab): void {
  const top = fieldsOf(source, doc, doc.contents, 'the Lesson', ['apiVersion', 'kind', 'metadata', 'spec'])
  const root = doc.contents
  if (top === undefined || root === null) return
  const meta = fieldsOf(source, doc, top.get('metadata')?.value ?? null, '"metadata"', ['name'])
  const name = meta?.get('name')
  const lesson: Lesson = {
    name:
      name === undefined
        ? ''
        : (stringOf(source, doc, name.value ?? name.key, '"metadata.name"', true) ?? ''),
    title: new Map(),
    chapter: '',
    text: new Map(),
    seed: 1,
    questions: [],
    checks: [],
    start: [],
    span: spanOfNode(source, root),
  }
  lab.lesson = lesson
  const known = ['title', 'chapter', 'text', 'seed', 'ipv6', 'questions', 'checks', 'start']
  const spec = fieldsOf(source, doc, top.get('spec')?.value ?? null, '"spec"', known)
  if (spec === undefined) return
  lesson.title = words(source, doc, spec.get('title')?.value ?? null, '"title"')
  lesson.text = words(source, doc, spec.get('text')?.value ?? null, '"text"')
  const chapter = spec.get('chapter')
  if (chapter !== undefined) lesson.chapter = stringOf(source, doc, chapter.value, '"chapter"', true) ?? ''
  const seed = spec.get('seed')
  if (seed !== undefined) lesson.seed = numberOf(source, doc, seed.value, '"seed"', 0, 4_294_967_295) ?? 1
  const ipv6 = spec.get('ipv6')
  if (ipv6 !== undefined) lab.ipv6 = boolOf(source, doc, ipv6.value, '"ipv6"') ?? false
  for (const item of itemsOf(source, doc, spec.get('questions')?.value ?? null, '"questions"') ?? []) {
    const question = readQuestion(source, doc, item)
    if (question !== undefined) lesson.questions.push(question)
  }
  for (const item of itemsOf(source, doc, spec.get('checks')?.value ?? null, '"checks"') ?? []) {
    const check = readCheck(source, doc, item, lab)
    if (check === undefined) continue
    if (lesson.checks.some((c) => c.id === check.id)) {
      problem(source, spanOfNode(source, item), `two checks have the id "${check.id}"`)
    } else lesson.checks.push(check)
  }
  for (const item of itemsOf(source, doc, spec.get('start')?.value ?? null, '"start"') ?? []) {
    const placed = readPlaced(source, doc, item, lab, 'a command of "start"')
    if (placed !== undefined) lesson.start.push(placed)
  }
}

/** A text by language, or one string, which is English. */
function words(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  where: string,
): Map<string, string> {
  const node = resolved(source, raw, doc)
  const result = new Map<string, string>()
  if (node === null) return result
  if (isString(node)) return result.set('en', node.value)
  for (const field of fieldsOf(source, doc, node, where, null)?.values() ?? []) {
    if (!/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$/.test(field.name)) {
      problem(
        source,
        spanOfNode(source, field.key),
        `"${field.name.slice(0, 40)}" in ${where} is no language tag`,
      )
      continue
    }
    const text = stringOf(source, doc, field.value ?? field.key, `${where} in "${field.name}"`)
    if (text !== undefined) result.set(field.name, text)
  }
  if (result.size > 0 && !result.has('en')) problem(source, spanOfNode(source, node), `${where} has no "en"`)
  return result
}

function readQuestion(source: Source, doc: Document.Parsed, item: ParsedNode): LessonQuestion | undefined {
  const node = resolved(source, item, doc)
  if (isString(node)) return { text: new Map([['en', node.value]]), answer: new Map() }
  const fields = fieldsOf(source, doc, item, 'a question', ['text', 'answer'])
  if (fields === undefined) return undefined
  return {
    text: words(source, doc, fields.get('text')?.value ?? null, '"text" of a question'),
    answer: words(source, doc, fields.get('answer')?.value ?? null, '"answer" of a question'),
  }
}

function readCheck(
  source: Source,
  doc: Document.Parsed,
  item: ParsedNode,
  lab: Lab,
): LessonCheck | undefined {
  const span = spanOfNode(source, item)
  const fields = fieldsOf(source, doc, item, 'a check', ['id', 'title', 'run', 'expect', 'mends'])
  if (fields === undefined) return undefined
  const id = stringOf(source, doc, fields.get('id')?.value ?? null, '"id" of a check', true) ?? ''
  const run = fields.get('run')
  if (id === '' || run === undefined) {
    problem(source, span, 'a check needs "id" and "run"')
    return undefined
  }
  const placed = readPlaced(source, doc, run.value ?? run.key, lab, `"run" of check "${id}"`)
  const mends = fields.get('mends')
  const title = words(source, doc, fields.get('title')?.value ?? null, `"title" of check "${id}"`)
  if (title.size === 0) title.set('en', id)
  const expect = readExpect(source, doc, fields.get('expect')?.value ?? null, id)
  if (placed === undefined) return undefined
  return {
    id,
    title,
    run: placed,
    expect,
    mends:
      mends === undefined ? undefined : readPlaced(source, doc, mends.value, lab, `"mends" of check "${id}"`),
  }
}

function readExpect(source: Source, doc: Document.Parsed, node: ParsedNode | null, id: string): Expectation {
  const expect: Expectation = { exit: undefined, stdout: noTest(), stderr: noTest() }
  const where = `"expect" of check "${id}"`
  const fields = fieldsOf(source, doc, node, where, ['exit', 'stdout', 'stderr'])
  if (fields === undefined) {
    expect.exit = 0
    return expect
  }
  const exit = fields.get('exit')
  if (exit !== undefined) expect.exit = numberOf(source, doc, exit.value, `"exit" of check "${id}"`, 0, 255)
  expect.stdout = readTest(source, doc, fields.get('stdout')?.value ?? null, `"stdout" of check "${id}"`)
  expect.stderr = readTest(source, doc, fields.get('stderr')?.value ?? null, `"stderr" of check "${id}"`)
  return expect
}

function noTest(): OutputTest {
  return { equals: undefined, contains: [], lacks: [], matches: [] }
}

/** One string is something that the output must contain. */
function readTest(source: Source, doc: Document.Parsed, raw: ParsedNode | null, where: string): OutputTest {
  const test = noTest()
  const node = resolved(source, raw, doc)
  if (node === null) return test
  if (isString(node)) {
    test.contains.push(node.value)
    return test
  }
  const fields = fieldsOf(source, doc, node, where, ['equals', 'contains', 'lacks', 'matches'])
  for (const field of fields?.values() ?? []) {
    const value = resolved(source, field.value, doc)
    const texts: string[] = []
    if (isString(value)) texts.push(value.value)
    else {
      for (const item of itemsOf(source, doc, field.value, `"${field.name}" in ${where}`) ?? []) {
        const text = stringOf(source, doc, item, `an item of "${field.name}" in ${where}`)
        if (text !== undefined) texts.push(text)
      }
    }
    if (texts.some((text) => text.length > 4096)) {
      problem(
        source,
        spanOfNode(source, field.key),
        `"${field.name}" in ${where} is longer than 4096 characters`,
      )
    } else if (field.name === 'equals') test.equals = texts[0]
    else if (field.name === 'contains') test.contains = texts
    else if (field.name === 'lacks') test.lacks = texts
    else test.matches = texts
  }
  return test
}

function readPlaced(
  source: Source,
  doc: Document.Parsed,
  raw: ParsedNode | null,
  lab: Lab,
  where: string,
): Placed | undefined {
  if (raw === null) {
    problem(source, spanOf(source, 0, 0), `${where} is empty`)
    return undefined
  }
  const text = stringOf(source, doc, raw, where)
  if (text === undefined) return undefined
  const span = spanOfNode(source, raw)
  const placed = parsePlaced(text)
  if (typeof placed === 'string') {
    problem(source, span, `${where}: ${placed}`)
    return undefined
  }
  if (!lab.machines.some((m) => m.name === placed.machine)) {
    problem(source, span, `${where}: no node is named "${placed.machine}"`)
    return undefined
  }
  return { ...placed, span }
}
