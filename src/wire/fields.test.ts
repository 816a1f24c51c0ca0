// Places of fields as tshark 4 gives them (`tshark -T pdml`, name, pos, size) for the same bytes.
import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import { frameFields } from './fields.ts'
import { REAL_FRAMES } from './frames.fixture.ts'

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

const SYN =
  '02000000000202000000000408004500003c53fc40004006636ac0a80103c0a80102e1e8005011fe459500000000a002faf0844000' +
  '00020405b40402080a54dab6cf000000000103030a'
const EXCEEDED =
  '020000000004020000000006080045c00058c4a00000400131f0c0a80101c0a801030b00c6f4000000004500003ce4960000011103' +
  '60c0a8010308080808e0c3829a0028d57f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f'

function places(hex: string, names: string): string[] {
  const wanted = names.split(' ')
  return frameFields(bytesOf(hex), true, 0)
    .flatMap((layer) => layer.fields)
    .filter(({ name }) => wanted.includes(name))
    .map(({ name, at, length }) => `${name} ${at} ${length}`)
}

describe('fields are where tshark finds them', () => {
  it('a SYN with its options', () => {
    const names =
      'eth.dst eth.type ip.flags ip.ttl ip.checksum ip.dst tcp.srcport tcp.seq_raw tcp.flags tcp.urgent_pointer ' +
      'tcp.options.mss tcp.options.sack_perm tcp.options.timestamp tcp.options.wscale'
    expect(places(SYN, names)).toEqual([
      'eth.dst 0 6',
      'eth.type 12 2',
      'ip.flags 20 1',
      'ip.ttl 22 1',
      'ip.checksum 24 2',
      'ip.dst 30 4',
      'tcp.srcport 34 2',
      'tcp.seq_raw 38 4',
      'tcp.flags 46 2',
      'tcp.urgent_pointer 52 2',
      'tcp.options.mss 54 4',
      'tcp.options.sack_perm 58 2',
      'tcp.options.timestamp 60 10',
      'tcp.options.wscale 71 3',
    ])
  })

  it('an ICMP error with the packet that it quotes', () => {
    expect(places(EXCEEDED, 'ip.ttl ip.src icmp.type icmp.checksum udp.dstport')).toEqual([
      'ip.ttl 22 1',
      'ip.src 26 4',
      'icmp.type 34 1',
      'icmp.checksum 36 2',
      'ip.ttl 50 1',
      'ip.src 54 4',
      'udp.dstport 64 2',
    ])
  })
})

it('values are those of the bytes', () => {
  const fields = frameFields(bytesOf(SYN), true, 0).flatMap((layer) => layer.fields)
  const value = (name: string) => fields.find((field) => field.name === name)?.value
  expect(value('ip.src')).toBe('192.168.1.3')
  expect(value('tcp.dstport')).toBe('80')
  expect(value('tcp.flags')).toBe('0x002 (SYN)')
  expect(value('tcp.options.mss')).toBe('1460 bytes')
})

it('every byte of a header belongs to a field of its layer', () => {
  for (const { hex, what } of REAL_FRAMES) {
    for (const layer of frameFields(bytesOf(hex), true, 0)) {
      if (!/^(eth|arp|ip|tcp|udp|icmp)$/.test(layer.name)) continue
      // The four bytes that mean nothing in most ICMP errors.
      const size = layer.name === 'icmp' ? 4 : layer.length
      for (let at = layer.at; at < layer.at + size; at++) {
        const held = layer.fields.some((field) => field.at <= at && at < field.at + field.length)
        expect([what, layer.name, at, held]).toEqual([what, layer.name, at, true])
      }
    }
  }
})

it('bytes that are cut or spoilt throw nothing, and no field reaches beyond the end', () => {
  const rng = createRng(7, 0)
  const dns =
    '0200000000020200000000040800450000380000400040110000c0a80103c0a80102003503e80024000012348180000100010000000001' +
    '6101620000010001c00c000100010000003c00040a000001'
  for (const hex of [SYN, EXCEEDED, dns, ...REAL_FRAMES.map((frame) => frame.hex)]) {
    for (let i = 0; i < 40; i++) {
      const bytes = bytesOf(hex)
      for (let k = 0; k < i % 5; k++) bytes[nextBelow(rng, bytes.length)] = nextBelow(rng, 256)
      const cut = bytes.subarray(0, nextBelow(rng, bytes.length + 1))
      for (const layer of frameFields(cut, true, 0))
        for (const { at, length } of layer.fields) expect(at + length).toBeLessThanOrEqual(cut.length)
    }
  }
})
