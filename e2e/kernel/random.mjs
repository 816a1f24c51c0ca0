// Random topologies, addresses, routes, switches and pings, each on a real kernel and in Kubehop. A seed always makes
// the same lab and flows; what differs is printed with the command that shows it again.
//
//   node e2e/kernel/random.mjs [--seed N] [--count K] [--keep DIR] [--print]
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleSim, compareGroup, oracle } from './compare.mjs'

const AT_ONCE = 4
const FLOWS = 6

/** Numbers below `n` from a seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % n
  }
}

/** A lab and its flows: `{ text, flows }` as compareGroup takes them. */
export function randomGroup(seed) {
  const below = randomFrom(seed)
  const chance = (percent) => below(100) < percent
  const pick = (list) => list[below(list.length)]
  const lans = Array.from({ length: 2 + below(4) }, (_, i) => ({
    name: `lan${i}`,
    net: `10.${i + 1}.0`,
    on: [],
  }))
  const machines = []
  const add = (name, ...at) => {
    const machine = { name, exec: chance(80) ? ['ip link set lo up'] : [], ports: [] }
    for (const lan of at) {
      const host = lan.on.length + 1
      machine.ports.push({ lan, dev: `eth${machine.ports.length}`, addr: `${lan.net}.${host}` })
      lan.on.push(machine)
    }
    machines.push(machine)
    return machine
  }
  // Routers in a chain and one or two more anywhere: so every network is reachable in principle, and loops are possible.
  const routers = lans.slice(1).map((lan, i) => add(`r${i}`, lans[i], lan))
  if (chance(60) && lans.length > 2) routers.push(add('rx', lans[0], lans[lans.length - 1]))
  const hosts = lans.flatMap((lan, i) =>
    Array.from({ length: 1 + below(2) }, (_, n) => add(`h${i}${'ab'[n]}`, lan)),
  )
  const others = (machine, lan) => lan.on.filter((one) => one !== machine && routers.includes(one))
  const addrOn = (machine, lan) => machine.ports.find((port) => port.lan === lan).addr
  for (const machine of machines) {
    for (const { dev, addr, lan } of machine.ports) {
      if (chance(95))
        machine.exec.push(`ip addr add ${addr}/${chance(90) ? 24 : pick([16, 25, 32])} dev ${dev}`)
      if (chance(12)) machine.exec.push(`ip addr add ${lan.net}.${100 + below(9)}/24 dev ${dev}`)
      if (chance(10)) machine.exec.push(`ip link set ${dev} mtu ${pick([600, 1000, 1280, 1400])}`)
    }
    const gateways = machine.ports.flatMap(({ lan }) => others(machine, lan).map((one) => addrOn(one, lan)))
    const routing = routers.includes(machine)
    if (routing && chance(92)) machine.exec.push('sysctl -w net.ipv4.ip_forward=1')
    if (gateways.length > 0 && chance(routing ? 35 : 90))
      machine.exec.push(`ip route add default via ${pick(gateways)}`)
    for (const lan of routing ? lans : []) {
      if (machine.ports.some((port) => port.lan === lan) || gateways.length === 0 || !chance(75)) continue
      machine.exec.push(`ip route add ${lan.net}.0/24 via ${pick(gateways)}`)
    }
    if (chance(15)) machine.exec.push(...oddities(machine, lans, gateways, { below, chance, pick }))
  }
  const targets = [
    ...machines.flatMap((machine) => machine.ports.map((port) => port.addr)),
    ...lans.flatMap((lan) => [`${lan.net}.77`, `${lan.net}.255`, `${lan.net}.${100 + below(9)}`]),
    '203.0.113.9',
    '10.200.0.1',
  ]
  const flows = Array.from({ length: FLOWS }, (_, i) => {
    const from = pick(chance(70) ? hosts : machines)
    const size = chance(25) ? ` -s ${pick([100, 900, 1300, 1472, 2500, 4000])}` : ''
    const df = chance(20) ? ` -M ${pick(['do', 'dont', 'want'])}` : ''
    const ttl = chance(10) ? ` -t ${1 + below(5)}` : ''
    const times = chance(30) ? '-c 3 -i 0.3' : '-c 1'
    const cmd = `ping -n -b ${times} -W 1${size}${df}${ttl} ${pick(targets)}`
    return { name: `${i} ${from.name} ${cmd}`, at: from.name, cmd, states: ['cold'], settle: 2.6 }
  })
  return { text: labOf(machines, lans), flows }
}

