/** What kubelet and containerd make of texts. Expected values: third_party/forked/golang/expansion, containerd's reference rules. */
import { describe, expect, it } from 'vitest'
import { goSeconds } from './box.ts'
import { expand } from './env.ts'
import { wholeReference } from './images.ts'

describe('expand', () => {
  const lookup = (name: string) => ({ VAR_A: 'A', VAR_EMPTY: '' })[name]
  // The table of expand_test.go.
  it.each([
    ['$(VAR_A)', 'A'],
    ['___$(VAR_A)___', '___A___'],
    ['$(VAR_EMPTY)', ''],
    ['$$(VAR_A)_$(VAR_A)_$$(VAR_A)', '$(VAR_A)_A_$(VAR_A)'],
    ['$(DNE)', '$(DNE)'],
    ['$$$$(BIG_MONEY)', '$$(BIG_MONEY)'],
    ['$VAR_A', '$VAR_A'],
    ['$(VAR_A', '$(VAR_A'],
    ['foo\\$', 'foo\\$'],
    ['$$$(VAR_A)', '$A'],
    ['$?_boo_$!', '$?_boo_$!'],
  ])('%s', (given, expected) => {
    expect(expand(given, lookup)).toBe(expected)
  })
})

describe('references', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.25', 'docker.io/library/nginx:1.25'],
    ['me/app', 'docker.io/me/app:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
  ])('%s', (given, expected) => {
    expect(wholeReference(given)).toBe(expected)
  })
})

it('durations are Go’s', () => {
  expect([10, 20, 40, 80, 160, 300].map((seconds) => goSeconds(seconds * 1e9))).toEqual([
    '10s',
    '20s',
    '40s',
    '1m20s',
    '2m40s',
    '5m0s',
  ])
})
