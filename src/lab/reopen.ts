/** What a changed text says of the cluster itself: that is set up when a lab is opened, and not touched afterwards. */
import { jsonEqual } from '../kube/types.ts'
import type { ClusterDoc, LabCluster } from './cluster-types.ts'
import type { Diagnostic, Lab } from './types.ts'

const ANEW = 'open the lab anew'

/** Warnings about what has no effect before the lab is opened anew, at its document. `opened` is the lab that was opened. */
export function waitsForReopening(opened: Lab, lab: Lab): Diagnostic[] {
  const [old, now] = [opened.cluster, lab.cluster]
  if (old === undefined && now === undefined) return []
  if (now === undefined) {
    return [
      warning(
        'reopenEnd',
        `the text has no cluster any more, but the one that was started runs on: ${ANEW} to end it`,
      ),
    ]
  }
  if (old === undefined) {
    const message = `no cluster runs yet, this lab was opened without one: ${ANEW} to start it`
    return [warning('reopenStart', message, setup(now)[0] ?? now.manifests[0])]
  }
  const [before, after] = [setup(old), setup(now)]
  const changed = after.filter((doc) => !before.some((was) => sameDoc(was, doc)))
  const gone = before.filter((was) => !after.some((doc) => doc.kind === was.kind))
  return [
    ...changed.map((doc) =>
      warning(
        'reopenChange',
        `the running cluster keeps its ${nameOf(doc)}: ${ANEW} to change it`,
        doc,
        nameOf(doc),
      ),
    ),
    ...gone.map((was) =>
      warning(
        'reopenGone',
        `the running cluster keeps its ${nameOf(was)}: ${ANEW} to take it away`,
        undefined,
        nameOf(was),
      ),
    ),
  ]
}

/** The documents that a cluster is set up with; its manifests are applied to the running one. */
function setup(cluster: LabCluster): ClusterDoc[] {
  const { clusterConfiguration, proxyConfiguration, kubeletConfiguration, conflists } = cluster
  return [clusterConfiguration, proxyConfiguration, kubeletConfiguration, ...conflists].filter(
    (doc): doc is ClusterDoc => doc !== undefined,
  )
}

function sameDoc(a: ClusterDoc, b: ClusterDoc): boolean {
  return a.kind === b.kind && jsonEqual(a.value, b.value)
}

function nameOf({ kind }: ClusterDoc): string {
  return kind === 'CNI' ? 'CNI configuration' : kind
}

/** Where nothing is left to point at: the text's beginning. */
function warning(key: string, message: string, doc?: ClusterDoc, kind = ''): Diagnostic {
  const place = doc?.span ?? { line: 1, column: 1, endLine: 1, endColumn: 1 }
  return { severity: 'warning', message, ...place, about: 'reopen', note: { key, kind } }
}
