/** Subsets of an Endpoints object in their canonical form. Models k8s.io/kubernetes/pkg/api/v1/endpoints/util.go (1.32). */
import type { EndpointAddress, EndpointSubset } from '../../objects.ts'

type Port = NonNullable<EndpointSubset['ports']>[number]

/** Stands for the port of a headless Service that has none. */
const NO_PORT: Port = Object.freeze({ port: -1 })

/**
 * Every address with every port that it has, grouped by equal sets of ports, sorted. An address that is not ready for
 * a port in one subset is not ready for it at all.
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const byPort = new Map<string, Entry>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    for (const port of ports.length === 0 ? [NO_PORT] : ports) {
      const key = portText(port)
      const entry = byPort.get(key) ?? { port, addresses: new Map() }
      byPort.set(key, entry)
      for (const address of addresses) mark(entry.addresses, address, true)
      for (const address of notReadyAddresses) mark(entry.addresses, address, false)
    }
  }
  return groupByPorts(byPort.values())
}

/** The one subset of addresses that all have the same ports. */
export function commonSubset(
  ports: readonly Port[],
  ready: readonly EndpointAddress[],
  notReady: readonly EndpointAddress[],
): EndpointSubset {
  if (ports.length === 0) return subsetOf([NO_PORT], ready, notReady)
  const byText = new Map<string, Port>()
  for (const port of ports) if (!byText.has(portText(port))) byText.set(portText(port), port)
  const sorted = [...byText].sort(([a], [b]) => compare(a, b)).map(([, port]) => port)
  return subsetOf(sorted, ready, notReady)
}

function mark(
  addresses: Map<string, { address: EndpointAddress; ready: boolean }>,
  address: EndpointAddress,
  ready: boolean,
): void {
  const key = addressText(address)
  const known = addresses.get(key)
  addresses.set(key, { address, ready: ready && known?.ready !== false })
}

interface Entry {
  readonly port: Port
  readonly addresses: Map<string, { address: EndpointAddress; ready: boolean }>
}

/** With one port there is nothing to group. */
function oneGroup({ port, addresses }: Entry): EndpointSubset {
  const all = [...addresses.values()]
  return subsetOf(
    [port],
    all.filter(({ ready }) => ready).map(({ address }) => address),
    all.filter(({ ready }) => !ready).map(({ address }) => address),
  )
}

function subsetOf(
  ports: readonly Port[],
  ready: readonly EndpointAddress[],
  notReady: readonly EndpointAddress[],
): EndpointSubset {
  return {
    ...(ready.length > 0 ? { addresses: sortAddresses(ready) } : {}),
    ...(notReady.length > 0 ? { notReadyAddresses: sortAddresses(notReady) } : {}),
    ...(ports[0] === NO_PORT ? {} : { ports }),
  }
}

/** An address belongs to the set of all ports that it has in the same state. */
function groupByPorts(given: Iterable<Entry>): EndpointSubset[] {
  const entries = [...given]
  if (entries.length === 1) return [oneGroup(entries[0]!)]
  const portsOf = new Map<string, { address: EndpointAddress; ready: boolean; ports: Port[] }>()
  for (const { port, addresses } of entries) {
    for (const [key, { address, ready }] of addresses) {
      const id = `${key} ${ready}`
      const known = portsOf.get(id) ?? { address, ready, ports: [] }
      known.ports.push(port)
      portsOf.set(id, known)
    }
  }
  const groups = new Map<string, { ports: Port[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>()
  for (const { address, ready, ports } of portsOf.values()) {
    const sorted = [...ports].sort((a, b) => compare(portText(a), portText(b)))
    const key = sorted.map(portText).join(',')
    const group = groups.get(key) ?? { ports: sorted, ready: [], notReady: [] }
    if (ready) group.ready.push(address)
    else group.notReady.push(address)
    groups.set(key, group)
  }
  const keys = [...groups.keys()].sort(compare)
  return keys.map((key) => {
    const { ports, ready, notReady } = groups.get(key)!
    return subsetOf(ports, ready, notReady)
  })
}

function sortAddresses(addresses: readonly EndpointAddress[]): EndpointAddress[] {
  const texts = addresses.map((address): [string, EndpointAddress] => [addressText(address), address])
  return texts.sort(([a], [b]) => compare(a, b)).map(([, address]) => address)
}

function addressText({ ip, targetRef }: EndpointAddress): string {
  return `${ip}|${targetRef?.uid ?? ''}`
}

function portText({ name = '', port, protocol = 'TCP' }: Port): string {
  return `${name}|${`${port}`.padStart(5, '0')}|${protocol}`
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
