/** Objects printed by `-o`: json, yaml, name, jsonpath, custom-columns. Models cli-runtime pkg/printers (1.32). */
import { quote } from '../../../kube/api/fields.ts'
import type { Json, ResourceInfo } from '../../../kube/types.ts'
import { field, isRecord, withField } from '../../../kube/types.ts'
import { readFile } from '../../../run/files.ts'
import type { Flags } from './flags.ts'
import { boolFlag, textFlag } from './flags.ts'
import { fault, once, print } from './flow.ts'
import type { GoTemplate } from './gotemplate.ts'
import { readGoTemplate, runGoTemplate } from './gotemplate.ts'
import { goSyntax, goText } from './gotext.ts'
import { findGroups, runTemplate } from './jsonpath.ts'
import type { Template } from './jsonpath-parse.ts'
import { parseRelaxed, parseTemplate } from './jsonpath-parse.ts'
import type { Client } from './rest.ts'
import { dryRunNote, shownName, type DryRun } from './rest.ts'
import { getColumns } from './tabs.ts'
import { typedObject } from './typed.ts'
import { compactJson, toJson, toYaml, typedJson } from './yaml.ts'

/** Flags of everything that prints objects. */
export const OUTPUT_FLAGS = ['output/o=', 'template=', 'show-managed-fields', 'allow-missing-template-keys']

const FORMATS =
  'custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,name,template,templatefile,wide,yaml'

export interface Format {
  readonly kind:
    | 'table' | 'wide' | 'json' | 'yaml' | 'name' | 'jsonpath' | 'jsonpath-as-json' | 'columns' | 'go-template' // biome-ignore format: one list
  readonly template: Template
  readonly goTemplate?: GoTemplate
  readonly columns: readonly { readonly header: string; readonly path: Template }[]
}

const NO_TEMPLATE: Template = { text: '', nodes: [], error: '' }

/** What -o asks for. `tables`: the command knows tables. */
export function formatOf(client: Client, tables = false): Format {
  const { flags, flow } = client
  const given = textFlag(flags, 'output')
  const text = given === '' && textFlag(flags, 'template') !== '' ? 'go-template' : given
  const [name = '', ...rest] = text.split('=')
  const argument = rest.join('=') || textFlag(flags, 'template')
  const plain = (kind: Format['kind']): Format => ({ kind, template: NO_TEMPLATE, columns: [] })
  const file = (what = '--template') => {
    const read = once(flow, () => readFile(flow.ctx, argument))
    return read.error === ''
      ? read.text
      : fault(`error: error reading ${what} ${argument}, open ${argument}: ${read.error.toLowerCase()}\n`)
  }
  const lower = name.toLowerCase()
  if (lower === 'json' || lower === 'yaml' || lower === 'name') return plain(lower)
  switch (name) {
    case '':
      return plain('table')
    case 'wide':
      if (tables) return plain('wide')
      break
    case 'jsonpath':
    case 'jsonpath-as-json':
    case 'jsonpath-file': {
      if (argument === '') fault(`error: template format specified but no template given`)
      const source = name === 'jsonpath-file' ? file() : argument
      const template = parseTemplate(source)
      if (template.error !== '') fault(`error: error parsing jsonpath ${source}, ${template.error}`)
      return { ...plain(name === 'jsonpath-as-json' ? name : 'jsonpath'), template }
    }
    case 'go-template':
    case 'template':
    case 'go-template-file':
    case 'templatefile': {
      if (argument === '') fault('error: template format specified but no template given')
      const source = name.endsWith('file') ? file() : argument
      const goTemplate = readGoTemplate(source, boolFlag(flags, 'allow-missing-template-keys', true))
      const { error } = goTemplate.parsed
      if (error !== '') fault(`error: error parsing template ${source}, ${error}\n`)
      return { ...plain('go-template'), goTemplate }
    }
    case 'custom-columns':
    case 'custom-columns-file':
      if (tables)
        return {
          ...plain('columns'),
          columns: columnsOf(
            name,
            name === 'custom-columns' || argument === '' ? argument : file('template'),
          ),
        }
      break
    default:
  }
  const shown = name.startsWith('custom-columns') ? given : name
  const known = tables
    ? FORMATS
    : FORMATS.replace('custom-columns,custom-columns-file,', '').replace('wide,', '')
  return fault(
    `error: unable to match a printer suitable for the output format "${shown}", allowed formats are: ${known}`,
  )
}

