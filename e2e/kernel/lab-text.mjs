// Adds boot lines to a lab file's text.
import { isMap, isSeq, parseAllDocuments, YAMLSeq } from 'yaml'

/** Appends `MACHINE[/NETNS]: COMMAND` lines to the exec lists of their machines; the text of the rest stays. */
export function appendToExec(text, lines) {
  if (lines.length === 0) return text
  const documents = parseAllDocuments(text)
  const topology = documents.find((document) => document.has('topology'))
  for (const line of lines) {
    const [, machine, netns, command] = /^([^:/]+)(?:\/([^:]+))?: (.*)$/.exec(line)
    const node = topology.getIn(['topology', 'nodes', machine], true)
    if (!isMap(node)) throw new Error(`no machine ${machine} in the lab`)
    let exec = node.get('exec', true)
    if (!isSeq(exec)) {
      exec = new YAMLSeq()
      node.set('exec', exec)
    }
    exec.add(netns === undefined ? command : `ip netns exec ${netns} sh -c '${command}'`)
  }
  return documents.map((document) => document.toString({ directives: false })).join('---\n')
}
