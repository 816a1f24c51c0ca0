/**
 * Names of objects in other objects, that go with them when they are called otherwise. Models kustomize's name
 * reference transformer and its builtin configuration (5.5). Not here: vars, replacements, references of RBAC.
 */
import type { JsonObject } from '../../../../kube/types.ts'
import type { Res } from './resource.ts'
import { atPath, changed, idOf, idsOf, kindOf } from './resource.ts'

const IN_CONTAINER = ['containers[]', 'initContainers[]', 'ephemeralContainers[]']
const inPods = (paths: readonly string[]) =>
  ['spec', 'spec/template/spec', 'spec/jobTemplate/spec/template/spec'].flatMap((at) =>
    paths.map((path) => `${at}/${path}`),
  )
const envs = (key: string, from: string) =>
  IN_CONTAINER.flatMap((at) => [`${at}/env[]/valueFrom/${key}/name`, `${at}/envFrom[]/${from}/name`])
const SCALED = 'spec/scaleTargetRef/name'

/** Where a name of an object of a kind stands, in objects of any kind. */
const PLACES: Readonly<Record<string, readonly string[]>> = {
  ConfigMap: inPods([
    ...envs('configMapKeyRef', 'configMapRef'),
    'volumes[]/configMap/name',
    'volumes[]/projected/sources[]/configMap/name',
  ]),
  Secret: [
    ...inPods([
      ...envs('secretKeyRef', 'secretRef'),
      'volumes[]/secret/secretName',
      'volumes[]/projected/sources[]/secret/name',
      'imagePullSecrets[]/name',
    ]),
    'spec/tls[]/secretName',
    'imagePullSecrets[]/name',
    'secrets[]/name',
  ],
  Service: [
    'spec/serviceName',
    'spec/defaultBackend/service/name',
    'spec/rules[]/http/paths[]/backend/service/name',
  ],
  ServiceAccount: [...inPods(['serviceAccountName']), 'subjects[]/name'],
  PersistentVolumeClaim: inPods(['volumes[]/persistentVolumeClaim/claimName']),
  PersistentVolume: ['spec/volumeName'],
  PriorityClass: inPods(['priorityClassName']),
  IngressClass: ['spec/ingressClassName'],
  Deployment: [SCALED],
  ReplicaSet: [SCALED],
  StatefulSet: [SCALED],
}

/** Sets every reference to what the object that it means is called now. */
export function withReferences(all: readonly Res[]): Res[] {
  const moved = all.filter((one) => one.before.length > 0)
  if (moved.length === 0) return [...all]
  return all.map((one) => {
    let { object } = one
    for (const [kind, places] of Object.entries(PLACES)) {
      const targets = moved.filter((other) => kindOf(other) === kind)
      if (targets.length === 0) continue
      for (const place of places) {
        const path = place.split('/')
        object = atPath(object, path, false, (value) => nameOf(one, targets, String(value))) as JsonObject
      }
    }
    return changed(one, object)
  })
}

/** What a name means now, seen from an object's namespace. */
function nameOf(from: Res, targets: readonly Res[], name: string): string {
  const spaces = idsOf(from).map(({ namespace }) => namespace || 'default')
  const found = targets.filter((one) =>
    idsOf(one).some((id) => id.name === name && spaces.includes(id.namespace || 'default')),
  )
  // Who is called so now is meant, else who was.
  const [target] = found.filter((one) => idOf(one).name === name).length > 0 ? [] : found
  return target === undefined ? name : idOf(target).name
}
