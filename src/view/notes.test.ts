import { expect, it } from 'vitest'
import { parseIp4 } from '../base/addr.ts'
import { addrAdd } from '../net/ip/devinet.ts'
import { linkByName } from '../net/link/device.ts'
import { linkAdd, linkSet } from '../net/link/netlink.ts'
import { createNetns } from '../net/netns.ts'
import { createWorld } from '../net/world.ts'
import { notesOf } from './notes.ts'

function room(len: number, up: boolean) {
  const world = createWorld(1)
  const ns = createNetns(world, 'a', 0)
  linkAdd(world, ns, { kind: 'veth', name: 'v1', peer: { name: 'v2' } })
  const link = linkByName(ns, 'v1')!
  linkSet(world, ns, linkByName(ns, 'lo')!, { up: true })
  if (up) linkSet(world, ns, link, { up: true })
  addrAdd(world, ns, link, { addr: parseIp4('20.1.1.1')!, len })
  return { world, ns, link }
}

it('an address without a prefix length is named as the cause (scenario 1.2)', () => {
  const { world, ns, link } = room(32, true)
  expect(notesOf(ns, undefined).map((note) => note.key)).toEqual(['note.hostPrefix'])
  expect(notesOf(ns, link)[0]?.args).toEqual({ dev: 'v1', addr: '20.1.1.1' })
  addrAdd(world, ns, link, { addr: parseIp4('20.1.1.1')!, len: 24 })
  expect(notesOf(ns, undefined)).toEqual([])
})

it('a device that is down, and lo, are named', () => {
  const { world, ns } = room(24, false)
  expect(notesOf(ns, undefined).map((note) => note.key)).toEqual(['note.linkDown'])
  linkSet(world, ns, linkByName(ns, 'lo')!, { up: false })
  expect(notesOf(ns, undefined).map((note) => note.key)).toEqual(['note.loDown', 'note.linkDown'])
})

it("an address on a bridge's port is in the wrong place", () => {
  const { world, ns, link } = room(24, true)
  linkAdd(world, ns, { kind: 'bridge', name: 'br0' })
  linkSet(world, ns, link, { master: linkByName(ns, 'br0')!.ifindex })
  expect(notesOf(ns, link)).toEqual([
    { key: 'note.portAddress', args: { dev: 'v1', addr: '20.1.1.1', bridge: 'br0' } },
  ])
})
