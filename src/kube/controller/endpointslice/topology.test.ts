// Expected: TestAddHints and TestReconcileHintsForPreferClose of k8s.io/endpointslice (topologycache, trafficdist).
import { expect, it } from 'vitest'
import type { Endpoint } from '../../objects.ts'
import { addPreferCloseHints, addZoneHints } from './topology.ts'

type Given = readonly [zone: string | undefined, ready: boolean | undefined]

const endpointsOf = (list: readonly Given[]) =>
  list.map(
    ([zone, ready], i) =>
      ({ addresses: [`10.1.2.${i}`], ...(zone && { zone }), conditions: { ready } }) as unknown as Endpoint,
  )
const zonesOf = (list: readonly Endpoint[]) =>
  list.map(({ hints }) => hints?.forZones?.[0]?.name ?? '-').join(' ')
const hinted = (ratios: Record<string, number>, list: readonly Given[]) => {
  const { endpoints, event } = addZoneHints(endpointsOf(list), new Map(Object.entries(ratios)))
  return [zonesOf(endpoints), event.reason]
}
const ready = (text: string): Given[] => text.split(' ').map((zone) => [zone, true])

it.each([
  [{ a: 0.3, b: 0.4, c: 0.3 }, 'a b', '- -', 'TopologyAwareHintsDisabled'],
  [{ a: 0.45, b: 0.55 }, 'a b', 'a b', 'TopologyAwareHintsEnabled'],
  // The first endpoint of the zone with one too many serves the zone that lacks one.
  [{ a: 0.35, b: 0.35, c: 0.3 }, 'a b c c a a a b c a', 'b b c c a a a b c a', 'TopologyAwareHintsEnabled'],
  [{ a: 0.5, b: 0.5 }, 'a a b', '- - -', 'TopologyAwareHintsDisabled'],
])('of %o, endpoints in %s are given %s', (ratios, given, zones, reason) => {
  expect(hinted(ratios, ready(given))).toEqual([zones, reason])
})

it('hints no endpoint that is unready or of which it is not known', () => {
  const list: Given[] = [...ready('a b'), ['b', false], ['b', undefined]]
  expect(hinted({ a: 0.45, b: 0.55 }, list)).toEqual(['a b - -', 'TopologyAwareHintsEnabled'])
  expect(zonesOf(addPreferCloseHints(endpointsOf([...list, [undefined, true]])))).toBe('a b - - -')
})
