/** Random rules and random traffic that has a chance to meet them, for the comparison with a real kernel. */

/** One datagram (or echo request, `dport` 0) from a fixed port. */
export interface Step {
  from: 'client' | 'router' | 'server'
  to: string
  sport: number
  dport: number
}

/** `lines` for the model, `rules` for iptables-restore, `steps` for both. */
export interface Case {
  lines: string[]
  rules: string
  steps: Step[]
  servers: [string, number][]
}

interface Dice {
  bridge: boolean
  /** The server's address. */
  far: string
  below(n: number): number
  pick<T>(list: readonly T[]): T
  /** `! ` now and then. */
  not(): string
}

/** A case on a router between two networks, or on a bridge. `below(n)` draws from 0 to n - 1. */
export function makeCase(bridge: boolean, below: (n: number) => number): Case {
  const dice: Dice = {
    bridge,
    far: bridge ? '10.0.1.3' : '10.0.2.2',
    below,
    pick: (list) => list[below(list.length)]!,
    not: () => (below(5) === 0 ? '! ' : ''),
  }
  const lines = ['-t filter -N U1', '-t filter -N U2', ...filterLines(dice), ...mangleLines(dice)]
  if (below(5) === 0) {
    lines.push(`-t raw -A PREROUTING ${dice.pick(['-p icmp', '-p udp --dport 9000'])} -j NOTRACK`)
  }
  if (below(4) !== 0) lines.push(...natLines(dice))
  const toOwn = lines.some((line) => line.includes(OWN_VIRTUAL))
  const steps = stepsOf(dice).filter((s) => s.to !== OWN_VIRTUAL || (toOwn && s.dport === 53))
  const servers: Case['servers'] = [
    ['server', 9000],
    ['router', 9000],
    ['router', 9001],
    ['client', 9000],
  ]
  return { lines, rules: restoreText(lines), steps, servers }
}

/** Nobody has it; only nat OUTPUT of the router knows what it stands for. */
const OWN_VIRTUAL = '10.0.1.77'
const PORTS = ['53', '80', '9000', '9001', '53:90', '9000:9001']
const STATES = ['NEW', 'ESTABLISHED', 'RELATED,ESTABLISHED', 'INVALID', 'UNTRACKED', 'DNAT', 'SNAT']

function selector(dice: Dice, chain: string): string {
  const { below, pick, not, far } = dice
  const addrs = ['10.0.1.2', far, '10.0.1.1', '10.0.1.0/24', '10.96.0.10', '10.96.0.0/16']
  const devices = dice.bridge ? ['br0', 'br+', 'lo'] : ['eth0', 'eth1', 'eth+', 'lo']
  const words: string[] = []
  if (below(4) === 0) words.push(`${not()}-s ${pick(addrs)}`)
  if (below(4) === 0) words.push(`${not()}-d ${pick(addrs)}`)
  const hasIn = chain === 'INPUT' || chain === 'FORWARD' || chain === 'PREROUTING'
  if (below(5) === 0 && hasIn) words.push(`${not()}-i ${pick(devices)}`)
  if (below(5) === 0 && (chain === 'OUTPUT' || chain === 'FORWARD')) words.push(`${not()}-o ${pick(devices)}`)
  const kind = below(6)
  if (kind === 0) words.push(`${not()}-p icmp`)
  else if (kind < 4) words.push(`-p udp ${not()}--${pick(['dport', 'dport', 'sport'])} ${pick(PORTS)}`)
  if (below(5) === 0) words.push(`-m conntrack --ctstate ${pick(STATES)}`)
  if (below(12) === 0) words.push(`-m mark --mark ${pick(['1', '2', '0x1/0x1'])}`)
  if (below(12) === 0) {
    words.push(`-m statistic --mode nth --every ${pick(['2', '3'])} --packet ${pick(['0', '1'])}`)
  }
  if (dice.bridge && hasIn && below(8) === 0) words.push('-m physdev --physdev-in vethc')
  if (below(14) === 0) words.push(`-m addrtype --dst-type ${pick(['LOCAL', 'UNICAST'])}`)
  return words.join(' ')
}

function line(table: string, chain: string, where: string, target: string): string {
  return `-t ${table} -A ${chain} ${where} -j ${target}`.replace(/ +/g, ' ')
}

