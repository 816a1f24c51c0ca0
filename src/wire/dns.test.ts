/** DNS messages against bytes of dig 9.18 and what tshark 4.0 reads in ours; hostile bytes. */
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import type { DnsMessage, DnsRr } from './dns.ts'
import { decodeDns, dnsMessage, encodeDns, frameDns, TYPE_SRV } from './dns.ts'
import { isDnsName, labelsOf, nameOf } from './dnsname.ts'

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** `dig Web.Example.com SRV` (dig 9.18.49). */
const DIG =
  '51230120000100000000000103576562074578616d706c6503636f6d00' +
  '0021000100002904d000000000000c000a000871fbfd861929356b'

/** tshark 4.0 reads these bytes as the message below, every record of it. */
const WHOLE =
  '12348580000100070002000103777777076578616d706c6503636f6d0000ff0001c00c000500010000012c000603776562c0' +
  '10c02d000100010000012c00040a000001c02d001c00010000012c001020010db8000000000000000000000001c010000f00' +
  '010000012c0009000a046d61696cc010055f68747470045f746370c010002100010000012c0017000100321f900377656207' +
  '6578616d706c6503636f6d00c010001000010000012c00100b68656c6c6f20776f726c6403763d3101310130013002313007' +
  '696e2d61646472046172706100000c00010000012c0002c02dc010000200010000012c0006036e7331c010c0100006000100' +
  '00012c001ec0ed0561646d696ec01078c275f500001c2000000708000151800000012c00002904d000008000000c000a0008' +
  '0102030405060708'

function whole(): DnsMessage {
  const rr = (name: string, type: number, data: DnsRr['data']): DnsRr => ({
    name,
    type,
    class: 1,
    ttl: 300,
    data,
  })
  const web = 'web.example.com.'
  return {
    ...dnsMessage(0x1234, [{ name: 'www.example.com.', type: 255, class: 1 }]),
    qr: true,
    aa: true,
    rd: true,
    ra: true,
    answer: [
      rr('www.example.com.', 5, { kind: 'name', name: web }),
      rr(web, 1, { kind: 'ip', ip: 0x0a000001 }),
      rr(web, 28, { kind: 'ip', ip: '20010db8000000000000000000000001' }),
      rr('example.com.', 15, { kind: 'mx', preference: 10, name: 'mail.example.com.' }),
      rr('_http._tcp.example.com.', 33, { kind: 'srv', priority: 1, weight: 50, port: 8080, target: web }),
      rr('example.com.', 16, { kind: 'txt', texts: ['hello world', 'v=1'] }),
      rr('1.0.0.10.in-addr.arpa.', 12, { kind: 'name', name: web }),
    ],
    authority: [
      rr('example.com.', 2, { kind: 'name', name: 'ns1.example.com.' }),
      rr('example.com.', 6, {
        kind: 'soa',
        mname: 'ns1.example.com.',
        rname: 'admin.example.com.',
        serial: 2026010101,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: 300,
      }),
    ],
    edns: {
      size: 1232,
      version: 0,
      do: true,
      options: [{ code: 10, bytes: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }],
    },
  }
}

describe('DNS messages', () => {
  it('reads and writes what dig sends', () => {
    const { message } = decodeDns(bytesOf(DIG))
    expect(message).toMatchObject({
      id: 0x5123,
      qr: false,
      rd: true,
      ad: true,
      edns: { size: 1232, do: false },
    })
    expect(message!.question).toEqual([{ name: 'Web.Example.com.', type: TYPE_SRV, class: 1 }])
    expect(hexOf(encodeDns(message!))).toBe(DIG)
  })

  it('writes every kind of record as tshark reads it', () => {
    expect(hexOf(encodeDns(whole()))).toBe(WHOLE)
    expect(decodeDns(bytesOf(WHOLE)).message).toEqual(whole())
    expect(decodeDns(encodeDns(whole(), false)).message).toEqual(whole())
  })

  it('leaves records out from the end where they do not fit, and says so', () => {
    const answer = Array.from({ length: 60 }, (_, i): DnsRr => ({
      name: 'big.example.com.', type: 1, class: 1, ttl: 5, data: { kind: 'ip', ip: i },
    })) // biome-ignore format: one record
    const big = { ...dnsMessage(1, [{ name: 'big.example.com.', type: 1, class: 1 }]), qr: true, answer }
    // 12 + 21 bytes of header and question, 16 a compressed record: 29 fit into 512.
    const small = encodeDns(big, false, 512)
    expect(small.length).toBe(12 + 21 + 29 * 16)
    expect(decodeDns(small).message).toMatchObject({ tc: true, answer: answer.slice(0, 29) })
    expect(encodeDns(big, false, 65_535).length).toBe(33 + 60 * 31)
    expect([...frameDns(small).slice(0, 2)]).toEqual([1, 241])
  })

  it('knows what a name can be', () => {
    expect(labelsOf('a\\.b.c\\032d.')).toEqual(['a.b', 'c d'])
    expect(nameOf(['a.b', 'c d'])).toBe('a\\.b.c\\032d.')
    expect(nameOf([])).toBe('.')
    const label = 'x'.repeat(63)
    expect([`${label}.`, `${label}x.`, 'a..b.', '.a.', '\\256.'].map(isDnsName)).toEqual([
      true, false, false, false, false,
    ]) // biome-ignore format: one row
    expect(isDnsName(`${label}.${label}.${label}.${'x'.repeat(61)}.`)).toBe(true)
    expect(isDnsName(`${label}.${label}.${label}.${'x'.repeat(62)}.`)).toBe(false)
  })

  it('refuses loops, pointers forward and lengths that lie', () => {
    const head = '000101000001000000000000'
    const error = (hex: string) => decodeDns(bytesOf(hex)).error
    expect(error(`${head}c00c00010001`)).toBe('question')
    expect(error(`${head}c01000010001`)).toBe('question')
    expect(error(`${head}0161c00c00010001`)).toBe('question')
    expect(error(`${head}40${'61'.repeat(64)}0000010001`)).toBe('question')
    expect(error(`${head}00000100`)).toBe('question')
    expect(error('00010100')).toBe('header')
    expect(error(`0001010000000001000000000000010001000000050004010203`)).toBe('record')
    expect(error(`000101000000000100000000000001000100000005000301020304`)).toBe('record')
    expect(error(`0001010000000000000000010000291000000000000004000a0008`)).toBe('OPT')
  })

  it('survives every change of a message', () => {
    const rng = createRng(53, 1)
    const good = bytesOf(WHOLE)
    let read = 0
    for (let i = 0; i < 20_000; i++) {
      const bytes = good.slice(0, i % 3 === 0 ? nextBelow(rng, good.length + 1) : good.length)
      for (let n = nextBelow(rng, 4); n >= 0 && bytes.length > 0; n--) {
        bytes[nextBelow(rng, bytes.length)] = nextBelow(rng, 256)
      }
      const got = decodeDns(bytes)
      if (got.message === undefined) continue
      read++
      // What was understood is written and understood again as the same.
      expect(decodeDns(encodeDns(got.message)).message).toEqual(got.message)
    }
    expect(read).toBeGreaterThan(1000)
  })
})
