// Needs root and a Linux kernel with network namespaces; says that it is skipped otherwise. The same random `ip`
// commands go to a real namespace and to the model: messages, addresses, both tables and `ip route get` must be equal.
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { formatIp } from '../../base/addr.ts'
import { createRng, nextBelow } from '../../base/rng.ts'
import { strerror } from '../nlresult.ts'
import type { World } from '../types.ts'
import { dev, doLine, ip, netOf, nsOf, routeText } from './checkip.ts'
import { routesOf } from './fib.ts'
import { routeGet } from './route.ts'

const NS = 'khfibA'
const PEER = 'khfibB'
const ADDRS = [
  '10.0.0.1/24',
  '10.0.0.2/24',
  '10.0.1.1/24',
  '10.0.0.1/16',
  '10.0.0.9/32',
  '10.1.0.1/30',
  '10.1.0.2/31',
]
const VIAS = ['10.0.0.7', '10.0.1.7', '10.1.0.2', '10.0.0.1', '10.9.9.9', '10.0.0.255', '99.1.1.1']
const PREFIXES = ['50.0.0.0/8', '50.1.0.0/16', '50.1.2.3/32', 'default', '10.0.0.0/24', '10.0.0.0/16']
const TARGETS = [
  '50.2.2.2',
  '50.1.9.9',
  '50.1.2.3',
  '8.8.8.8',
  '10.0.0.1',
  '10.0.0.255',
  '10.0.0.77',
  '10.1.0.3',
  '224.0.0.5',
]
const ROUTE_TYPES = ['', '', '', '', 'blackhole', 'unreachable', 'prohibit', 'throw']

const real = process.getuid?.() === 0 && sh('netns', 'add', `${NS}0`).err === ''
if (real) sh('netns', 'del', `${NS}0`)

const asked = describe.skipIf(!real) // skips: no root, or no namespaces

asked('against the kernel', () => {
  it.each([1, 2])('the same commands leave the same tables, seed %i', (seed) => {
    try {
      compare(seed, 60)
    } finally {
      sh('netns', 'del', NS)
      sh('netns', 'del', PEER)
    }
  })
})

function compare(seed: number, count: number): void {
  build()
  const world = netOf('link A/v0 B/w0\nlink A/v1 B/w1')
  const rng = createRng(seed, 0)
  const pick = <T>(list: readonly T[]): T => list[nextBelow(rng, list.length)]!
  for (let i = 0; i < count; i++) {
    const [argv, line] = command(pick)
    const kernel = sh('-n', NS, ...argv).err
    expect(`${line}: ${doLine(world, line)}`).toBe(`${line}: ${kernel}`)
    expect(`${line}\n${modelState(world)}`).toBe(`${line}\n${kernelState()}`)
    for (const dst of TARGETS)
      expect(`${line}; get ${modelGet(world, dst)}`).toBe(`${line}; get ${kernelGet(dst)}`)
  }
}

function build(): void {
  for (const ns of [NS, PEER]) {
    sh('netns', 'del', ns)
    sh('netns', 'add', ns)
    sh('-n', ns, 'link', 'set', 'lo', 'up')
  }
  for (const n of ['0', '1']) {
    sh('-n', NS, 'link', 'add', `v${n}`, 'type', 'veth', 'peer', 'name', `w${n}`, 'netns', PEER)
    sh('-n', PEER, 'link', 'set', `w${n}`, 'up')
    sh('-n', NS, 'link', 'set', `v${n}`, 'up')
  }
}

/** One random command for `ip`, and the same for the model. */
function command(pick: <T>(list: readonly T[]) => T): [string[], string] {
  const device = pick(['v0', 'v1'])
  switch (pick(['addr', 'addr', 'del', 'route', 'route', 'route', 'route', 'link'])) {
    case 'addr': {
      const addr = pick(ADDRS)
      return [['addr', 'add', addr, 'dev', device], `addr A/${device} ${addr}`]
    }
    case 'del': {
      const addr = pick(ADDRS)
      return [['addr', 'del', addr, 'dev', device], `unaddr A/${device} ${addr}`]
    }
    case 'link': {
      const state = pick(['up', 'up', 'down'])
      return [['link', 'set', device, state], `${state} A/${device}`]
    }
    default: {
      const words = ['route', pick(['add', 'add', 'append', 'replace', 'change', 'del'])]
      const type = pick(ROUTE_TYPES)
      if (type !== '') words.push(type, pick(PREFIXES))
      else {
        const how = pick([
          ['dev', device],
          ['via', pick(VIAS)],
          ['via', pick(VIAS), 'dev', device],
        ])
        words.push(pick(PREFIXES), ...how)
      }
      if (pick([0, 0, 1]) === 1) words.push('metric', pick(['1', '2']))
      return [words, `route A ${words.slice(1).join(' ')}`]
    }
  }
}

function kernelState(): string {
  const tables = ['main', 'local'].map((table) => lines(sh('-n', NS, 'route', 'show', 'table', table).out))
  const addrs = lines(sh('-n', NS, '-o', '-4', 'addr', 'show').out).filter((line) => !line.includes(' lo '))
  const short = addrs.map(
    (l) => `${l.split(/\s+/).slice(1, 4).join(' ')}${l.includes('secondary') ? ' secondary' : ''}`,
  )
  return [...tables.flat(), ...short].join('\n')
}

function modelState(world: World): string {
  const ns = nsOf(world, 'A')
  const tables = [254, 255].flatMap((table) => routesOf(ns, 4, table).map((route) => routeText(ns, route)))
  const addrs = ['v0', 'v1'].flatMap((name) =>
    dev(world, `A/${name}`).addrs.map(
      (a) => `${name} inet ${formatIp(a.addr)}/${a.len}${a.secondary ? ' secondary' : ''}`,
    ),
  )
  return [...tables, ...addrs].join('\n')
}

function kernelGet(dst: string): string {
  const got = sh('-n', NS, 'route', 'get', dst)
  if (got.err !== '') return got.err
  // iproute2 prints the bit of RTCF_MULTICAST as rt_offload_failed.
  return got.out.replace(' uid 0', '').replace(' rt_offload_failed', '').replace(/\s+/g, ' ').trim()
}

function modelGet(world: World, dst: string): string {
  const ns = nsOf(world, 'A')
  const got = routeGet(world, ns, { dst: ip(dst) })
  if ('errno' in got) return `RTNETLINK answers: ${strerror(got.errno)}`
  const words = got.type === 'unicast' ? [dst] : [got.type, dst]
  if (got.via !== undefined) words.push('via', formatIp(got.via))
  words.push('dev', ns.links[got.oif]!.name)
  if (got.src !== undefined && got.src !== 0) words.push('src', formatIp(got.src))
  words.push('cache')
  if (got.flags.length > 0) words.push(`<${got.flags.join(',')}>`)
  return words.join(' ')
}

function sh(...argv: string[]): { out: string; err: string } {
  const done = spawnSync('ip', argv, { encoding: 'utf8' })
  return { out: done.stdout ?? '', err: (done.stderr ?? 'no ip').trim().split('\n')[0] ?? '' }
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}
