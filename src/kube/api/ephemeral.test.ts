// Expected: ephemeral containers of pods in Kubernetes 1.32 (podEphemeralContainersStrategy, validateEphemeralContainers).
import { expect, it } from 'vitest'
import { createWorld } from '../../net/world.ts'
import type { Pod } from '../objects.ts'
import { createStore } from '../store/store.ts'
import type { Status } from '../types.ts'
import { bootstrapApi } from './bootstrap.ts'
import { sendTo } from './rest.fixture.ts'

const url = '/api/v1/namespaces/default/pods'

it('adds ephemeral containers through their subresource only, and takes none away', () => {
  const world = createWorld(1)
  createStore(world)
  bootstrapApi(world, [])
  const spec = { containers: [{ name: 'c', image: 'x' }] }
  sendTo(world, 'POST', url, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })
  const merge = { contentType: 'application/strategic-merge-patch+json' }
  const patch = (part: string, more: object) =>
    sendTo(world, 'PATCH', `${url}/p${part}`, { spec: more }, merge)
  const debug = { ephemeralContainers: [{ name: 'debug', image: 'busybox', targetContainerName: 'c' }] }
  expect((patch('', debug).body as Status).message).toContain(
    'Pod "p" is invalid: spec: Forbidden: pod updates may not change fields other than',
  )
  const added = patch('/ephemeralcontainers', { ...debug, nodeName: 'n' })
  const pod = added.body as unknown as Pod & { spec: { ephemeralContainers: object[] } }
  expect([added.code, pod.spec.nodeName]).toEqual([200, undefined])
  expect(pod.spec.ephemeralContainers).toMatchObject([{ name: 'debug', imagePullPolicy: 'Always' }])
  const wrong = patch('/ephemeralcontainers', { ephemeralContainers: [{ name: 'c', image: 'x' }] })
  expect((wrong.body as Status).message).toBe(
    'Pod "p" is invalid: spec.ephemeralContainers[1].name: Duplicate value: "c"',
  )
  const gone = { ...pod, spec: { ...pod.spec, ephemeralContainers: [] } }
  expect((sendTo(world, 'PUT', `${url}/p/ephemeralcontainers`, gone).body as Status).message).toBe(
    'Pod "p" is invalid: spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
  )
})

it('says from the first moment that gates hold a pod back', () => {
  const world = createWorld(1)
  createStore(world)
  bootstrapApi(world, [])
  const spec = { containers: [{ name: 'c', image: 'x' }], schedulingGates: [{ name: 'a/b' }] }
  const made = sendTo(world, 'POST', url, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec })
  expect((made.body as unknown as Pod).status?.conditions).toMatchObject([
    { reason: 'SchedulingGated', message: 'Scheduling is blocked due to non-empty scheduling gates' },
  ])
})

it('writes matchLabelKeys of pod affinity into its selectors', () => {
  const world = createWorld(1)
  createStore(world)
  bootstrapApi(world, [])
  const term = {
    labelSelector: { matchLabels: { app: 'a' } },
    topologyKey: 'zone',
    matchLabelKeys: ['v', 'none'],
  }
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } }
  const metadata = { name: 'p', labels: { v: '2' } }
  const spec = { containers: [{ name: 'c', image: 'x' }], affinity }
  const made = sendTo(world, 'POST', url, { apiVersion: 'v1', kind: 'Pod', metadata, spec })
  const [got] =
    (made.body as unknown as Pod).spec.affinity?.podAffinity
      ?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  expect(got?.labelSelector?.matchExpressions).toEqual([{ key: 'v', operator: 'In', values: ['2'] }])
})