function oddities(machine, lans, gateways, { below, chance, pick }) {
  const { dev } = pick(machine.ports)
  const net = `${pick(lans).net}.0/24`
  const all = [
    [`sysctl -w net.ipv4.conf.all.rp_filter=${1 + below(2)}`],
    [`sysctl -w net.ipv4.conf.${dev}.proxy_arp=1`, `sysctl -w net.ipv4.neigh.${dev}.proxy_delay=0`],
    [`sysctl -w net.ipv4.conf.all.arp_ignore=${1 + below(2)}`],
    [`sysctl -w net.ipv4.conf.all.arp_announce=${1 + below(2)}`],
    ['sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0'],
    ['sysctl -w net.ipv4.conf.all.accept_redirects=0', `sysctl -w net.ipv4.conf.${dev}.accept_redirects=0`],
    [`ip rule add to ${net} ${pick(['blackhole', 'unreachable', 'prohibit'])} pref ${100 + below(900)}`],
    [`ip route replace ${pick(['blackhole', 'unreachable', 'prohibit'])} 10.200.0.0/16`],
    [`ip route add 203.0.113.0/24 dev ${dev}`],
    [`ip link set ${dev} down`],
  ]
  if (gateways.length > 0) {
    all.push(['ip rule add pref 200 table 7', `ip route add ${net} via ${pick(gateways)} table 7`])
    all.push([`ip route add ${pick(lans).net}.64/26 via ${pick(gateways)} mtu ${pick([800, 1100])}`])
  }
  return chance(70) ? pick(all) : [...pick(all), ...pick(all)]
}

function labOf(machines, lans) {
  const lines = ['name: random', 'topology:', '  nodes:']
  for (const lan of lans) lines.push(`    ${lan.name}:`, '      kind: bridge')
  for (const { name, exec } of machines) {
    lines.push(`    ${name}:`, '      kind: linux')
    // The same line twice would fail, and a failing line is not a lab.
    const commands = [...new Set(exec)].map((line) => `        - sh -c '${line} || true'`)
    if (commands.length > 0) lines.push('      exec:', ...commands)
  }
  lines.push('  links:')
  for (const { name, ports } of machines) {
    for (const { dev, lan } of ports)
      lines.push(`    - endpoints: ["${name}:${dev}", "${lan.name}:p-${name}-${dev}"]`)
  }
  return `${lines.join('\n')}\n`
}

async function main() {
  const options = { seed: 1, count: 10, keep: '', print: false }
  for (let i = 2; i < process.argv.length; i++) {
    const name = process.argv[i].replace(/^--/, '')
    if (name === 'print') options.print = true
    else if (name === 'keep') options.keep = process.argv[++i]
    else if (name === 'seed' || name === 'count') options[name] = Number(process.argv[++i])
    else throw new Error(`what is ${process.argv[i]}? --seed N --count K --keep DIR --print`)
  }
  if (options.print) return console.log(randomGroup(options.seed))
  if (!existsSync(oracle)) return console.log('skipped: ../shared/oracle is not here')
  const base = options.keep === '' ? mkdtempSync(join(tmpdir(), 'kernel-')) : options.keep
  const program = await bundleSim(base)
  let next = options.seed
  let passed = 0
  let failed = 0
  const work = async () => {
    while (next < options.seed + options.count) {
      const seed = next++
      const results = await compareGroup(program, randomGroup(seed), join(base, `seed${seed}`)).catch(
        (e) => e,
      )
      const list = results instanceof Error ? [{ flow: { name: '' }, text: results.message }] : results
      const bad = list.filter(({ text }) => text !== '')
      passed += list.length - bad.length
      failed += bad.length
      for (const { flow, text } of bad) console.log(`DIFF seed ${seed}: ${flow.name}\n${text}\n`)
      if (bad.length > 0) console.log(`  node e2e/kernel/random.mjs --seed ${seed} --count 1\n`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  if (options.keep === '') rmSync(base, { recursive: true, force: true })
  console.log(`${passed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
}

if (process.argv[1]?.endsWith('random.mjs')) await main()
