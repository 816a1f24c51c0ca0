// Expected: the tables of nodeipam/ipam/cidrset/cidr_set_test.go (Kubernetes 1.32).
import { describe, expect, it } from 'vitest'
import { maskIp, parsePrefix } from '../../../base/addr.ts'
import { cutRange, markUsed, spanOf, subRange, take } from './cidrset.ts'

// TestIndexToCIDRBlock
it.each([
  ['127.123.3.0/16', 24, 0, '127.123.0.0/24'],
  ['127.123.0.0/16', 24, 15, '127.123.15.0/24'],
  ['192.168.5.219/28', 32, 5, '192.168.5.213/32'],
  ['2001:0db8:1234:3::/48', 64, 0, '2001:db8:1234::/64'],
  ['2001:0db8:1234::/48', 64, 15, '2001:db8:1234:f::/64'],
  ['2001:0db8:85a3::8a2e:0370:7334/50', 63, 6425, '2001:db8:85a3:3232::/63'],
  ['2001:0db8::/32', 48, 0, '2001:db8::/48'],
  ['2001:0db8::/32', 48, 15, '2001:db8:f::/48'],
  ['2001:0db8:85a3::8a2e:0370:7334/32', 48, 6425, '2001:db8:1919::/48'],
  ['2001:0db8:1234:ff00::/56', 72, 0, '2001:db8:1234:ff00::/72'],
  ['2001:0db8:1234:ff00::/56', 72, 15, '2001:db8:1234:ff00:f00::/72'],
  ['2001:0db8:1234:ff00::0370:7334/56', 72, 6425, '2001:db8:1234:ff19:1900::/72'],
  ['2001:0db8:1234:0:1234::/80', 96, 0, '2001:db8:1234:0:1234::/96'],
  ['2001:0db8:1234:0:1234::/80', 96, 15, '2001:db8:1234:0:1234:f::/96'],
  ['2001:0db8:1234:ff00::0370:7334/80', 96, 6425, '2001:db8:1234:ff00:0:1919::/96'],
])('of %s with /%i, number %i is %s', (cluster, mask, n, range) => {
  const { addr, len } = parsePrefix(cluster)!
  expect(subRange(maskIp(addr, len), mask, n)).toBe(range)
})

// TestOccupy, TestGetBitforCIDR
it.each<[string, number, string, [number, number] | undefined]>([
  ['127.0.0.0/8', 16, '127.0.0.0/8', [0, 255]],
  ['2001:beef:1200::/40', 48, '2001:beef:1200::/40', [0, 255]],
  ['127.0.0.0/8', 16, '127.0.0.0/2', [0, 255]],
  ['2001:beef:1200::/40', 48, '2001:beef:1234::/34', [0, 255]],
  ['127.0.0.0/8', 16, '127.0.0.0/16', [0, 0]],
  ['2001:beef:1200::/40', 48, '2001:beef:1200::/48', [0, 0]],
  ['127.0.0.0/8', 32, '127.0.0.0/16', [0, 65535]],
  ['2001:beef:1200::/48', 64, '2001:beef:1200::/48', [0, 65535]],
  ['127.0.0.0/7', 16, '127.0.0.0/15', [256, 257]],
  ['2001:beef:7f00::/39', 48, '2001:beef:7f00::/47', [256, 257]],
  ['127.0.0.0/7', 15, '127.0.0.0/15', [128, 128]],
  ['2001:beef:7f00::/39', 47, '2001:beef:7f00::/47', [128, 128]],
  ['127.0.0.0/7', 18, '127.0.0.0/15', [1024, 1031]],
  ['2001:beef:7f00::/39', 50, '2001:beef:7f00::/47', [1024, 1031]],
  ['127.0.0.0/8', 16, '127.123.0.0/16', [123, 123]],
  ['be00::/8', 16, 'beef::/16', [0xef, 0xef]],
  ['192.168.0.0/16', 24, '192.168.151.0/24', [151, 151]],
  ['beef::/16', 24, 'beef:9700::/24', [0x97, 0x97]],
  ['192.168.0.0/16', 24, '127.168.224.0/24', undefined],
  ['beef::/16', 24, '2001:db00::/24', undefined],
])('of %s with /%i, %s takes %o', (cluster, mask, touched, span) => {
  expect(spanOf(cutRange(cluster, mask)!, touched)).toEqual(span)
})

describe('a cluster range', () => {
  it('of one node range is given, taken back and given again (TestCIDRSetFullyAllocated)', () => {
    for (const cidr of ['127.123.234.0/30', 'beef:1234::/30']) {
      const ranges = cutRange(cidr, 30)!
      for (let i = 0; i < 2; i++) {
        expect(take(ranges, [])).toBe(cidr)
        expect(take(ranges, [])).toBeUndefined()
        markUsed([ranges], cidr, false)
      }
    }
  })

  it('counts no range twice (TestDoubleOccupyRelease)', () => {
    const ranges = cutRange('10.42.0.0/16', 24)!
    for (const [cidr, used, count] of [
      ['10.42.5.0/24', true, 1],
      ['10.42.9.0/24', true, 2],
      ['10.42.8.0/22', true, 5],
      ['10.42.9.0/24', true, 5],
      ['10.42.9.0/24', false, 4],
      ['10.42.9.0/24', false, 4],
      ['10.42.4.0/22', false, 3],
    ] as const) {
      markUsed([ranges], cidr, used)
      expect(ranges.used.size).toBe(count)
    }
    for (let i = 0; i < 253; i++) expect(take(ranges, [])).toBeDefined()
    expect(take(ranges, [])).toBeUndefined()
  })

  it('gives what is left when some were taken back, in order (TestCIDRSet_RandomishAllocation)', () => {
    const ranges = cutRange('beef:1234::/16', 24)!
    const given = Array.from({ length: 256 }, () => take(ranges, [])!)
    expect([new Set(given).size, take(ranges, [])]).toEqual([256, undefined])
    for (const cidr of given) markUsed([ranges], cidr, false)
    expect(Array.from({ length: 256 }, () => take(ranges, []))).toEqual(given)
  })

  it('may be large in IPv4, and has 16 bits for nodes in IPv6 (TestCIDRSetv6, Test_getMaxCIDRs)', () => {
    const ranges = cutRange('127.0.0.0/8', 32)!
    expect([take(ranges, []), take(ranges, [])]).toEqual(['127.0.0.0/32', '127.0.0.1/32'])
    expect(cutRange('beef:1234::/32', 49)).toBeUndefined()
    const six = cutRange('2001:beef:1234:369b::/60', 64)!
    expect([take(six, []), take(six, [])]).toEqual(['2001:beef:1234:3690::/64', '2001:beef:1234:3691::/64'])
    expect([cutRange('10.0.0.0/16', 24)!.count, cutRange('2001:db8::/48', 64)!.count]).toEqual([256, 65536])
  })
})
