/** Manifests as a command on a machine reads them: YAML or JSON documents, with go-yaml's words for what is wrong. */
import type { Json } from '../kube/types.ts'
import { jsonDocument } from './cluster-json.ts'
import { readYaml } from './yaml.ts'

/** The documents of a text; `error` is '' or what kubectl says behind `error parsing FILE: `. */
export function readManifestText(text: string): { docs: readonly Json[]; error: string } {
  const source = readYaml(text)
  const docs: Json[] = []
  for (const doc of source.diagnostics.length === 0 ? source.docs : []) {
    const read = jsonDocument(source, doc)
    docs.push(read === undefined ? (doc.toJS() as Json) : read.value)
  }
  const [problem] = source.diagnostics
  if (problem === undefined) return { docs, error: '' }
  const words = goWords(problem.message)
  // go-yaml complains of the colon, the reader of where its mapping begins; of a long key it tells the end too.
  const key = source.diagnostics.find(
    ({ message, line }) => /single line/.test(message) && line === problem.line,
  )
  const line = words.startsWith('mapping values') ? (key ?? problem).endLine : problem.line
  const where = line > 1 ? `line ${line}: ` : ''
  return { docs: [], error: `error converting YAML to JSON: yaml: ${where}${words}` }
}

/** The reader's words as go-yaml's, where both have some for the same mistake. */
function goWords(message: string): string {
  if (/nested mappings|compact mappings|implicit map|mapping values/i.test(message)) {
    return 'mapping values are not allowed in this context'
  }
  if (/tab/i.test(message)) return 'found character that cannot start any token'
  if (/missing closing|unexpected end|expected .*quote/i.test(message))
    return 'found unexpected end of stream'
  if (/all (sequence|collection) items|bad indentation/i.test(message))
    return "did not find expected '-' indicator"
  if (/implicit keys?/i.test(message)) return "could not find expected ':'"
  return message
}
