// Digests of the examples in FIPS 180-4's published test data.
import { expect, it } from 'vitest'
import { sha256Hex } from './sha256.ts'

it('agrees with the published examples', () => {
  expect(sha256Hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(sha256Hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  expect(sha256Hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  )
  expect(sha256Hex('a'.repeat(1_000_000))).toBe(
    'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  )
})

it('takes text as UTF-8', () => {
  // printf 'ж€😀' | sha256sum
  expect(sha256Hex('ж€😀')).toBe(
    sha256Hex(Uint8Array.from([0xd0, 0xb6, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80])),
  )
})
