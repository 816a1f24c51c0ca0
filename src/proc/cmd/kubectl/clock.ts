/** The time as a client's clock shows it. */
import { EPOCH_SECONDS } from '../../clock.ts'
import { findStore, wallMs } from '../../../kube/store/store.ts'
import type { Flow } from './flow.ts'
import { once } from './flow.ts'

/** Wall time in ms. The machines' clocks and the cluster's are one. */
export function wallNow(flow: Flow): number {
  return once(flow, () => {
    const { world } = flow.ctx
    return findStore(world) === undefined
      ? EPOCH_SECONDS * 1000 + Math.floor(world.now / 1_000_000)
      : wallMs(world)
  })
}
