/** From a rule of kube-proxy back to its Service and the line of the lab's text that asked for it. */
import { chainName } from '../kube/node/proxy/names.ts'
import type { ChainKind } from '../kube/node/proxy/names.ts'
import { endpointsByPort, endpointsKey, servicePorts } from '../kube/node/proxy/ports.ts'
import type { ServicePort } from '../kube/node/proxy/types.ts'
import type { EndpointSlice, Service } from '../kube/objects.ts'
import { storeGet, storeList, storeOf } from '../kube/store/store.ts'
import { at } from '../lab/cluster-docs.ts'
import type { Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import { documentOf, placeInLab, placeOf, refOf } from './kube-objects.ts'
import type { RuleOrigin, TextPlace } from './kube-types.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const CHAIN = /KUBE-(?:SVC|SVL|EXT|FW|SEP)-[A-Z2-7]{16}/
/** `NAMESPACE/NAME[:PORT]` where kube-proxy's comments have it. */
const PORT_NAME = /(?:^|[\s"])([a-z0-9-]+\/[a-z0-9-]+(?::[a-z0-9-]+)?)(?=$|[\s"])/

/** The Service port that a rule (`chain`, and its text as iptables-save has it) is of; null where it is of none. */
export function ruleOrigin(world: World, lab: Lab, chain: string, text: string): RuleOrigin | null {
  const named = PORT_NAME.exec(commentOf(text))?.[1]
  const portName = named ?? portOfChain(world, CHAIN.exec(chain)?.[0] ?? CHAIN.exec(text)?.[0] ?? '')
  if (portName === undefined) return null
  const [, namespace = '', name = '', port = ''] = /^([^/]+)\/([^:]+):?(.*)$/.exec(portName) ?? []
  const service = storeGet<Service>(storeOf(world), 'services', namespace, name)
  if (service === undefined) {
    const ref = { resource: 'services', kind: 'Service', namespace, name }
    return { service: ref, portName, place: placeInLab(lab, ref) }
  }
  return { service: refOf(service), portName, place: placeOfPort(lab, service, port) }
}

/** The line of the port in the Service's document, or of the document. */
function placeOfPort(lab: Lab, service: Service, port: string): TextPlace | null {
  const ref = refOf(service)
  const doc = documentOf(lab, ref)
  if (doc === undefined) return placeInLab(lab, ref)
  const { ports } = (doc.value.spec ?? {}) as { ports?: readonly { name?: string }[] }
  const index = (ports ?? []).findIndex((one) => (one.name ?? '') === port)
  return index < 0 ? placeInLab(lab, ref) : placeOf(at(doc, `spec.ports[${index}]`))
}

function commentOf(text: string): string {
  const [, quoted, plain] = /--comment (?:"((?:[^"\\]|\\.)*)"|(\S+))/.exec(text) ?? []
  return quoted ?? plain ?? ''
}

/** The port whose chain has this name: names are hashes, so all known ones are tried. */
function portOfChain(world: World, chain: string): string | undefined {
  if (chain === '') return undefined
  const kind = chain.slice(0, 8).replace(/-$/, '') as ChainKind
  const services = storeList<Service>(storeOf(world), 'services')
  for (const family of [4, 6] as const) {
    const ports = servicePorts(services, family)
    const found = kind === 'KUBE-SEP' ? portOfEndpoint(world, ports, family, chain) : undefined
    if (found !== undefined) return found
    const one = ports.find(({ name, protocol }) => chainName(kind, name, protocol) === chain)
    if (one !== undefined) return one.name
  }
  return undefined
}

function portOfEndpoint(
  world: World,
  ports: readonly ServicePort[],
  family: 4 | 6,
  chain: string,
): string | undefined {
  const endpoints = endpointsByPort(storeList<EndpointSlice>(storeOf(world), SLICES), family, '')
  const one = ports.find((port) =>
    endpoints
      .get(endpointsKey(port))
      ?.some(({ text }) => chainName('KUBE-SEP', port.name, port.protocol, text) === chain),
  )
  return one?.name
}
