import { expect, it } from 'vitest'
import { inLanguage } from './labs.ts'
import type { SceneState } from '../client/store.ts'
import { hasRun, isCommand, roomFor } from './commands.ts'
import { blocks, partsOf } from './prose.ts'

const words = (text: string) => ({ text, code: false })
const code = (text: string) => ({ text, code: true })

it('splits paragraphs, joins their lines and tells code apart', () => {
  expect(blocks('One\ntwo `ip a`.\n\n  Three\n')).toEqual([
    { kind: 'paragraph', parts: [words('One two '), code('ip a'), words('.')] },
    { kind: 'paragraph', parts: [words('Three')] },
  ])
})

it('makes lists of numbered lines', () => {
  expect(blocks('1. One\n   more\n2. `ip a`')).toEqual([
    { kind: 'list', items: [[words('One more')], [code('ip a')]] },
  ])
})

it('leaves markup and lone backticks as they are', () => {
  expect(partsOf('<b>x</b> ` y')).toEqual([words('<b>x</b> ` y')])
  expect(blocks('')).toEqual([])
})

it('stresses words between stars, and leaves other stars alone', () => {
  expect(partsOf('to *any* port, *the port that\nit came in by*.')).toEqual([
    words('to '),
    { text: 'any', code: false, stressed: true },
    words(' port, '),
    { text: 'the port that it came in by', code: false, stressed: true },
    words('.'),
  ])
  expect(partsOf('2 * 3 * 4, *.yaml and `*filter`')).toEqual([
    words('2 * 3 * 4, *.yaml and '),
    code('*filter'),
  ])
})

it('knows commands from output, options and names', () => {
  const commands = [
    'ip neigh',
    'ip netns exec blue ping 192.168.1.3',
    'conntrack -L',
    'iptables -nvL',
    'pkill kube-proxy',
    'crictl ps -a',
  ]
  const others = [
    'ping: connect: Network is unreachable',
    '/24',
    '-d',
    '! -o v-net-0',
    'ping',
    'docker run',
    'docker0',
    'crictl',
    'NO-CARRIER … state DOWN',
  ]
  expect(commands.filter(isCommand)).toEqual(commands)
  expect(others.filter(isCommand)).toEqual([])
})

it('does not offer a container that the lab has started', () => {
  const lab = '      exec:\n        - docker run -d --name web --network none nginx\n'
  const of = (code: string) => hasRun(code, lab)
  expect(['docker run --network none nginx', 'docker run nginx'].map(of)).toEqual([true, true])
  const others = [
    'docker run --name second --network none nginx',
    'docker run --network none httpd',
    'docker ps',
  ]
  expect(others.map(of)).toEqual([false, false, false])
})

it('finds the room that a command is meant for', () => {
  const room = (id: string, name: string) => ({ id, name, ports: [] })
  const machine = (id: string, ...names: string[]) => ({
    id,
    rooms: [room(id, ''), ...names.map((name) => room(`${id}.${name}`, name))],
  })
  const machines = { host: machine('host', 'blue'), pc: machine('pc') }
  const scene = { machines, order: ['host', 'pc'], edges: {}, version: 1 } as unknown as SceneState
  const of = (text: string) => {
    const parts = partsOf(text)
    return roomFor(
      parts,
      parts.findIndex((part) => part.code),
      scene,
    )
  }
  expect(of('`curl -v 192.168.1.2` on pc is refused')).toBe('pc')
  expect(of('`ip route` in blue')).toBe('host.blue')
  expect(of('`curl 1.1.1.1` на pc')).toBe('pc')
  expect(of('在 pc 上运行 `curl 1.1.1.1`')).toBe('pc')
  expect(of('`ip netns exec blue ip route`')).toBe('host')
  expect(of('`ip route` on Sunday')).toBe('host')
})

it('a command goes where its sentence is, never to a switch', () => {
  const machine = (id: string, role: string) => ({ id, role, rooms: [{ id, name: '', ports: [] }] })
  const machines = {
    lan: machine('lan', 'switch'),
    gate: machine('gate', 'router'),
    pc: machine('pc', 'host'),
  }
  const scene = { machines, order: ['lan', 'gate', 'pc'], edges: {}, version: 1 } as unknown as SceneState
  const last = (text: string) => {
    const parts = partsOf(text)
    return roomFor(
      parts,
      parts.findLastIndex((part) => part.code),
      scene,
    )
  }
  expect(last('`ps` on pc says `full`, 192.168.1.2 too, `conntrack -S` counts')).toBe('pc')
  expect(last('`curl 10.0.0.1` on pc is refused. `iptables -nvL` counts it')).toBe('gate')
  expect(last('На pc видно, `conntrack -S` считает')).toBe('pc')
})

it('falls back from the region to the language, to English, to any', () => {
  expect(inLanguage({ en: 'e', ru: 'r' }, 'ru-RU')).toBe('r')
  expect(inLanguage({ en: 'e', ru: 'r' }, 'zh')).toBe('e')
  expect(inLanguage({ ru: 'r' }, 'zh')).toBe('r')
  expect(inLanguage(undefined, 'en')).toBe('')
})
