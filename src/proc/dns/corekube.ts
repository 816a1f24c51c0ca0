/**
 * The kubernetes plugin's start in coredns: it waits a while for its cluster before the server opens its ports, and
 * says whether it is ready. Models InitKubeCache of plugin/kubernetes and plugin/ready (CoreDNS 1.11.3).
 */
import { setTimer } from '../../run/process.ts'
import type { ProcCtx } from '../program.ts'
import { out } from '../program.ts'
import type { CoreState } from './corestate.ts'
import type { KubeWatch } from './kubesource.ts'

const CHECK_NS = 100_000_000
const LOG_NS = 500_000_000
const LIMIT_NS = 5_000_000_000

/** Begins to watch the cluster where the configuration has the plugin, and ends it where it has it no longer so. */
export function openKube(ctx: ProcCtx, state: CoreState, watch: KubeWatch | null): string {
  const options = state.conf.servers.find(({ kubernetes }) => kubernetes !== null)?.kubernetes
  if (watch === null || (state.kube !== null && options && watch.fits(state.kube, options.pods))) return ''
  if (state.kube !== null) watch.close(ctx, state.kube)
  state.kube = null
  if (!options) return ''
  const { data, error } = watch.open(ctx, options.pods)
  state.kube = data
  return error
}

/** From now on it waits until the cluster is known, 5 s at most. */
export function waitForKube(ctx: ProcCtx, state: CoreState): void {
  state.waits = ctx.world.now
  setTimer(ctx, ctx.world.now + CHECK_NS, 'kube')
}

/** Its timer: whether the wait is over. */
export function mayServe(ctx: ProcCtx, state: CoreState, watch: KubeWatch | null): boolean {
  const { now } = ctx.world
  if (state.waits === null || watch === null) return false
  const waited = now - state.waits
  const synced = watch.synced(state.kube)
  if (!synced && waited < LIMIT_NS) {
    if (waited % LOG_NS === 0) {
      out(ctx, '[INFO] plugin/kubernetes: waiting for Kubernetes API before starting server\n')
    }
    setTimer(ctx, now + CHECK_NS, 'kube')
    return false
  }
  if (!synced) out(ctx, '[WARNING] plugin/kubernetes: starting server with unsynced Kubernetes API\n')
  state.waits = null
  return true
}

/** Names of the plugins that are not ready, '' for none. What was ready once is not asked again. */
export function unready(ctx: ProcCtx, state: CoreState, watch: KubeWatch | null): string {
  if (state.ready || watch === null || state.kube === null || watch.synced(state.kube)) {
    state.ready = true
    return ''
  }
  out(ctx, '[INFO] plugin/ready: Still waiting on: "kubernetes"\n')
  return 'kubernetes'
}
