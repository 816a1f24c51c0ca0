/** A StatefulSet's pods: names, labels, ordinals. Models stateful_set_utils.go (Kubernetes 1.32). */
import type { Labels, Pod, PodTemplate, StatefulSet } from '../../objects.ts'
import type { Draft } from '../../types.ts'
import { podFromTemplate } from '../pod-control.ts'

const REVISION = 'controller-revision-hash'
export const NAME_LABEL = 'statefulset.kubernetes.io/pod-name'

/** The number at the end of the pod's name; -1 where the name is not one of this set's. */
export function ordinalOf({ metadata }: StatefulSet, pod: Pod): number {
  const { name } = pod.metadata
  const number = name.slice(metadata.name.length + 1)
  if (!name.startsWith(`${metadata.name}-`) || !/^\d{1,9}$/.test(number)) return -1
  return Number(number)
}

/** Name of the revision that a pod was made from, '' for none. */
export function revisionNameOf({ metadata }: Pod): string {
  return metadata.labels?.[REVISION] ?? ''
}

/** The labels that say which of the set's pods it is. */
export function identityOf({ metadata }: StatefulSet, ordinal: number): Labels {
  return { [NAME_LABEL]: `${metadata.name}-${ordinal}`, 'apps.kubernetes.io/pod-index': `${ordinal}` }
}

/** The pod of an ordinal: its name is its host name, in the domain of the set's Service. */
export function podOfSet(
  set: StatefulSet,
  template: PodTemplate,
  revision: string,
  ordinal: number,
): Draft<Pod> {
  const name = `${set.metadata.name}-${ordinal}`
  const { generateName: _, labels, ...metadata } = podFromTemplate(template, set).metadata
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name,
      generateName: `${set.metadata.name}-`,
      labels: {
        ...labels,
        ...identityOf(set, ordinal),
        [REVISION]: revision,
      },
    },
    spec: { ...template.spec, hostname: name, subdomain: set.spec.serviceName },
  }
}