function filterLines(dice: Dice): string[] {
  const { below, pick } = dice
  const out: string[] = []
  const targets = ['ACCEPT', 'ACCEPT', 'DROP', 'REJECT', 'U2', 'RETURN']
  targets.push('REJECT --reject-with icmp-host-prohibited')
  for (const chain of ['U2', 'U1', 'INPUT', 'FORWARD', 'FORWARD', 'OUTPUT']) {
    for (let i = below(3); i >= 0; i--) {
      const target = chain === 'U2' ? pick(['ACCEPT', 'DROP', 'RETURN', 'REJECT']) : pick(targets)
      const jump = below(3) === 0 && !chain.startsWith('U')
      out.push(line('filter', chain, selector(dice, chain), jump ? 'U1' : target))
    }
  }
  if (below(3) === 0) out.push(`-t filter -P ${pick(['FORWARD', 'INPUT'])} DROP`)
  return out
}

function mangleLines(dice: Dice): string[] {
  const { below, pick } = dice
  const out: string[] = []
  for (let i = below(3); i > 0; i--) {
    const chain = pick(['PREROUTING', 'FORWARD', 'OUTPUT', 'POSTROUTING'])
    out.push(line('mangle', chain, selector(dice, chain), `MARK --set-mark ${pick(['1', '2'])}`))
  }
  if (below(8) === 0) {
    out.push(line('mangle', 'PREROUTING', selector(dice, 'PREROUTING'), 'TTL --ttl-set 1'))
  }
  return out
}

function natLines(dice: Dice): string[] {
  const { below, pick, not, far } = dice
  const out: string[] = []
  const to = [`${far}:9000`, far, '10.0.1.2:9000', '10.0.1.1:9001', '10.0.1.1']
  if (!dice.bridge) to.push('10.0.2.2-10.0.2.3:9000')
  for (let i = below(3); i >= 0; i--) {
    const virtual = pick(['10.96.0.10', far, '10.0.1.1'])
    const where = `${not()}-s 10.0.1.1 -p udp -d ${virtual} --dport ${pick(['53', '80'])}`
    // Without the `!` the rule would be about the router's own packets, which PREROUTING never sees.
    const met = where.startsWith('!') || below(4) === 0 ? where : where.slice('-s 10.0.1.1 '.length)
    out.push(line('nat', 'PREROUTING', met, `DNAT --to-destination ${pick(to)}`))
  }
  if (below(3) === 0) out.push(line('nat', 'PREROUTING', '-p udp --dport 80', 'REDIRECT --to-ports 9001'))
  if (below(2) === 0) {
    const where = `-p udp -d ${OWN_VIRTUAL} --dport 53`
    out.push(line('nat', 'OUTPUT', where, `DNAT --to-destination ${pick(to)}`))
  }
  if (below(2) === 0) {
    const where = pick(['', '-s 10.0.1.0/24', '-p udp -s 10.0.1.2 -d 10.0.1.2', `-d ${far}`])
    const target = pick(['MASQUERADE', 'MASQUERADE', 'SNAT --to-source 10.0.1.1'])
    out.push(line('nat', 'POSTROUTING', where, target))
  }
  return out
}

function stepsOf(dice: Dice): Step[] {
  const { below, pick, far } = dice
  const steps: Step[] = []
  for (let i = 0; i < 7; i++) {
    const from = pick(['client', 'client', 'client', 'router', 'server'] as const)
    const to =
      from === 'router'
        ? pick([far, '10.0.1.2', OWN_VIRTUAL, '10.0.1.1'])
        : pick([from === 'client' ? far : '10.0.1.2', '10.0.1.1', '10.96.0.10'])
    const step = { from, to, sport: pick([5555, 5556]), dport: pick([0, 53, 80, 9000, 9000, 9002]) }
    steps.push(step)
    if (below(3) === 0) steps.push(step)
  }
  return steps
}

function restoreText(lines: readonly string[]): string {
  let text = ''
  for (const table of ['raw', 'mangle', 'nat', 'filter']) {
    const start = `-t ${table} `
    const mine = lines.filter((one) => one.startsWith(start)).map((one) => one.slice(start.length))
    if (mine.length === 0) continue
    const rules = mine.filter((one) => one.startsWith('-A'))
    const chains = new Map<string, string>()
    for (const rule of rules) chains.set(rule.split(' ')[1]!, 'ACCEPT')
    for (const one of mine) if (one.startsWith('-P')) chains.set(one.split(' ')[1]!, one.split(' ')[2]!)
    for (const one of mine) if (one.startsWith('-N')) chains.set(one.split(' ')[1]!, '-')
    const heads = [...chains].map(([name, policy]) => `:${name} ${policy} [0:0]`)
    text += [`*${table}`, ...heads, ...rules, 'COMMIT', ''].join('\n')
  }
  return text
}
