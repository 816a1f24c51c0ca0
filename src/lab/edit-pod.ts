/** A pod drawn into a cluster: one more manifest at the end of the lab's text. */
import { refuse } from './draft.ts'
import { parseLab } from './parse.ts'
import type { Edited } from './types.ts'

/** Adds a Pod with a web server under the first name that is free. Refused where the lab has no cluster. */
export function addPod(text: string, wanted: string | undefined): Edited {
  const { lab, diagnostics } = parseLab(text)
  if (lab === undefined) return { text, created: [], diagnostics }
  if (lab.cluster === undefined) return refuse(text, 'the lab has no cluster to run a pod')
  const names = new Set(
    lab.cluster.manifests.map(({ kind, value }) => `${kind} ${(value.metadata as { name?: string })?.name}`),
  )
  const name = wanted ?? firstFree((one) => names.has(`Pod ${one}`))
  const lines = [
    ...['apiVersion: v1', 'kind: Pod', 'metadata:', `  name: ${name}`, '  labels:', `    app: ${name}`],
    ...['spec:', '  containers:', '    - name: web', '      image: nginx', '      ports:'],
    '        - containerPort: 80',
  ]
  const end = text.endsWith('\n') ? '' : '\n'
  const made = `${text}${end}---\n${lines.join('\n')}\n`
  const after = parseLab(made)
  const error = after.diagnostics.find(({ severity }) => severity === 'error')
  if (error !== undefined) return refuse(text, error.message)
  return { text: made, created: [], diagnostics: after.diagnostics }
}

function firstFree(taken: (name: string) => boolean): string {
  let n = 1
  while (taken(`pod${n}`)) n++
  return `pod${n}`
}
