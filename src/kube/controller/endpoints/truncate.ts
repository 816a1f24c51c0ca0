/** An Endpoints object holds at most 1,000 addresses. Models truncateEndpoints of pkg/controller/endpoint (1.32). */
import type { EndpointSubset } from '../../objects.ts'

const MOST = 1000

/** Ready addresses come first; each subset gives its part. */
export function truncateSubsets(subsets: readonly EndpointSubset[]): {
  subsets: readonly EndpointSubset[]
  truncated: boolean
} {
  const count = (key: 'addresses' | 'notReadyAddresses') =>
    subsets.reduce((sum, subset) => sum + (subset[key]?.length ?? 0), 0)
  const ready = count('addresses')
  const notReady = count('notReadyAddresses')
  if (ready + notReady <= MOST) return { subsets, truncated: false }
  const cut = ready > MOST ? 'addresses' : 'notReadyAddresses'
  const most = ready > MOST ? MOST : MOST - ready
  const total = ready > MOST ? ready : notReady
  let left = most
  const kept = subsets.map((subset) => {
    const has = subset[cut] ?? []
    const n = Math.min(Math.ceil((has.length / total) * most), left)
    left -= n
    const { addresses = [], ports } = subset
    const [good, bad] = cut === 'addresses' ? [has.slice(0, n), []] : [addresses, has.slice(0, n)]
    return {
      ...(good.length > 0 ? { addresses: good } : {}),
      ...(bad.length > 0 ? { notReadyAddresses: bad } : {}),
      ...(ports === undefined ? {} : { ports }),
    }
  })
  return {
    subsets: kept.filter(
      ({ addresses, notReadyAddresses }) => (addresses ?? notReadyAddresses) !== undefined,
    ),
    truncated: true,
  }
}
