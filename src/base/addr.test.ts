import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as addr from './addr.ts'

const ip = (text: string): addr.Ip => {
  const value = addr.parseIp(text)
  if (value === undefined) throw new Error(`not an address: ${text}`)
  return value
}
const ip6 = (text: string): string => ip(text) as string
const anyIp4 = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const anyIp6 = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map(addr.concatIp6)

describe('IPv4 text', () => {
  it.each([
    ['0.0.0.0', 0],
    ['127.0.0.1', 0x7f000001],
    ['128.0.0.0', -0x80000000],
    ['255.255.255.255', -1],
    ['10.244.1.7', 0x0af40107],
  ])('reads and prints %s as a signed integer', (text, value) => {
    expect(addr.parseIp4(text)).toBe(value)
    expect(addr.formatIp4(value)).toBe(text)
  })

  // Each of these makes glibc's inet_pton(AF_INET) return 0.
  it.each(['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.', '.1.2.3', '1..2.3', '256.0.0.1', '01.2.3.4', '1.2.3.00'])(
    'refuses "%s"',
    (text) => expect(addr.parseIp4(text)).toBeUndefined(),
  )

  it.each(['1.2.3.4 ', ' 1.2.3.4', '0x1.2.3.4', '1.2.3.-4', '1.2.3.4/8', '1.2.3.1000'])(
    'refuses "%s"',
    (text) => expect(addr.parseIp4(text)).toBeUndefined(),
  )

  it('reads what it prints', () => {
    fc.assert(fc.property(anyIp4, (value) => addr.parseIp4(addr.formatIp4(value)) === value))
  })
})

describe('IPv6 text', () => {
  // RFC 4291 section 2.2.
  it.each([
    ['ABCD:EF01:2345:6789:ABCD:EF01:2345:6789', 'abcdef0123456789abcdef0123456789'],
    ['2001:DB8:0:0:8:800:200C:417A', '20010db80000000000080800200c417a'],
    ['2001:DB8::8:800:200C:417A', '20010db80000000000080800200c417a'],
    ['FF01:0:0:0:0:0:0:101', 'ff010000000000000000000000000101'],
    ['FF01::101', 'ff010000000000000000000000000101'],
    ['::1', '00000000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['0:0:0:0:0:0:13.1.68.3', '0000000000000000000000000d014403'],
    ['::13.1.68.3', '0000000000000000000000000d014403'],
    ['0:0:0:0:0:FFFF:129.144.52.38', '00000000000000000000ffff81903426'],
    ['::FFFF:129.144.52.38', '00000000000000000000ffff81903426'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
  ])('reads %s', (text, digits) => expect(addr.parseIp6(text)).toBe(digits))

  // Each of these makes glibc's inet_pton(AF_INET6) return 0.
  it.each([
    '',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    '1:::2',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    '::1.2.3',
    '::01.2.3.4',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    'fe80::1%eth0',
    ' ::1',
    '1.2.3.4',
  ])('refuses "%s"', (text) => expect(addr.parseIp6(text)).toBeUndefined())

  // RFC 5952 sections 1, 2, 4 and 5.
  it.each([
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:0:1', '2001:db8:aaaa:bbbb:cccc:dddd:0:1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['64:ff9b:0:0:0:0:0:1', '64:ff9b::1'],
  ])('prints %s as %s', (text, short) => expect(addr.formatIp6(ip6(text))).toBe(short))

  it('reads what it prints, and the groups make the address', () => {
    fc.assert(fc.property(anyIp6, (value) => addr.parseIp6(addr.formatIp6(value)) === value))
    fc.assert(fc.property(anyIp6, (value) => addr.concatIp6(addr.ip6Words(value)) === value))
  })

  it('gives eight groups', () => {
    expect(addr.ip6Words(ip6('2001:db8::8:800:200c:417a'))).toEqual([
      0x2001, 0xdb8, 0, 0, 8, 0x800, 0x200c, 0x417a,
    ])
  })
})

describe('prefixes', () => {
  it('reads and prints them, host bits kept', () => {
    expect(addr.parsePrefix('10.1.2.3/16')).toEqual({ addr: 0x0a010203, len: 16 })
    expect(addr.parsePrefix('10.1.2.3')).toEqual({ addr: 0x0a010203, len: 32 })
    expect(addr.parsePrefix('fd00::/64')).toEqual({ addr: ip('fd00::'), len: 64 })
    expect(addr.parsePrefix('::')).toEqual({ addr: ip('::'), len: 128 })
    expect(addr.formatPrefix({ addr: ip('fd00::'), len: 0 })).toBe('fd00::/0')
  })

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0.0/1/2',
    '::/129',
    '/8',
    '::/1e1',
  ])('refuses "%s"', (text) => expect(addr.parsePrefix(text)).toBeUndefined())

  it.each([
    ['192.168.77.13', 0, '0.0.0.0', '255.255.255.255'],
    ['192.168.77.13', 1, '128.0.0.0', '255.255.255.255'],
    ['192.168.77.13', 22, '192.168.76.0', '192.168.79.255'],
    ['192.168.77.13', 31, '192.168.77.12', '192.168.77.13'],
    ['192.168.77.13', 32, '192.168.77.13', '192.168.77.13'],
  ])('masks %s/%i', (text, len, net, broadcast) => {
    expect(addr.formatIp(addr.maskIp(ip(text), len))).toBe(net)
    expect(addr.formatIp4(addr.broadcast4(ip(text) as number, len))).toBe(broadcast)
  })

  it('knows netmasks', () => {
    expect([0, 8, 20, 32].map((len) => addr.formatIp4(addr.maskOf4(len)))).toEqual([
      '0.0.0.0',
      '255.0.0.0',
      '255.255.240.0',
      '255.255.255.255',
    ])
  })

  // Bit by bit with BigInt: the definition.
  it('decides membership and masks as the definition says', () => {
    const value = (a: addr.Ip) => (typeof a === 'number' ? BigInt(a >>> 0) : BigInt(`0x${a}`))
    const check = (a: addr.Ip, b: addr.Ip, len: number, bits: number) => {
      const shift = BigInt(bits - len)
      expect(addr.inPrefix(a, b, len)).toBe(value(a) >> shift === value(b) >> shift)
      expect(value(addr.maskIp(a, len))).toBe((value(a) >> shift) << shift)
      expect(addr.inPrefix(a, addr.maskIp(a, len), len)).toBe(true)
    }
    const length6 = fc.integer({ min: 0, max: 128 })
    fc.assert(fc.property(anyIp4, anyIp4, fc.integer({ min: 0, max: 32 }), (a, b, n) => check(a, b, n, 32)))
    fc.assert(fc.property(anyIp6, anyIp6, length6, (a, b, len) => check(a, b, len, 128)))
    const flip = fc.tuple(anyIp6, length6, fc.integer({ min: 0, max: 127 }))
    fc.assert(
      fc.property(flip, ([a, len, bit]) => {
        const b = (value(a) ^ (1n << BigInt(127 - bit))).toString(16).padStart(32, '0')
        expect(addr.inPrefix(a, b, len)).toBe(bit >= len)
      }),
    )
  })

  it('never mixes families', () => {
    expect(addr.inPrefix(0, ip('::'), 0)).toBe(false)
    expect(addr.inPrefix(ip('::'), 0, 0)).toBe(false)
  })
})

