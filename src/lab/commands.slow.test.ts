// 10,000 random command lines over every program, typed in random labs through the whole engine: each ends or waits, none
// throws, none holds the world. One world alone: RANDOM_SEED=N npx vitest run src/lab/commands.slow.test.ts
import { expect, it } from 'vitest'
import type { Rng } from '../base/rng.ts'
import { createRng, nextBelow } from '../base/rng.ts'
import { captureOf } from '../proc/shell/session.ts'
import { runUntil } from '../sim/dispatch.ts'
import { startRun } from './headless.ts'
import { labPrograms } from './programs.ts'
import { randomCommand } from './random-commands.ts'
import type { RandomLab } from './random-lab.ts'
import { chance, pick, randomLab } from './random-lab.ts'
import { submitExec } from './rules.ts'

const WORLDS = 200
const LINES = 50
const seeds =
  process.env.RANDOM_SEED === undefined
    ? Array.from({ length: WORLDS }, (_, i) => 500 + i)
    : [Number(process.env.RANDOM_SEED)]
const PROGRAMS = [...labPrograms().keys()]
const ENOUGH = 30_000

const words = (text: string) => text.split(/\s+/)
const OWN: Record<string, string[]> = {
  ip: words(`addr link route neigh rule netns maddr -n -4 -6 -br -s -d -o -j -c show list add del replace change flush get
    set exec dev via src from to table lookup pref metric type veth bridge vlan dummy peer name id master nomaster up down
    mtu address netns default scope link global proto static onlink mtu blackhole unreachable lladdr nud permanent
    reachable brd + label broadcast all nexthop weight 1 dead noprefixroute stp_state ageing_time`),
  bridge: words(
    'link fdb vlan mdb show add del dev master self permanent static dst vlan set hairpin on off cost 4 state',
  ),
  ping: words(
    '-c -i -W -s -t -M -I -b -n -q -f -D -A -R -4 -6 -w -l -p do dont want 0 0.01 1 65507 -1 255 ff',
  ),
  traceroute: words('-n -I -U -T -m -q -w -f -N -p -M icmp 1 5 30 0 -1 33434'),
  tracepath: words('-n -b -m -p -l 1 30 65535 44444'),
  sysctl:
    words(`-w -a -n -p net.ipv4.ip_forward net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.
    net.ipv4.neigh.default.gc_stale_time=0 net.ipv4.ip_default_ttl=0 net.ipv4.ip_default_ttl=999 kernel.hostname`),
  arp: words('-n -a -d -s -i -v -e 00:11:22:33:44:55'),
  route: words('-n -e add del default gw netmask 255.255.255.0 dev -net -host reject metric'),
  tcpdump:
    words(`-i any -n -nn -e -c 1 3 -v -vv -x -X -A -l -s 0 -t -tt -q icmp arp host port udp and or not ( ) \\( \\) src dst net
    ether proto ip6 len > 100 tcp[13] & 2 != 0 less greater vlan 7 broadcast -w -r`),
  ss: words('-u -l -n -a -t -x -p -e -4 -6 -s -ulnp -tan sport = :53 dst state listening'),
  cat: words(
    '/proc/net/route /proc/net/arp /proc/sys/net/ipv4/ip_forward /etc/hosts /proc /etc/resolv.conf /proc/net/dev',
  ),
}
const COMMON =
  words(`-h --help -V --version -- - -x --bogus 0 1 -1 99999999999 0x10 1.5 '' "" "a b" * ? $HOME $x ~ /etc/hosts /nope /proc
  /tmp/f é 日本 10.0.0.0/8 10.0.0.0/33 256.1.1.1 ::1 fe80::1%eth0 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff lo eth0 br0 red blue`)
const JOINTS = [' | ', ' && ', ' || ', '; ', ' > /tmp/f ', ' 2>&1 ', ' & ', ' < /tmp/f ', ' >> /tmp/f ', '\n']

function randomWords(rng: Rng, lab: RandomLab): string {
  const program = chance(rng, 3) ? pick(rng, Object.keys(OWN)) : pick(rng, PROGRAMS)
  const line = [program]
  for (let n = nextBelow(rng, 9); n > 0; n--) {
    const own = OWN[program]
    if (own !== undefined && !chance(rng, 4)) line.push(pick(rng, own))
    else if (chance(rng, 3)) line.push(pick(rng, lab.addresses))
    else if (chance(rng, 4)) line.push(pick(rng, pick(rng, lab.rooms).devices))
    else line.push(pick(rng, COMMON))
  }
  return line.join(' ')
}

/** Half are words without sense, half are commands with sense and some of their letters changed. */
function anyLine(rng: Rng, lab: RandomLab): string {
  let line = chance(rng, 2) ? randomWords(rng, lab) : randomCommand(rng, lab).line
  if (chance(rng, 4)) line += pick(rng, JOINTS) + randomWords(rng, lab)
  if (chance(rng, 4)) line = `ip netns exec ${pick(rng, ['red', 'blue', 'nope'])} ${line}`
  for (let n = pick(rng, [0, 0, 0, 1, 3]); n > 0; n--) {
    const at = nextBelow(rng, line.length + 1)
    const scrap = chance(rng, 2) ? String.fromCharCode(32 + nextBelow(rng, 96)) : ''
    line = line.slice(0, at) + scrap + line.slice(at + nextBelow(rng, 3))
  }
  return line
}

it(`${seeds.length * LINES} random lines in ${seeds.length} random labs`, () => {
  let ended = 0
  const codes = new Set<number>()
  for (const seed of seeds) {
    const lab = randomLab(seed, { loops: false, machines: 5 })
    const { run } = startRun(lab.text)
    if (run === undefined) throw new Error(`lab ${seed} was refused`)
    const { world, rules } = run
    const rng = createRng(seed, 4)
    for (let n = 0; n < LINES; n++) {
      const line = anyLine(rng, lab)
      const again = `${JSON.stringify(line)}: RANDOM_SEED=${seed} npx vitest run src/lab/commands.slow.test.ts`
      const capture = submitExec(world, rules, pick(rng, lab.rooms).name, line)
      const began = performance.now()
      const from = world.now
      const ran = runUntil(world, rules, { untilAt: world.now + 300_000_000, maxEvents: ENOUGH })
      expect(world.frozen, again).toBeUndefined()
      // A flood of pings is many events, but time goes on.
      if (ran === ENOUGH) expect(world.now - from, `events without end: ${again}`).toBeGreaterThan(20_000_000)
      expect(performance.now() - began, `slow: ${again}`).toBeLessThan(5000)
      const code = captureOf(world, capture)?.code ?? 0
      codes.add(code)
      if (code >= 0) ended++
      if (ran === ENOUGH) break
    }
  }
  if (seeds.length < WORLDS) return
  expect(ended).toBeGreaterThan(WORLDS * LINES * 0.75)
  for (const code of [-1, 0, 1, 2, 127, 255]) expect(codes).toContain(code)
}, 120_000)
