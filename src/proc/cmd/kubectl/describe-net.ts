/** Services, endpoints, slices, ingresses and policies described. Models kubectl pkg/describe/describe.go (1.32). */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import { parseTime } from '../../../kube/time.ts'
import { dateText, EPOCH_SECONDS } from '../../clock.ts'
import type { Sheet } from './describe-text.ts'
import {
  annotationLines,
  arr,
  eventLines,
  headLines,
  labelLines,
  line,
  listAt,
  obj,
  str,
} from './describe-text.ts'
import { call, metaOf } from './rest.ts'

const SHOWN = 3

function strings(value: Json | undefined, key: string): string[] {
  const found = field(value, key)
  return Array.isArray(found) ? found.map(String) : []
}

function selectorText(labels: JsonObject): string {
  const keys = Object.keys(labels).sort()
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${String(labels[key])}`).join(',')
}

export function describeService(sheet: Sheet, service: JsonObject): void {
  const meta = metaOf(service)
  const spec = obj(service, 'spec')
  const slices = slicesOf(sheet, meta.namespace, meta.name)
  headLines(sheet, service)
  line(sheet, 0, `Selector:\t${selectorText(obj(spec, 'selector'))}`)
  line(sheet, 0, `Type:\t${str(spec, 'type')}`)
  if (str(spec, 'ipFamilyPolicy') !== '') line(sheet, 0, `IP Family Policy:\t${str(spec, 'ipFamilyPolicy')}`)
  line(sheet, 0, `IP Families:\t${strings(spec, 'ipFamilies').join(',') || '<none>'}`)
  line(sheet, 0, `IP:\t${str(spec, 'clusterIP')}`)
  line(sheet, 0, `IPs:\t${strings(spec, 'clusterIPs').join(',') || '<none>'}`)
  const external = strings(spec, 'externalIPs')
  if (external.length > 0) line(sheet, 0, `External IPs:\t${external.join(',')}`)
  if (str(spec, 'loadBalancerIP') !== '')
    line(sheet, 0, `Desired LoadBalancer IP:\t${str(spec, 'loadBalancerIP')}`)
  if (str(spec, 'externalName') !== '') line(sheet, 0, `External Name:\t${str(spec, 'externalName')}`)
  const ingress = arr(obj(obj(service, 'status'), 'loadBalancer'), 'ingress')
  if (ingress.length > 0) line(sheet, 0, `LoadBalancer Ingress:\t${ingress.map(ingressText).join(', ')}`)
  for (const port of arr(spec, 'ports')) portLines(sheet, port, slices)
  line(sheet, 0, `Session Affinity:\t${str(spec, 'sessionAffinity')}`)
  for (const [title, key] of [
    ['External Traffic Policy', 'externalTrafficPolicy'],
    ['Internal Traffic Policy', 'internalTrafficPolicy'],
    ['HealthCheck NodePort', 'healthCheckNodePort'],
  ] as const) {
    const value = str(spec, key)
    if (value !== '' && value !== '0') line(sheet, 0, `${title}:\t${value}`)
  }
  const ranges = strings(spec, 'loadBalancerSourceRanges')
  if (ranges.length > 0) line(sheet, 0, `LoadBalancer Source Ranges:\t${ranges.join(',')}`)
  if (str(spec, 'trafficDistribution') !== '')
    line(sheet, 0, `Traffic Distribution:\t${str(spec, 'trafficDistribution')}`)
  eventLines(sheet, service)
}

function ingressText(one: JsonObject): string {
  if (str(one, 'ip') === '') return str(one, 'hostname')
  return str(one, 'ipMode') === '' ? str(one, 'ip') : `${str(one, 'ip')} (${str(one, 'ipMode')})`
}

function portLines(sheet: Sheet, port: JsonObject, slices: readonly JsonObject[]): void {
  const name = str(port, 'name') || '<unset>'
  const protocol = str(port, 'protocol')
  line(sheet, 0, `Port:\t${name}\t${str(port, 'port')}/${protocol}`)
  line(sheet, 0, `TargetPort:\t${str(port, 'targetPort')}/${protocol}`)
  const node = str(port, 'nodePort')
  if (node !== '' && node !== '0') line(sheet, 0, `NodePort:\t${name}\t${node}/${protocol}`)
  line(sheet, 0, `Endpoints:\t${endpointsOf(slices, str(port, 'name'))}`)
}

function slicesOf(sheet: Sheet, namespace: string, service: string): readonly JsonObject[] {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
  return listAt(sheet, path, `kubernetes.io/service-name=${service}`)
}

/** The ready endpoints of a port, three at most; `<none>` only where there is no slice. */
function endpointsOf(slices: readonly JsonObject[], portName: string): string {
  if (slices.length === 0) return '<none>'
  const all: string[] = []
  for (const slice of slices) {
    const ports = arr(slice, 'ports')
    const ready = arr(slice, 'endpoints').filter((one) => obj(one, 'conditions').ready !== false)
    if (ports.length === 0) all.push(...ready.map((one) => strings(one, 'addresses')[0] ?? ''))
    for (const port of ports) {
      if (str(port, 'name') !== portName) continue
      for (const one of ready) {
        const address = strings(one, 'addresses')[0] ?? ''
        all.push(`${address.includes(':') ? `[${address}]` : address}:${str(port, 'port')}`)
      }
    }
  }
  const text = all.slice(0, SHOWN).join(',')
  return all.length > SHOWN ? `${text} + ${all.length - SHOWN} more...` : text
}

export function describeEndpoints(sheet: Sheet, endpoints: JsonObject): void {
  headLines(sheet, endpoints)
  line(sheet, 0, 'Subsets:')
  for (const subset of arr(endpoints, 'subsets')) {
    const ips = (key: string) =>
      arr(subset, key)
        .map((one) => str(one, 'ip'))
        .join(',') || '<none>'
    line(sheet, 1, `Addresses:\t${ips('addresses')}`)
    line(sheet, 1, `NotReadyAddresses:\t${ips('notReadyAddresses')}`)
    const ports = arr(subset, 'ports')
    if (ports.length > 0) {
      line(sheet, 1, 'Ports:')
      line(sheet, 2, 'Name\tPort\tProtocol')
      line(sheet, 2, '----\t----\t--------')
      for (const port of ports) {
        line(sheet, 2, `${str(port, 'name') || '<unset>'}\t${str(port, 'port')}\t${str(port, 'protocol')}`)
      }
    }
    line(sheet, 0, '')
  }
  eventLines(sheet, endpoints)
}

export function describeEndpointSlice(sheet: Sheet, slice: JsonObject): void {
  headLines(sheet, slice)
  line(sheet, 0, `AddressType:\t${str(slice, 'addressType')}`)
  const ports = arr(slice, 'ports')
  if (ports.length === 0) line(sheet, 0, 'Ports: <unset>')
  else {
    line(sheet, 0, 'Ports:')
    line(sheet, 1, 'Name\tPort\tProtocol')
    line(sheet, 1, '----\t----\t--------')
    for (const port of ports) {
      line(
        sheet,
        1,
        `${str(port, 'name') || '<unset>'}\t${str(port, 'port') || '<unset>'}\t${str(port, 'protocol')}`,
      )
    }
  }
  const endpoints = arr(slice, 'endpoints')
  line(sheet, 0, endpoints.length === 0 ? 'Endpoints: <none>' : 'Endpoints:')
  for (const one of endpoints) {
    line(sheet, 1, `- Addresses:\t${strings(one, 'addresses').join(', ') || '<none>'}`)
    line(sheet, 2, 'Conditions:')
    line(sheet, 3, `Ready:\t${str(obj(one, 'conditions'), 'ready') || '<unset>'}`)
    line(sheet, 2, `Hostname:\t${str(one, 'hostname') || '<unset>'}`)
    if (one.targetRef !== undefined) {
      const ref = obj(one, 'targetRef')
      line(sheet, 2, `TargetRef:\t${str(ref, 'kind')}/${str(ref, 'name')}`)
    }
    line(sheet, 2, `NodeName:\t${str(one, 'nodeName') || '<unset>'}`)
    line(sheet, 2, `Zone:\t${str(one, 'zone') || '<unset>'}`)
  }
  eventLines(sheet, slice)
}

export function describeIngressClass(sheet: Sheet, object: JsonObject): void {
  headLines(sheet, object)
  const spec = obj(object, 'spec')
  line(sheet, 0, `Controller:\t${str(spec, 'controller')}`)
  if (spec.parameters !== undefined) {
    const parameters = obj(spec, 'parameters')
    line(sheet, 0, 'Parameters:')
    if (str(parameters, 'apiGroup') !== '') line(sheet, 1, `APIGroup:\t${str(parameters, 'apiGroup')}`)
    line(sheet, 1, `Kind:\t${str(parameters, 'kind')}`)
    line(sheet, 1, `Name:\t${str(parameters, 'name')}`)
  }
  eventLines(sheet, object)
}

export function describeIngress(sheet: Sheet, ingress: JsonObject): void {
  const meta = metaOf(ingress)
  const spec = obj(ingress, 'spec')
  const addresses = arr(obj(obj(ingress, 'status'), 'loadBalancer'), 'ingress')
  line(sheet, 0, `Name:\t${meta.name}`)
  labelLines(sheet, 'Labels', meta.labels)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  line(sheet, 0, `Address:\t${addresses.map((one) => str(one, 'ip') || str(one, 'hostname')).join(',')}`)
  line(sheet, 0, `Ingress Class:\t${str(spec, 'ingressClassName') || '<none>'}`)
  const fallback =
    spec.defaultBackend === undefined
      ? '<default>'
      : backendText(sheet, meta.namespace, obj(spec, 'defaultBackend'))
  line(sheet, 0, `Default backend:\t${fallback}`)
  const tls = arr(spec, 'tls')
  if (tls.length > 0) line(sheet, 0, 'TLS:')
  for (const one of tls) {
    const hosts = strings(one, 'hosts').join(',')
    const secret = str(one, 'secretName')
    line(sheet, 1, secret === '' ? `SNI routes ${hosts}` : `${secret} terminates ${hosts}`)
  }
  line(sheet, 0, 'Rules:')
  line(sheet, 1, 'Host\tPath\tBackends')
  line(sheet, 1, '----\t----\t--------')
  const rules = arr(spec, 'rules').filter((rule) => rule.http !== undefined)
  for (const rule of rules) {
    line(sheet, 1, `${str(rule, 'host') || '*'}\t`)
    for (const path of arr(obj(rule, 'http'), 'paths')) {
      line(sheet, 2, `\t${str(path, 'path')} \t${backendText(sheet, meta.namespace, obj(path, 'backend'))}`)
    }
  }
  if (rules.length === 0) line(sheet, 1, `*\t*\t${fallback}`)
  annotationLines(sheet, 'Annotations', meta.annotations)
  eventLines(sheet, ingress)
}

/** `web:80 (10.244.0.5:80)` */
function backendText(sheet: Sheet, namespace: string, backend: JsonObject): string {
  const service = obj(backend, 'service')
  if (backend.service === undefined) {
    const ref = obj(backend, 'resource')
    const group = str(ref, 'apiGroup')
    return `APIGroup: ${group === '' ? '<none>' : group}, Kind: ${str(ref, 'kind')}, Name: ${str(ref, 'name')}`
  }
  const name = str(service, 'name')
  const port = obj(service, 'port')
  const shown = `${name}:${str(port, 'number') || str(port, 'name')}`
  const reply = call(sheet.client, 'GET', `/api/v1/namespaces/${namespace}/services/${name}`)
  if (!reply.ok) return `${shown} (<error: ${reply.status.message}>)`
  const slices = slicesOf(sheet, namespace, name)
  const found = arr(obj(reply.body as JsonObject, 'spec'), 'ports').find((one) =>
    port.number === undefined ? one.name === port.name : one.port === port.number,
  )
  return `${shown} (${endpointsOf(slices, str(found, 'name'))})`
}

export function describePolicy(sheet: Sheet, policy: JsonObject): void {
  const meta = metaOf(policy)
  const spec = obj(policy, 'spec')
  const created = parseTime(str(field(policy, 'metadata'), 'creationTimestamp')) ?? 0
  const time = dateText((created - EPOCH_SECONDS * 1000) * 1_000_000, '%F %T %z UTC')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  line(sheet, 0, `Created on:\t${time}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  line(sheet, 0, 'Spec:')
  const selector = policySelector(obj(spec, 'podSelector'))
  const every = ' (Allowing the specific traffic to all pods in this namespace)'
  line(sheet, 1, `PodSelector:     ${selector === '' ? `<none>${every}` : selector}`)
  const types = strings(spec, 'policyTypes')
  directionLines(sheet, types.includes('Ingress'), 'ingress', arr(spec, 'ingress'), 'from', 'From')
  directionLines(sheet, types.includes('Egress'), 'egress', arr(spec, 'egress'), 'to', 'To')
  line(sheet, 1, `Policy Types: ${types.join(', ')}`)
}

