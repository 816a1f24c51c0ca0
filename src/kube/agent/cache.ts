/** An agent's view of the store: what its informers' caches hold, as of the revision that it has seen. */
import type { Pod } from '../objects.ts'
import { storeGetAllAt, storeGetAt, storeListAt, storeOwnedAt, storePodsOnNodeAt } from '../store/history.ts'
import { storeOf } from '../store/store.ts'
import type { Table } from '../store/table.ts'
import { tableGet } from '../store/table.ts'
import type { ApiObject } from '../types.ts'
import type { AgentCtx } from './types.ts'

/** The object as the agent knows it; `namespace` is '' for cluster-scoped resources. */
export function cacheGet<T extends ApiObject>(
  ctx: AgentCtx,
  resource: string,
  namespace: string,
  name: string,
): T | undefined {
  return storeGetAt<T>(storeOf(ctx.world), resource, namespace, name, ctx.agent.seen)
}

/** The object with the key NAMESPACE/NAME or NAME. */
export function cacheGetKey<T extends ApiObject>(
  ctx: AgentCtx,
  resource: string,
  key: string,
): T | undefined {
  const table = cacheVersion(ctx, resource) as Table | undefined
  if (table !== undefined) return tableGet(table, key) as T | undefined
  const { namespace, name } = splitKey(key)
  return cacheGet<T>(ctx, resource, namespace, name)
}

/** As `cacheGetKey` for keys in their order; what does not exist is left out. */
export function cacheGetKeys<T extends ApiObject>(
  ctx: AgentCtx,
  resource: string,
  keys: readonly string[],
): T[] {
  return storeGetAllAt<T>(storeOf(ctx.world), resource, keys, ctx.agent.seen)
}

/** All objects as the agent knows them, in the order of NAMESPACE/NAME; those of one namespace where it is given. */
export function cacheList<T extends ApiObject>(
  ctx: AgentCtx,
  resource: string,
  namespace = '',
): readonly T[] {
  return storeListAt<T>(storeOf(ctx.world), resource, ctx.agent.seen, { namespace })
}

/**
 * What stands for all objects of a resource as the agent knows them: the same object means the same objects. Undefined
 * while the agent lags behind, or where there are none.
 */
export function cacheVersion(ctx: AgentCtx, resource: string): object | undefined {
  const store = storeOf(ctx.world)
  return ctx.agent.seen < (store.changedAt.get(resource) ?? 0) ? undefined : store.tables.get(resource)
}

/** The objects of a resource that an owner has, as the agent knows them. */
export function cacheOwned<T extends ApiObject>(ctx: AgentCtx, uid: string, resource: string): readonly T[] {
  return storeOwnedAt<T>(storeOf(ctx.world), uid, resource, ctx.agent.seen)
}

/** The pods bound to a node, as the agent knows them. */
export function cachePodsOnNode(ctx: AgentCtx, node: string): readonly Pod[] {
  return storePodsOnNodeAt(storeOf(ctx.world), node, ctx.agent.seen)
}

/** NAMESPACE/NAME or NAME in its parts. */
export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: '', name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}
