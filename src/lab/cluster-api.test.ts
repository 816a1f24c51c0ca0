import { expect, it } from 'vitest'
import { putEvent } from '../kube/agent/recorded.ts'
import { openApi } from '../kube/api/rest.fixture.ts'
import type { KubeEvent } from '../kube/objects.ts'
import { storeList, storeOf } from '../kube/store/store.ts'
import { setWallClock } from './cluster-api.ts'

it('an event of before the clock was set is counted up after it, at the new time', () => {
  const world = openApi()
  const metadata = { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '7' }
  const record = (isNew: boolean) =>
    putEvent(
      world,
      { user: 'system:node:n1', manager: 'kubelet' },
      {
        about: { apiVersion: 'v1', kind: 'Pod', metadata },
        ...{ type: 'Warning', reason: 'BackOff', message: 'Back-off', component: 'kubelet', host: 'n1' },
        ...{ at: world.now, since: 0, isNew },
      },
    )
  record(true)
  setWallClock(world, Date.parse('2026-05-05T10:00:00Z'))
  record(false)
  const events = storeList<KubeEvent>(storeOf(world), 'events')
  expect(
    events.map(({ count, firstTimestamp, lastTimestamp }) => [count, firstTimestamp, lastTimestamp]),
  ).toEqual([[2, '2026-01-01T00:00:00Z', '2026-05-05T10:00:00Z']])
})
