/**
 * `kubectl apply --prune`: what was applied before and stands in no file any more goes. Models kubectl
 * pkg/cmd/apply/prune.go and pkg/util/prune (1.32). Kinds of the list that the server does not have are left out.
 */
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { lastApplied } from './applied.ts'
import { wallNow } from './clock.ts'
import { listFlag, textFlag } from './flags.ts'
import { complain, fault } from './flow.ts'
import { printDone } from './output.ts'
import type { Client, DryRun } from './rest.ts'
import { call, discover, failStatus, kindNamed, metaOf, must, pathOf } from './rest.ts'
import { klogStamp } from './stream.ts'

/** What is pruned where nobody says it. */
const KINDS = [
  'v1/ConfigMap', 'v1/Endpoints', 'v1/PersistentVolumeClaim', 'v1/Pod', 'v1/ReplicationController', 'v1/Secret', 'v1/Service',
  'batch/v1/Job', 'batch/v1/CronJob', 'networking.k8s.io/v1/Ingress', 'apps/v1/DaemonSet', 'apps/v1/Deployment',
  'apps/v1/ReplicaSet', 'apps/v1/StatefulSet', 'v1/Namespace', 'v1/PersistentVolume',
] // biome-ignore format: one list

const DEPRECATED =
  'Deprecated: kubectl apply will no longer prune non-namespaced resources by default when used with the --namespace flag in a future release. To preserve the current behaviour, list the resources you want to target explicitly in the --prune-allowlist flag.'

/** The kinds of --prune-allowlist; none where it was not given. A mistake ends the command. */
export function allowed(client: Client): readonly ResourceInfo[] {
  return listFlag(client.flags, 'prune-allowlist').map((text) => {
    const [group = '', version = '', kind = '', ...more] = text.split('/')
    if (kind === '' || more.length > 0) {
      fault(`error: invalid GroupVersionKind format: ${text}, please follow <group/version/kind>`)
    }
    const apiVersion = group === 'core' || group === '' ? version : `${group}/${version}`
    return (
      kindNamed(discover(client), apiVersion, kind) ??
      fault(`error: no matches for kind "${kind}" in version "${apiVersion}"`)
    )
  })
}

/** Deletes what has been applied and is not among `applied`, in the namespaces that these are in. */
export function prune(
  client: Client,
  given: readonly ResourceInfo[],
  applied: readonly Json[],
  dry: DryRun,
): void {
  const { flow } = client
  let kinds = given
  if (kinds.length === 0) {
    const all = discover(client)
    complain(flow, `${klogStamp(wallNow(flow), flow.ctx.proc.pid, 'W')} prune.go:71] ${DEPRECATED}\n`)
    kinds = KINDS.flatMap((one) => {
      const at = one.lastIndexOf('/')
      return kindNamed(all, one.slice(0, at), one.slice(at + 1)) ?? []
    })
  }
  const kept = new Set(applied.map(uidOf))
  const spaces = new Set(applied.map((one) => metaOf(one).namespace).filter((one) => one !== ''))
  for (const space of spaces) {
    for (const info of kinds) if (info.namespaced) pruneIn(client, info, space, kept, dry)
  }
  for (const info of kinds) if (!info.namespaced) pruneIn(client, info, '', kept, dry)
}

function uidOf(object: Json): string {
  return String(field(field(object, 'metadata'), 'uid') ?? '')
}

function pruneIn(
  client: Client,
  info: ResourceInfo,
  space: string,
  kept: ReadonlySet<string>,
  dry: DryRun,
): void {
  const selector = textFlag(client.flags, 'selector')
  const query: [string, string][] = selector === '' ? [] : [['labelSelector', selector]]
  const list = must<Json>(call(client, 'GET', pathOf(info, space), { query }))
  for (const object of (field(list, 'items') ?? []) as JsonObject[]) {
    if (lastApplied(object) === undefined || kept.has(uidOf(object))) continue
    const { name } = metaOf(object)
    if (dry !== 'client') {
      const grace = Number(textFlag(client.flags, 'grace-period', '-1'))
      const body = {
        propagationPolicy: 'Background',
        ...(grace < 0 ? {} : { gracePeriodSeconds: grace }),
        ...(dry === 'server' ? { dryRun: ['All'] } : {}),
      }
      const reply = call(client, 'DELETE', pathOf(info, space, name), { body })
      if (!reply.ok) failStatus(reply.status)
    }
    printDone(client, info, object, 'pruned', dry)
  }
}
