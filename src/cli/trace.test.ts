// What `trace` and `run` say where there is nothing to show, too much of it, or no end.
import { expect, it } from 'vitest'
import { cli } from './cli.ts'

const RING = `name: ring
topology:
  nodes:
    s1:
      kind: linux
      exec:
        - ip link add br0 type bridge
        - ip addr add 10.0.0.9/24 dev br0
        - ip link set br0 up
        - for d in a b h; do ip link set dev $d master br0; done
    s2: { kind: bridge }
    s3: { kind: bridge }
    h1: { kind: linux, exec: [ip addr add 10.0.0.1/24 dev eth0] }
    h2: { kind: linux, exec: [ip addr add 10.0.0.2/24 dev eth0] }
  links:
    - endpoints: ["s1:a", "s2:b"]
    - endpoints: ["s2:a", "s3:b"]
    - endpoints: ["s3:a", "s1:b"]
    - endpoints: ["h1:eth0", "s1:h"]
    - endpoints: ["h2:eth0", "s2:h"]
`

const LINE = RING.replace('    - endpoints: ["s3:a", "s1:b"]\n', '').replace('for d in a b h', 'for d in a h')

function check(text: string, ...words: string[]): { code: number; out: string; err: string } {
  let out = ''
  let err = ''
  const code = cli(words, {
    readText: () => text,
    writeText: () => undefined,
    writeBytes: () => undefined,
    out: (said) => {
      out += said
    },
    err: (said) => {
      err += said
    },
  })
  return { code, out, err }
}

it('a ring of bridges is named, and what goes round in it is cut', () => {
  const { out, err } = check(RING, 'trace', 'ring', '--exec', 'h1: ping -c 1 -W 0.02 10.0.0.2')
  expect(err).toMatch(/^trace \d+: the first 500 of its \d+ steps are shown$/m)
  expect(err).toContain('a loop of bridges: s1, s2, s3. ')
  expect(out.length).toBeLessThan(2_000_000)
})

it('without a loop nothing is said, and no packet is said to be none', () => {
  expect(check(LINE, 'trace', 'line', '--exec', 'h1: ping -c 3 10.0.0.2').err).toBe('')
  expect(check(LINE, 'trace', 'line', '--exec', 'h1: true').err).toBe(
    'no packet: the commands gave rise to none\n',
  )
})

it('a command without an end is left after its time, with a word and a code', () => {
  const ran = check(LINE, 'run', 'line', '--exec', 'h1: ping 10.0.0.2 > /dev/null')
  expect(ran).toMatchObject({
    code: 1,
    err:
      'ping 10.0.0.2 > /dev/null: had not ended after 600 s of virtual time and was left; ' +
      'end it with &, or say with --until TIME how long to look\n',
  })
})

// br_fdb_update of net/bridge/br_fdb.c, Linux 6.18.
it('a bridge that hears itself says so in its kernel log', () => {
  const { out } = check(
    RING,
    'run',
    'ring',
    '--exec',
    's1: ping -c 1 -W 0.02 10.0.0.2',
    '--exec',
    's1: sleep 0.1; dmesg',
  )
  const lines = out.split('\n').filter((line) => line.includes('own address'))
  expect(lines[0]).toMatch(
    /\] br0: received packet on [ab] with own address as source address \(addr:[0-9a-f:]{17}, vlan:0\)$/,
  )
  expect(lines).toHaveLength(10)
})
