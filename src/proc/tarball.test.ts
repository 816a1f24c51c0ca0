// The archive is byte for byte what GNU tar 1.34 makes: `tar --format=ustar --owner=root:0 --group=root:0 -cf`, of a
// file, an empty directory and a link of 2026-01-01.
import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { TarEntry } from './tarball.ts'
import { packTar, readTar } from './tarball.ts'

const mtime = 1767225600
const FILES: TarEntry[] = [
  { name: 'a.txt', kind: 'file', mode: 0o644, mtime, text: 'héllo\n' },
  { name: 'd/', kind: 'dir', mode: 0o755, mtime, text: '' },
  { name: 'l', kind: 'link', mode: 0o777, mtime, text: 'a.txt' },
]

it('packs as GNU tar does', () => {
  const sum = createHash('sha256').update(packTar(FILES)!).digest('hex')
  expect(sum).toBe('845cfc31ff151465ca078df300103f379dc56d2abbec944cbf29e2ed4a1e3793')
})

it('reads what it packed, long names too, and tells what is none or cut', () => {
  const name = `${'directory/'.repeat(14)}${'n'.repeat(80)}`
  const deep: TarEntry = { name, kind: 'file', mode: 0o600, mtime, text: 'x' }
  const archive = packTar([...FILES, deep])!
  expect(readTar(archive)).toEqual({ entries: [...FILES, deep], error: '' })
  expect(readTar(archive.slice(0, 700)).error).toBe('short')
  expect(readTar('no archive'.repeat(100)).error).toBe('bad')
  expect(packTar([{ ...deep, name: 'n'.repeat(300) }])).toBeUndefined()
})
