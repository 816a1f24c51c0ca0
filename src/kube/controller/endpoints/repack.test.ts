// Expected: what RepackSubsets of pkg/api/v1/endpoints answered for the same subsets (which it sorts by a hash).
import { expect, it } from 'vitest'
import { repackSubsets } from './repack.ts'

const subset = (ips: string[], ports: number[], notReady: string[] = []) => ({
  ...(ips.length > 0 && { addresses: ips.map((ip) => ({ ip })) }),
  ...(notReady.length > 0 && { notReadyAddresses: notReady.map((ip) => ({ ip })) }),
  ...(ports.length > 0 && { ports: ports.map((port) => ({ port, protocol: 'TCP' as const })) }),
})

it('puts ports with the same addresses together; an address that has more ports stands twice', () => {
  const given = [subset(['1.2.3.4'], [80, 81]), subset(['1.2.3.5'], [80])]
  expect(repackSubsets(given)).toEqual([subset(['1.2.3.4', '1.2.3.5'], [80]), subset(['1.2.3.4'], [81])])
})

it('tells ports apart whose addresses differ in readiness', () => {
  const given = [subset(['1.2.3.4'], [80]), subset([], [81], ['1.2.3.4'])]
  expect(repackSubsets(given)).toEqual([subset(['1.2.3.4'], [80]), subset([], [81], ['1.2.3.4'])])
})

it('drops ports that nobody has', () => {
  expect(repackSubsets([subset([], [80])])).toEqual([])
})
