/** ControllerRevisions: the templates that a StatefulSet or DaemonSet has had. Models pkg/controller/history (1.32). */
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx } from '../agent/types.ts'
import { apiCreate, apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { ControllerRevision, DaemonSet, Labels, PodTemplate, StatefulSet } from '../objects.ts'
import type { ApiObject, Json } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { claim } from './claims.ts'
import { controllerRef, templateHash } from './common.ts'

export const REVISIONS = 'controllerrevisions.apps'

export interface RevisionSpec {
  readonly owner: ApiObject
  readonly template: PodTemplate
  /** The label that holds the hash. */
  readonly hashLabel: string
  readonly annotations: Labels
  readonly collisions: number
}

/** An owner's revisions, oldest first; those that nobody owns and that it selects become its own. */
export function revisionsOf(
  ctx: AgentCtx,
  owner: StatefulSet | DaemonSet,
  resource: string,
): ControllerRevision[] {
  return claim<ControllerRevision>(ctx, owner, resource, owner.spec.selector, REVISIONS).sort(
    (a, b) =>
      a.revision - b.revision ||
      compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) ||
      compare(a.metadata.name, b.metadata.name),
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The template that a revision holds. */
export function templateOf({ data }: ControllerRevision): PodTemplate {
  const { $patch: _, ...template } = (data as { spec: { template: { $patch?: string } } }).spec.template
  return template as unknown as PodTemplate
}

/**
 * The revision of the owner's present template: the last one, an earlier one that becomes the last again, or a new one.
 * 'collision' where its name is taken by another template; undefined where the write failed.
 */
export function presentRevision(
  ctx: AgentCtx,
  spec: RevisionSpec,
  revisions: readonly ControllerRevision[],
): ControllerRevision | 'collision' | undefined {
  const { world, agent } = ctx
  const { owner, template, hashLabel, annotations, collisions } = spec
  const data = {
    spec: { template: { ...template, $patch: 'replace' } },
  } as unknown as ControllerRevision['data']
  const next = (revisions.at(-1)?.revision ?? 0) + 1
  const same = revisions.filter((one) => jsonEqual(one.data, data)).at(-1)
  const { namespace = '', name } = owner.metadata
  if (same !== undefined) {
    if (same === revisions.at(-1)) return same
    const body = { revision: next } as Json
    const patched = apiPatch<ControllerRevision>(
      world,
      actorOf(agent),
      REVISIONS,
      namespace,
      same.metadata.name,
      {
        type: 'merge',
        body,
      },
    )
    return patched.ok ? patched.object : undefined
  }
  const hash = templateHash(template, collisions)
  const made = apiCreate<ControllerRevision>(world, actorOf(agent), REVISIONS, {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerRef(owner)],
    },
    ...(data === undefined ? {} : { data }),
    revision: next,
  })
  if (made.ok) return made.object
  if (made.status.reason !== 'AlreadyExists') return undefined
  const other = apiGet<ControllerRevision>(world, REVISIONS, namespace, `${name}-${hash}`)
  return other.ok && jsonEqual(other.object.data, data) ? other.object : 'collision'
}

/** These go. */
export function dropRevisions(ctx: AgentCtx, revisions: readonly ControllerRevision[]): void {
  for (const { metadata } of revisions) {
    apiDelete(ctx.world, actorOf(ctx.agent), REVISIONS, metadata.namespace ?? '', metadata.name)
  }
}
