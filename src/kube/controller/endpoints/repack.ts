/** Subsets of an Endpoints object in their canonical form. Models k8s.io/kubernetes/pkg/api/v1/endpoints/util.go (1.32). */
import type { EndpointAddress, EndpointSubset } from '../../objects.ts'

type Port = NonNullable<EndpointSubset['ports']>[number]

/** Stands for the port of a headless Service that has none. */
const NO_PORT: Port = Object.freeze({ port: -1 })

/**
 * Every port with every address that has it, ports with equal addresses together, sorted (upstream sorts the subsets
 * by a hash). An address that is not ready for a port in one subset is not ready for it at all.
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const byPort = new Map<string, Entry>()
  const first = new Map<string, EndpointAddress>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    if (addresses.length + notReadyAddresses.length === 0) continue
    for (const port of ports.length === 0 ? [NO_PORT] : ports) {
      const key = portText(port)
      const entry = byPort.get(key) ?? { port, addresses: new Map() }
      byPort.set(key, entry)
      for (const address of addresses) mark(entry.addresses, first, address, true)
      for (const address of notReadyAddresses) mark(entry.addresses, first, address, false)
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
  first: Map<string, EndpointAddress>,
  given: EndpointAddress,
  ready: boolean,
): void {
  const key = addressText(given)
  const address = first.get(key) ?? given
  first.set(key, address)
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
    ...portsField(ports),
  }
}

/** Ports with the same addresses in the same states stand together; an address may stand in several subsets. */
function groupByPorts(given: Iterable<Entry>): EndpointSubset[] {
  const entries = [...given]
  if (entries.length === 1) return [oneGroup(entries[0]!)]
  const groups = new Map<string, Entry[]>()
  for (const entry of entries) {
    const states = [...entry.addresses].map(([key, { ready }]) => `${key}|${ready}`)
    const key = states.sort(compare).join(',')
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  const subsets = [...groups.values()].map((group) => {
    const ports = group.map(({ port }) => port).sort((a, b) => compare(portText(a), portText(b)))
    return { text: ports.map(portText).join(','), subset: { ...oneGroup(group[0]!), ...portsField(ports) } }
  })
  return subsets.sort((a, b) => compare(a.text, b.text)).map(({ subset }) => subset)
}

function portsField(ports: readonly Port[]): { ports?: readonly Port[] } {
  const own = ports.filter((port) => port !== NO_PORT)
  return own.length === 0 ? {} : { ports: own }
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
