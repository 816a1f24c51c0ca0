import { describe, expect, it } from 'vitest'
import { createRng, nextBelow } from '../base/rng.ts'
import type { Packet } from '../net/types.ts'
import { ETH_P_IPV6 } from '../net/types.ts'
import { decodeFrame } from './decode.ts'
import { encodeFrame } from './frame.ts'
import { REAL_FRAMES } from './frames.fixture.ts'

const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

/** Linux fills the IPv6 flow label with a hash of the flow (auto_flowlabels); Kubehop sends zero. */
function withoutFlowLabel(packet: Packet, frame: Uint8Array): Uint8Array {
  const out = frame.slice()
  if (packet.etherType !== ETH_P_IPV6) return out
  out[15] = out[15]! & 0xf0
  out[16] = 0
  out[17] = 0
  return out
}

function decoded(hex: string): Packet {
  const result = decodeFrame(bytesOf(hex))
  expect(result).toBeDefined()
  expect(result?.wrongChecksum).toEqual([])
  return result!.packet
}

/** Two fragments of a real datagram, with the whole behind them. */
function withWhole(first: Packet, second: Packet): Packet[] {
  const header = first.etherType === ETH_P_IPV6 ? 40 : 20
  const payload = new Uint8Array([...(first.payload ?? []), ...(second.payload ?? [])])
  const whole: Packet = {
    ...first,
    payload,
    moreFrags: false,
    fragOffset: 0,
    length: header + payload.length,
  }
  return [first, second].map((fragment) => ({ ...fragment, whole, payload: null }))
}

describe('frames of a real kernel', () => {
  for (const { what, hex } of REAL_FRAMES) {
    if (what.includes('frag (') || what.includes('length 1480') || what.includes('ip-proto-1')) continue
    it(`decode and encode to the same bytes: ${what}`, () => {
      const packet = decoded(hex)
      expect(hexOf(encodeFrame(packet))).toBe(hexOf(withoutFlowLabel(packet, bytesOf(hex))))
    })
  }

  it('fragments are slices of the whole packet, IPv4 and IPv6', () => {
    const fragments = REAL_FRAMES.filter(({ what }) => /frag \(|length 1480|ip-proto-1/.test(what))
    expect(fragments).toHaveLength(8)
    for (let i = 0; i < fragments.length; i += 2) {
      const pair = fragments.slice(i, i + 2)
      const made = withWhole(decoded(pair[0]!.hex), decoded(pair[1]!.hex)).map(encodeFrame).map(hexOf)
      expect(made).toEqual(pair.map(({ hex }) => hexOf(withoutFlowLabel(decoded(hex), bytesOf(hex)))))
    }
  })

  it('a frame with one bit turned is noticed', () => {
    const echo = REAL_FRAMES.find(({ what }) => what.includes('echo request, id 11062'))!
    const bytes = bytesOf(echo.hex)
    bytes[40] = bytes[40]! ^ 1
    expect(decodeFrame(bytes)?.wrongChecksum).toEqual(['icmp'])
  })
})

describe('hostile frames', () => {
  it('100,000 random and mutated frames: no exception', () => {
    const rng = createRng(20261120, 1)
    const seeds = REAL_FRAMES.map(({ hex }) => bytesOf(hex).slice(0, 200))
    let understood = 0
    for (let i = 0; i < 100_000; i++) {
      const isRandom = i % 4 === 0
      const from = seeds[nextBelow(rng, seeds.length)]!
      const size = isRandom ? nextBelow(rng, 120) : nextBelow(rng, from.length + 1)
      const bytes = isRandom ? new Uint8Array(size) : from.slice(0, size)
      const edits = isRandom ? size : 1 + nextBelow(rng, 6)
      for (let k = 0; k < edits && size > 0; k++) bytes[nextBelow(rng, size)] = nextBelow(rng, 256)
      if (decodeFrame(bytes) !== undefined) understood++
    }
    expect(understood).toBeGreaterThan(1000)
  })
})