describe('kinds and order', () => {
  it.each([
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['240.0.0.1', ''],
    ['223.255.255.255', ''],
    ['127.8.8.8', 'loopback'],
    ['128.0.0.1', ''],
    ['169.254.20.10', 'link-local'],
    ['169.253.255.255', ''],
    ['0.0.0.0', 'unspecified'],
    ['0.0.0.1', ''],
    ['ff02::1', 'multicast'],
    ['feff::1', ''],
    ['::1', 'loopback'],
    ['::2', ''],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fec0::1', ''],
    ['fe7f::1', ''],
    ['::', 'unspecified'],
  ])('%s: %s', (text, kind) => {
    const a = ip(text)
    expect(
      [
        addr.isMulticast(a) && 'multicast',
        addr.isLoopback(a) && 'loopback',
        addr.isLinkLocal(a) && 'link-local',
        addr.isUnspecified(a) && 'unspecified',
      ].filter(Boolean),
    ).toEqual(kind === '' ? [] : [kind])
  })

  it('sorts by number, IPv4 first', () => {
    const sorted = [
      '0.0.0.1',
      '9.0.0.0',
      '10.0.0.0',
      '127.255.255.255',
      '128.0.0.0',
      '255.0.0.0',
      '::',
      '::a',
      'a::',
    ]
    expect([...sorted].reverse().map(ip).sort(addr.compareIp).map(addr.formatIp)).toEqual(sorted)
    expect(addr.compareIp(ip('::a'), ip('::a'))).toBe(0)
    expect(addr.familyOf(ip('1.2.3.4'))).toBe(4)
    expect(addr.familyOf(ip('::'))).toBe(6)
  })
})

describe('hardware addresses', () => {
  it('reads and prints them', () => {
    expect(addr.parseMac('34:56:78:9A:BC:DE')).toBe(0x3456789abcde)
    expect(addr.parseMac('2:0:0:0:0:1')).toBe(0x020000000001)
    expect(addr.formatMac(0x020000000001)).toBe('02:00:00:00:00:01')
    expect(addr.formatMac(addr.BROADCAST_MAC)).toBe('ff:ff:ff:ff:ff:ff')
    for (const text of [
      '',
      '1:2:3:4:5',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:100',
      '1:2:3:4:5:g',
      '1:2:3:4:5:',
      '01-02-03-04-05-06',
    ])
      expect(addr.parseMac(text)).toBeUndefined()
  })

  it('knows the group bit', () => {
    expect(addr.isMulticastMac(addr.BROADCAST_MAC)).toBe(true)
    expect(addr.isMulticastMac(0x01005e000001)).toBe(true)
    expect(addr.isMulticastMac(0x02ffffffffff)).toBe(false)
    expect(addr.isMulticastMac(0xfe0000000000)).toBe(false)
  })

  // RFC 2464 sections 4, 5 and 7; RFC 4291 section 2.7.1; RFC 1112 section 6.4.
  it('derives addresses from it and it from addresses', () => {
    expect(addr.formatIp6(addr.linkLocalOf(0x3456789abcde))).toBe('fe80::3656:78ff:fe9a:bcde')
    expect(addr.formatIp6(addr.linkLocalOf(0x020000000001))).toBe('fe80::ff:fe00:1')
    expect(addr.formatIp6(addr.solicitedNode(ip6('4037::01:800:200E:8C6C')))).toBe('ff02::1:ff0e:8c6c')
    expect(addr.formatMac(addr.multicastMac(ip('ff02::1:ff0e:8c6c')))).toBe('33:33:ff:0e:8c:6c')
    expect(addr.formatMac(addr.multicastMac(ip('224.0.0.251')))).toBe('01:00:5e:00:00:fb')
    expect(addr.formatMac(addr.multicastMac(ip('239.129.2.3')))).toBe('01:00:5e:01:02:03')
  })
})
