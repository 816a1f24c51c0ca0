/** Labs as large as a class could build: blocks of one router, one switch and eight hosts around a core router. */

const HOSTS = 8
/** A block: its hosts, its router, its switch. */
const BLOCK = HOSTS + 2
/** Machines stand in rows, so that all of them fit a window. */
const COLUMNS = 20

export interface BlockLab {
  text: string
  /** A host and the address of its partner in the next block. */
  pairs: { host: string; to: string }[]
}

/**
 * `machines` rounded to blocks of ten, and the core. `pings`: hosts that ping a host of the next block from the start,
 * every `interval` seconds, each by `each` pings at once.
 */
export function blockLab(machines: number, pings = 0, interval = 1, each = 1): BlockLab {
  const blocks = Math.max(2, Math.floor(machines / BLOCK))
  const nodes = new Map<string, string[] | null>([['core', ['sysctl -w net.ipv4.ip_forward=1']]])
  const links: string[] = []
  const pairs: BlockLab['pairs'] = []
  for (let b = 0; b < blocks; b++) {
    nodes.set(`r${b}`, [
      `ip addr add 10.255.${b}.2/30 dev up`,
      `ip addr add 10.0.${b}.1/24 dev lan`,
      'sysctl -w net.ipv4.ip_forward=1',
      `ip route add default via 10.255.${b}.1`,
    ])
    nodes
      .get('core')
      ?.push(`ip addr add 10.255.${b}.1/30 dev d${b}`, `ip route add 10.0.${b}.0/24 via 10.255.${b}.2`)
    nodes.set(`sw${b}`, null)
    links.push(`["core:d${b}", "r${b}:up"]`, `["r${b}:lan", "sw${b}:r"]`)
    for (let h = 0; h < HOSTS; h++) {
      const name = `h${b}-${h}`
      nodes.set(name, [`ip addr add 10.0.${b}.${10 + h}/24 dev eth0`, `ip route add default via 10.0.${b}.1`])
      links.push(`["${name}:eth0", "sw${b}:p${h}"]`)
      pairs.push({ host: name, to: `10.0.${(b + 1) % blocks}.${10 + h}` })
    }
  }
  const text = ['name: blocks', 'topology:', '  nodes:']
  let place = 0
  for (const [name, exec] of nodes) {
    text.push(`    ${name}:`, `      kind: ${exec === null ? 'bridge' : 'linux'}`)
    if (exec !== null) text.push('      exec:', ...exec.map((line) => `        - ${line}`))
    const [x, y] = [(place % COLUMNS) * 260, Math.floor(place / COLUMNS) * 200]
    text.push(`      labels: { graph-posX: "${x}", graph-posY: "${y}" }`)
    place++
  }
  text.push('  links:', ...links.map((ends) => `    - endpoints: ${ends}`))
  text.push('---', 'apiVersion: kubehop.dev/v1', 'kind: Lesson', 'spec:', '  seed: 1')
  if (pings > 0) text.push('  start:')
  // Hosts of all blocks in turn, so that few pings cross many blocks.
  for (let i = 0; i < Math.min(pings, pairs.length); i++) {
    const { host, to } = pairs[
      (i * HOSTS + Math.floor(i / blocks)) % pairs.length
    ] as BlockLab['pairs'][number]
    const ping = `ping -i ${interval} ${to} > /dev/null`
    // One after the other, so that they do not all cross the same cable at the same time.
    const later = 'sleep 0.000$((100 + i * 15))'
    const line = each === 1 ? ping : `for i in $(seq ${each}); do (${later}; ${ping}) & done`
    text.push(`    - "${host}: ${line}"`)
  }
  return { text: `${text.join('\n')}\n`, pairs }
}