function policySelector(selector: JsonObject): string {
  const labels = obj(selector, 'matchLabels')
  const plain = Object.keys(labels).map((key): [string, string] => [key, `${key}=${String(labels[key])}`])
  const more = arr(selector, 'matchExpressions').map((one): [string, string] => {
    const key = str(one, 'key')
    const values = [...strings(one, 'values')].sort().join(',')
    const operator = str(one, 'operator')
    if (operator === 'Exists') return [key, key]
    if (operator === 'DoesNotExist') return [key, `!${key}`]
    return [key, `${key} ${operator === 'In' ? 'in' : 'notin'} (${values})`]
  })
  return [...plain, ...more]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => text)
    .join(',')
}

function directionLines(
  sheet: Sheet,
  affected: boolean,
  word: 'ingress' | 'egress',
  rules: readonly JsonObject[],
  key: 'from' | 'to',
  title: string,
): void {
  if (!affected) {
    line(sheet, 1, `Not affecting ${word} traffic`)
    return
  }
  line(sheet, 1, `Allowing ${word} traffic:`)
  if (rules.length === 0) {
    line(sheet, 2, `<none> (Selected pods are isolated for ${word} connectivity)`)
    return
  }
  rules.forEach((rule, i) => {
    const ports = arr(rule, 'ports')
    if (ports.length === 0) line(sheet, 2, 'To Port: <any> (traffic allowed to all ports)')
    for (const port of ports) {
      const number = port.port === undefined ? '<any>' : str(port, 'port')
      const range = port.endPort !== undefined
      const end = range ? `-${str(port, 'endPort')}` : ''
      line(sheet, 2, `To Port${range ? ' Range' : ''}: ${number}${end}/${str(port, 'protocol') || 'TCP'}`)
    }
    const peers = arr(rule, key)
    if (peers.length === 0) {
      const source =
        key === 'from' ? '(traffic not restricted by source)' : '(traffic not restricted by destination)'
      line(sheet, 2, `${title}: <any> ${source}`)
    }
    for (const peer of peers) peerLines(sheet, title, peer)
    if (i < rules.length - 1) line(sheet, 2, '----------')
  })
}

function peerLines(sheet: Sheet, title: string, peer: JsonObject): void {
  line(sheet, 2, `${title}:`)
  if (peer.ipBlock !== undefined) {
    const block = obj(peer, 'ipBlock')
    line(sheet, 3, 'IPBlock:')
    line(sheet, 4, `CIDR: ${str(block, 'cidr')}`)
    line(sheet, 4, `Except: ${strings(block, 'except').join(', ')}`)
    return
  }
  const namespaces = policySelector(obj(peer, 'namespaceSelector'))
  const pods = policySelector(obj(peer, 'podSelector'))
  if (peer.namespaceSelector !== undefined) line(sheet, 3, `NamespaceSelector: ${namespaces || '<none>'}`)
  if (peer.podSelector !== undefined) line(sheet, 3, `PodSelector: ${pods || '<none>'}`)
}
