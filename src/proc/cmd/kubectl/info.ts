/** What a server has and is: api-resources, api-versions, version, cluster-info, config, auth. Models kubectl 1.32.4. */
import type { Json, JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { apiVersionOf, field } from '../../../kube/types.ts'
import { serverOf } from './config.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, hasFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { fault, print } from './flow.ts'
import { call, discover, must, openClient } from './rest.ts'
import { getColumns } from './tabs.ts'
import { toYaml } from './yaml.ts'

const CLIENT = 'v1.32.4'

export function version(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl version', args, ['client', 'output/o='])
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) fault(`error: extra arguments: [${flags.operands.join(' ')}]`)
  const output = textFlag(flags, 'output')
  const only = boolFlag(flags, 'client')
  const body = only ? undefined : must<JsonObject>(call(client, 'GET', '/version'))
  if (output !== '') {
    if (output !== 'json' && output !== 'yaml') fault("error: --output must be 'yaml' or 'json'")
    const own = {
      major: '1',
      minor: '32',
      gitVersion: CLIENT,
      gitCommit: '59526cd4867447956156ae3a602fcbac10a2c335',
      gitTreeState: 'clean',
      buildDate: '2025-04-22T16:03:58Z',
      goVersion: 'go1.23.6',
      compiler: 'gc',
      platform: 'linux/amd64',
    }
    const both = {
      clientVersion: own,
      kustomizeVersion: 'v5.5.0',
      ...(body === undefined ? {} : { serverVersion: body }),
    }
    print(flow, output === 'yaml' ? `${toYaml(both)}\n` : `${JSON.stringify(both, null, 2)}\n`)
    return 0
  }
  print(flow, `Client Version: ${CLIENT}\nKustomize Version: v5.5.0\n`)
  if (body !== undefined) print(flow, `Server Version: ${str(body, 'gitVersion')}\n`)
  return 0
}

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json'

export function apiResources(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl api-resources', args, [
    'output/o=',
    'namespaced',
    'api-group=',
    'verbs=*',
    'sort-by=',
    'no-headers',
    'cached',
    'categories=*',
  ])
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) {
    fault(
      `error: unexpected arguments: [${flags.operands.join(' ')}]\nSee 'kubectl api-resources -h' for help and examples`,
    )
  }
  const output = textFlag(flags, 'output')
  if (!['', 'wide', 'name'].includes(output)) fault(`error: --output ${output} is not available`)
  const sort = textFlag(flags, 'sort-by')
  if (!['', 'name', 'kind'].includes(sort)) fault('error: --sort-by accepts only name or kind')
  const categories = listFlag(flags, 'categories').flatMap((one) => one.split(','))
  const verbs = (textFlag(flags, 'verbs') || 'list').split(',')
  let list = discover(client).filter((info) => verbs.every((verb) => info.verbs.includes(verb)))
  if (hasFlag(flags, 'namespaced'))
    list = list.filter((info) => info.namespaced === boolFlag(flags, 'namespaced'))
  if (hasFlag(flags, 'api-group')) list = list.filter((info) => info.group === textFlag(flags, 'api-group'))
  list = list.filter((info) => categories.every((one) => info.categories.includes(one)))
  const key = (info: ResourceInfo) =>
    sort === 'kind' ? info.kind : sort === 'name' ? info.resource : `${info.group} ${info.resource}`
  list.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
  if (output === 'name') {
    print(flow, list.map((info) => `${info.resource}${info.group === '' ? '' : `.${info.group}`}\n`).join(''))
  } else {
    const wide = output === 'wide'
    const head = [
      'NAME',
      'SHORTNAMES',
      'APIVERSION',
      'NAMESPACED',
      'KIND',
      ...(wide ? ['VERBS', 'CATEGORIES'] : []),
    ]
    const rows = list.map((info) => [
      info.resource,
      info.shortNames.join(','),
      apiVersionOf(info),
      String(info.namespaced),
      info.kind,
      ...(wide ? [[...info.verbs].sort().join(','), info.categories.join(',')] : []),
    ])
    print(flow, getColumns(boolFlag(flags, 'no-headers') ? rows : [head, ...rows]))
  }
  const stale = staleGroups(client)
  if (stale.length > 0) {
    const words = stale.map((one) => `${one}: received empty response for: ${one}`).join(', ')
    fault(`error: unable to retrieve the complete list of server APIs: ${words}`)
  }
  return 0
}

/** Group versions that the server names without being able to list them. */
function staleGroups(client: Parameters<typeof discover>[0]): string[] {
  const list = must<Json>(call(client, 'GET', '/apis', { accept: AGGREGATED }))
  return arr(list, 'items').flatMap((item) =>
    arr(item, 'versions')
      .filter((one) => one.freshness === 'Stale' || arr(one, 'resources').length === 0)
      .map((one) => `${str(field(item, 'metadata'), 'name')}/${str(one, 'version')}`),
  )
}

export function apiVersions(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl api-versions', args, [])
  const client = openClient(flow, flags)
  if (flags.operands.length > 0) {
    const words = `unexpected arguments: [${flags.operands.join(' ')}]`
    fault(`error: ${words}\nSee 'kubectl api-versions -h' for help and examples`)
  }
  const core = must<Json>(call(client, 'GET', '/api'))
  const versions = field(core, 'versions')
  const groups = arr(must<Json>(call(client, 'GET', '/apis')), 'groups')
  const all = [
    ...(Array.isArray(versions) ? versions.map(String) : []),
    ...groups.flatMap((one) => arr(one, 'versions').map((other) => str(other, 'groupVersion'))),
  ]
  print(flow, `${all.sort().join('\n')}\n`)
  return 0
}

export function clusterInfo(flow: Flow, args: readonly string[]): number {
  if (args[0] === 'dump') fault('error: kubectl cluster-info dump: not modelled in Kubehop')
  const flags = parseFlags('kubectl cluster-info', args, [])
  const client = openClient(flow, flags)
  const server = `https://${serverOf(client.config, flags)}`
  const query: [string, string][] = [['labelSelector', 'kubernetes.io/cluster-service=true']]
  const list = must<Json>(call(client, 'GET', '/api/v1/namespaces/kube-system/services', { query }))
  print(flow, `Kubernetes control plane is running at ${server}\n`)
  for (const one of arr(list, 'items')) {
    const name = str(field(one, 'metadata'), 'name')
    const labels = obj(field(one, 'metadata'), 'labels')
    const shown = str(labels, 'kubernetes.io/name') || name
    const port = str(arr(obj(one, 'spec'), 'ports')[0], 'name')
    print(
      flow,
      `${shown} is running at ${server}/api/v1/namespaces/kube-system/services/${name}${port === '' ? '' : `:${port}`}/proxy\n`,
    )
  }
  print(flow, "\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n")
  return 0
}
