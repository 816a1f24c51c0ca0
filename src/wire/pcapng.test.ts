import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REAL_FRAMES } from './frames.fixture.ts'
import { writePcapng } from './pcapng.ts'

const hasTshark = spawnSync('tshark', ['--version']).status === 0
const bytesOf = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

const capture = writePcapng(
  [
    { name: 'host.red/veth-red', mac: 0x020000000001 },
    { name: 'host/eth0', mac: 0x020000000002 },
  ],
  REAL_FRAMES.map(({ hex }, i) => ({
    device: i % 2,
    at: 1_000_000_007 + i,
    direction: i % 2 === 0 ? ('in' as const) : ('out' as const),
    bytes: bytesOf(hex),
  })),
)

it('begins with a section header and blocks whose two lengths agree (draft-ietf-opsawg-pcapng section 3)', () => {
  const view = new DataView(capture.buffer)
  const types: number[] = []
  for (let at = 0; at < capture.length; ) {
    const length = view.getUint32(at + 4, true)
    types.push(view.getUint32(at, true))
    expect(length % 4).toBe(0)
    expect(view.getUint32(at + length - 4, true)).toBe(length)
    at += length
  }
  expect(types.slice(0, 4)).toEqual([0x0a0d0d0a, 1, 1, 6])
  expect(types).toHaveLength(3 + REAL_FRAMES.length)
})

// biome-ignore format: the reason must stand beside the skip
it.skipIf(!hasTshark)( // skips: tshark is not installed
  'tshark reads names, directions and nanoseconds (skips: tshark is not installed)',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'pcapng-'))
    try {
      const file = join(folder, 'a.pcapng')
      writeFileSync(file, capture)
      const fields = [
        'frame.interface_name',
        'frame.packet_flags_direction',
        'frame.time_epoch',
        '_ws.malformed',
      ]
      const args = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]
      const lines = execFileSync('tshark', args, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).split('\n')
      expect(lines[0]?.split('\t')).toEqual(['host.red/veth-red', '0x00000001', '1.000000007', ''])
      expect(lines[1]?.split('\t')).toEqual(['host/eth0', '0x00000002', '1.000000008', ''])
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