function columnsOf(name: string, text: string): Format['columns'] {
  if (text === '') fault('error: custom-columns format specified but no custom columns given')
  if (name === 'custom-columns-file') {
    const [headers = '', paths = ''] = text.split('\n')
    const words = (line: string) => line.split(/\s+/).filter((word) => word !== '')
    return words(headers).map((header, i) => ({ header, path: parseRelaxed(words(paths)[i] ?? '') }))
  }
  return text.split(',').map((part) => {
    const at = part.indexOf(':')
    if (at < 0) {
      fault(`error: unexpected custom-columns spec: ${part}, expected <header>:<json-path-expr>`)
    }
    const path = parseRelaxed(part.slice(at + 1))
    if (path.error.startsWith('unexpected path')) fault(`error: ${path.error}`)
    return { header: part.slice(0, at), path }
  })
}

/** Metadata without managedFields, as everything but `--show-managed-fields` shows it. */
export function withoutManaged(object: Json, flags: Flags): Json {
  if (boolFlag(flags, 'show-managed-fields') || !isRecord(object)) return object
  const metadata = field(object, 'metadata')
  if (!isRecord(metadata) || field(metadata, 'managedFields') === undefined) return object
  return withField(object, 'metadata', withField(metadata, 'managedFields', undefined))
}

/** As `objectText`, of an object that the client has read into Go's types. */
export function typedText(format: Format, object: Json, flags: Flags): string {
  const typed = typedObject(withoutManaged(object, flags))
  return format.kind === 'json' ? typedJson(typed) : objectText(format, typed, flags)
}

/** The text of an object, a list too, in any format but tables. */
export function objectText(format: Format, object: Json, flags: Flags): string {
  const shown =
    isRecord(object) && Array.isArray(field(object, 'items'))
      ? withField(
          object,
          'items',
          (field(object, 'items') as Json[]).map((one) => withoutManaged(one, flags)),
        )
      : withoutManaged(object, flags)
  switch (format.kind) {
    case 'json':
      return toJson(shown)
    case 'yaml':
      return toYaml(shown)
    case 'jsonpath':
      return jsonpathText(format.template, shown, flags)
    case 'jsonpath-as-json':
      return findGroups(format.template, shown)
        .groups.map((found) => toJson([...found]))
        .join('')
    case 'go-template':
      return goTemplateText(format.goTemplate!, shown)
    default:
      return ''
  }
}

function jsonpathText(template: Template, object: Json, flags: Flags): string {
  const loose = boolFlag(flags, 'allow-missing-template-keys', true)
  const { text, error } = runTemplate(template, object, loose)
  if (error === '') return text
  const told = [
    `Error executing template: ${error}. Printing more information for debugging the template:`,
    `\ttemplate was:\n\t\t${template.text}`,
    `\tobject given to jsonpath engine was:\n\t\t${goSyntax(object)}\n\n\n`,
  ]
  return fault(`error: error executing jsonpath ${quote(template.text)}: ${told.join('\n')}`)
}

/** What a template makes of an object; where it fails, with what helps to find out why. */
function goTemplateText(template: GoTemplate, object: Json): string {
  const { text, error } = runGoTemplate(template, object)
  if (error === '') return text
  const told = [
    `${text}Error executing template: ${error}. Printing more information for debugging the template:`,
    `\ttemplate was:\n\t\t${template.text}`,
    `\traw data was:\n\t\t${compactJson(object)}`,
    `\tobject given to template engine was:\n\t\t${goText(object)}\n\n`,
  ]
  return fault(`error: error executing template ${quote(template.text)}: ${error}`, 1, told.join('\n'))
}

/** Rows of custom columns, the header first unless there is none. */
export function columnsText(
  format: Format,
  objects: readonly Json[],
  header: boolean,
  widths?: number[],
): string {
  const head = format.columns.map((one) => one.header)
  const top = header ? getColumns([head]) : ''
  const rows = objects.map((object) =>
    format.columns.map(({ path }) => {
      const { groups, error } = findGroups(path, object)
      if (error !== '') fault(`error: ${error}`, 1, top)
      const found = groups.flat()
      return found.length === 0
        ? '<none>'
        : found.map((one) => (one === null ? '<none>' : goText(one))).join(',')
    }),
  )
  return getColumns(header ? [head, ...rows] : rows, widths)
}

/** What a write says: `TYPE/NAME verb`, or the object by -o. `typed`: the client knows the object's type. */
export function printDone(
  client: Client,
  info: ResourceInfo,
  object: Json,
  done: string,
  dry: DryRun = 'none',
  typed = false,
): void {
  const { flow, flags } = client
  const format = formatOf(client)
  const name = String(field(field(object, 'metadata'), 'name') ?? '')
  if (format.kind === 'table') print(flow, `${shownName(info, name)} ${done}${dryRunNote(dry)}\n`)
  else if (format.kind === 'name') print(flow, `${shownName(info, name)}\n`)
  else print(flow, (typed ? typedText : objectText)(format, object, flags))
}

/** Several objects as a v1 List. */
export function listOf(items: readonly Json[]): Json {
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }
}
