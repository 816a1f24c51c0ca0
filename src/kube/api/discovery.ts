/** What the server says of itself: /version, /api, /apis, plain and as APIGroupDiscoveryList (1.32). */
import type { ResourceInfo } from '../types.ts'
import { apiVersionOf } from '../types.ts'
import { resources } from './resources.ts'

export const SERVER_VERSION = 'v1.32.4'

export function versionDocument(): object {
  return {
    major: '1',
    minor: '32',
    gitVersion: SERVER_VERSION,
    gitCommit: '59526cd4867447956156ae3a602fcbac10a2c335',
    gitTreeState: 'clean',
    buildDate: '2025-04-22T15:59:35Z',
    goVersion: 'go1.23.6',
    compiler: 'gc',
    platform: 'linux/amd64',
  }
}

export function apiVersions(): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }]
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs }
}

/** The named groups, in the order in which a 1.32 server lists them. */
export function groupNames(): string[] {
  const groups = [...new Set(resources.map((info) => info.group))].filter((group) => group !== '')
  const order = ['apps', 'networking.k8s.io', 'coordination.k8s.io', 'discovery.k8s.io']
  return groups.sort((a, b) => order.indexOf(a) - order.indexOf(b))
}

export function apiGroup(name: string): object | undefined {
  const info = resources.find((one) => one.group === name)
  if (info === undefined || name === '') return undefined
  const version = { groupVersion: apiVersionOf(info), version: info.version }
  return { name, versions: [version], preferredVersion: version }
}

export function apiGroupList(): object {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames().map(apiGroup) }
}

const SUBRESOURCE_KINDS: Readonly<Record<string, [group: string, version: string, kind: string]>> = {
  scale: ['autoscaling', 'v1', 'Scale'],
  eviction: ['policy', 'v1', 'Eviction'],
  binding: ['', 'v1', 'Binding'],
}

const SUBRESOURCE_VERBS: Readonly<Record<string, readonly string[]>> = {
  status: ['get', 'patch', 'update'],
  scale: ['get', 'patch', 'update'],
  finalize: ['update'],
  eviction: ['create'],
  binding: ['create'],
  log: ['get'],
  exec: ['create', 'get'],
  attach: ['create', 'get'],
  portforward: ['create', 'get'],
}

/** Subresources that are served; others of the real server are left out of discovery. */
export function servedSubresources(info: ResourceInfo): string[] {
  return info.subresources.filter((sub) => Object.hasOwn(SUBRESOURCE_VERBS, sub))
}

/** /api/v1, /apis/GROUP/VERSION */
export function apiResourceList(group: string, version: string): object | undefined {
  const own = resources.filter((info) => info.group === group && info.version === version)
  if (own.length === 0) return undefined
  const list = own.flatMap((info) => {
    const main = {
      name: info.resource,
      singularName: info.singular,
      namespaced: info.namespaced,
      kind: info.kind,
      verbs: info.verbs,
      ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
      ...(info.categories.length === 0 ? {} : { categories: info.categories }),
    }
    const subs = servedSubresources(info).map((sub) => {
      const other = SUBRESOURCE_KINDS[sub]
      return {
        name: `${info.resource}/${sub}`,
        singularName: '',
        namespaced: info.namespaced,
        ...(other === undefined || other[0] === info.group ? {} : { group: other[0], version: other[1] }),
        kind: other?.[2] ?? info.kind,
        verbs: SUBRESOURCE_VERBS[sub],
      }
    })
    return [main, ...subs]
  })
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: list,
  }
}

/** apidiscovery.k8s.io/v2; `core` asks for what /api has. */
export function discoveryList(core: boolean): object {
  const items = (core ? [''] : groupNames()).map((group) => {
    const own = resources.filter((info) => info.group === group)
    const version = { version: 'v1', resources: own.map(discoveryResource), freshness: 'Current' }
    return {
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: [version],
    }
  })
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items }
}

function discoveryResource(info: ResourceInfo): object {
  const { group, version, kind } = info
  const subresources = servedSubresources(info).map((sub) => {
    const [g, v, k] = SUBRESOURCE_KINDS[sub] ?? [group, version, kind]
    return {
      subresource: sub,
      responseKind: { group: g, version: v, kind: k },
      verbs: SUBRESOURCE_VERBS[sub],
    }
  })
  return {
    resource: info.resource,
    responseKind: { group, version, kind },
    scope: info.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: info.singular,
    verbs: info.verbs,
    ...(info.shortNames.length === 0 ? {} : { shortNames: info.shortNames }),
    ...(info.categories.length === 0 ? {} : { categories: info.categories }),
    ...(subresources.length === 0 ? {} : { subresources }),
  }
}
