// Expected: pkg/apis/{core,apps,networking}/v1/defaults.go and defaults_test.go of Kubernetes 1.32.
import { expect, it } from 'vitest'
import type { Draft } from '../types.ts'
import { applyDefaults } from './defaults.ts'
import type { Mutable } from './draft.ts'

function filled(resource: string, fields: object): Record<string, unknown> {
  const object = { metadata: { name: 'a' }, ...structuredClone(fields) }
  applyDefaults(resource, object as unknown as Mutable<Draft>)
  return object
}

const container = { name: 'c', image: 'x', ports: [{ containerPort: 80 }] }

it('fills pods in beyond their templates', () => {
  const spec = { hostNetwork: true, containers: [container], initContainers: [container] }
  const pod = filled('pods', { spec }).spec
  const ports = [{ containerPort: 80, protocol: 'TCP', hostPort: 80 }]
  expect(pod).toMatchObject({
    enableServiceLinks: true,
    containers: [{ ports }],
    initContainers: [{ ports }],
  })
  const made = filled('deployments.apps', { spec: { template: { spec } } }).spec as {
    template: { spec: Record<string, unknown> }
  }
  expect(made.template.spec).toMatchObject({
    containers: [{ ports: [{ containerPort: 80, protocol: 'TCP' }] }],
  })
  expect(made.template.spec).not.toHaveProperty('enableServiceLinks')
  expect(made.template.spec).not.toHaveProperty('containers.0.ports.0.hostPort')
})

it.each([
  ['x', 'Always'],
  ['x:latest', 'Always'],
  ['x:1', 'IfNotPresent'],
  ['host:5000/x', 'Always'],
  ['x@sha256:0', 'IfNotPresent'],
  [undefined, 'IfNotPresent'],
])('pulls the image %s: %s', (image, imagePullPolicy) => {
  const spec = { containers: [{ name: 'c', image }] }
  expect(filled('pods', { spec })).toMatchObject({ spec: { containers: [{ imagePullPolicy }] } })
})

it('fills in what a pod shows of itself', () => {
  const refs = [
    { path: 'a', fieldRef: { fieldPath: 'metadata.name' } },
    { path: 'b', resourceFieldRef: { containerName: 'c', resource: 'limits.cpu' } },
  ]
  const items = [{ fieldRef: { apiVersion: 'v1' } }, { resourceFieldRef: { divisor: '0' } }]
  const volumes = [
    { name: 'v', downwardAPI: { items: refs } },
    {
      name: 'w',
      projected: { sources: [{ downwardAPI: { items: refs } }, { serviceAccountToken: { path: 't' } }] },
    },
    { name: 'e' },
    { name: 'h', hostPath: { path: '/a' } },
  ]
  expect(filled('pods', { spec: { containers: [container], volumes } })).toMatchObject({
    spec: {
      volumes: [
        { downwardAPI: { defaultMode: 420, items } },
        {
          projected: {
            defaultMode: 420,
            sources: [{ downwardAPI: { items } }, { serviceAccountToken: { expirationSeconds: 3600 } }],
          },
        },
        { emptyDir: {} },
        { hostPath: { type: '' } },
      ],
    },
  })
})

it('leaves a StatefulSet strategy that is named as it is', () => {
  const strategy = (updateStrategy?: object) =>
    (filled('statefulsets.apps', { spec: { updateStrategy } }).spec as { updateStrategy: object })
      .updateStrategy
  expect(strategy()).toEqual({ type: 'RollingUpdate', rollingUpdate: { partition: 0 } })
  expect(strategy({ type: 'RollingUpdate' })).toEqual({ type: 'RollingUpdate' })
  expect(strategy({ type: 'OnDelete' })).toEqual({ type: 'OnDelete' })
  expect(
    filled('statefulsets.apps', { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' } } }),
  ).toMatchObject({
    spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } },
  })
})

it('fills in nodes, policies and classes', () => {
  const capacity = { cpu: '1' }
  expect(filled('nodes', { status: { capacity } })).toMatchObject({ status: { allocatable: capacity } })
  expect(filled('networkpolicies.networking.k8s.io', {}).spec).toEqual({
    podSelector: {},
    policyTypes: ['Ingress'],
  })
  expect(
    filled('ingressclasses.networking.k8s.io', { spec: { parameters: { kind: 'A', name: 'b' } } }).spec,
  ).toMatchObject({ parameters: { scope: 'Cluster' } })
})

it('fills in what a claim of a StatefulSet and an image that looks like a digest leave out', () => {
  // Expected: SetObjectDefaults_StatefulSet and SetObjectDefaults_Pod, and the conversion of claim templates to v1.
  const set = { metadata: { name: 's' }, spec: { volumeClaimTemplates: [{ metadata: { name: 'v' } }] } }
  applyDefaults('statefulsets.apps', set as never)
  expect(set.spec.volumeClaimTemplates).toEqual([
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'v' } },
      ...{ spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
    },
  ])
  const images = ['a'.repeat(64), 'Upper', 'busybox', 'localhost:5000/a/b:1.0', 'a/b:latest']
  const pod = { metadata: { name: 'p' }, spec: { containers: images.map((image) => ({ name: 'c', image })) } }
  applyDefaults('pods', pod as never)
  expect(pod.spec.containers.map((one) => (one as { imagePullPolicy?: string }).imagePullPolicy)).toEqual([
    ...['IfNotPresent', 'IfNotPresent', 'Always', 'IfNotPresent', 'Always'],
  ])
})
