/**
 * Pods as their controllers make and remove them, with the events that tell of it. Models RealPodControl of
 * pkg/controller/controller_utils.go and the slow start of its users (Kubernetes 1.32).
 */
import { expectOwnWrite } from '../agent/agent.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx } from '../agent/types.ts'
import { apiCreate, apiDelete } from '../api/local.ts'
import type { Pod, PodTemplate } from '../objects.ts'
import type { ApiObject, Draft, Status } from '../types.ts'
import { controllerRef, recordEvent } from './common.ts'

/** A pod as its controller makes it: the template's, owned, with a name that the server completes. */
export function podFromTemplate(template: PodTemplate, owner: ApiObject): Draft<Pod> {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerRef(owner)],
    },
    spec: template.spec,
  }
}

/** Makes a pod for the controller at `key`. Answers why it failed; a namespace that goes is no failure. */
export function createPod(
  ctx: AgentCtx,
  key: string,
  owner: ApiObject,
  draft: Draft<Pod>,
): string | undefined {
  const made = apiCreate<Pod>(ctx.world, actorOf(ctx.agent), 'pods', draft)
  expectOwnWrite(ctx, key, made)
  if (made.ok) {
    recordEvent(ctx, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.object.metadata.name}`)
    return undefined
  }
  if (namespaceGoes(made.status)) return undefined
  const message = made.status.message ?? ''
  recordEvent(ctx, owner, 'Warning', 'FailedCreate', `Error creating: ${message}`)
  return message
}

/** Removes a pod. Answers why it failed; one that is gone already is no failure. */
export function deletePod(ctx: AgentCtx, key: string, owner: ApiObject, pod: Pod): string | undefined {
  const { namespace = '', name, uid } = pod.metadata
  const gone = apiDelete(ctx.world, actorOf(ctx.agent), 'pods', namespace, name, { uid })
  expectOwnWrite(ctx, key, gone)
  if (gone.ok) recordEvent(ctx, owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
  if (gone.ok || gone.status.code === 404) return undefined
  const message = gone.status.message ?? ''
  recordEvent(ctx, owner, 'Warning', 'FailedDelete', `Error deleting: ${message}`)
  return `unable to delete pods: ${message}`
}

/**
 * Does it for 0 to count - 1 in batches of 1, 2, 4 and so on, at most `most`; after a batch in which one failed there is no
 * other, so that what all would fail at is not tried by all. Answers the first failure.
 */
export function slowStart(
  count: number,
  act: (n: number) => string | undefined,
  most = Number.POSITIVE_INFINITY,
): string | undefined {
  let failure: string | undefined
  for (
    let from = 0, size = 1;
    from < count && failure === undefined;
    from += size, size = Math.min(size * 2, most)
  ) {
    for (let n = from; n < Math.min(from + size, count); n++) {
      const message = act(n)
      failure ??= message
    }
  }
  return failure
}

function namespaceGoes({ details }: Status): boolean {
  return details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true
}
