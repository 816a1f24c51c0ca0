/** ControllerRevisions: the templates that a StatefulSet or DaemonSet has had. Models pkg/controller/history (1.32). */
import { cacheOwned } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx } from '../agent/types.ts'
import { apiCreate, apiDelete, apiGet, apiPatch } from '../api/local.ts'
import type { ControllerRevision, Labels, PodTemplate } from '../objects.ts'
import type { ApiObject, Json } from '../types.ts'
import { jsonEqual } from '../types.ts'
import { controllerRef, isControlledBy, templateHash } from './common.ts'

const REVISIONS = 'controllerrevisions.apps'

export interface RevisionSpec {
  readonly owner: ApiObject
  readonly template: PodTemplate
  /** The label that holds the hash. */
  readonly hashLabel: string
  readonly annotations: Labels
  readonly collisions: number
}

/** An owner's revisions, oldest first. */
export function revisionsOf(ctx: AgentCtx, owner: ApiObject): ControllerRevision[] {
  return cacheOwned<ControllerRevision>(ctx, owner.metadata.uid, REVISIONS)
    .filter((one) => isControlledBy(one, owner))
    .sort((a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1))
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
  return other.ok && isControlledBy(other.object, owner) && jsonEqual(other.object.data, data)
    ? other.object
    : 'collision'
}

/** Revisions that no pod has and that are more than `limit` go, the oldest first. */
export function truncateRevisions(
  ctx: AgentCtx,
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
): void {
  const idle = revisions.filter(({ metadata }) => !live.has(metadata.name))
  for (const { metadata } of idle.slice(0, Math.max(0, idle.length - limit))) {
    apiDelete(ctx.world, actorOf(ctx.agent), REVISIONS, metadata.namespace ?? '', metadata.name)
  }
}
