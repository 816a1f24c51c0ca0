// The tables of a simulated lab after a flow, in the oracle's words: `10.0.1.3 cbr0 pod2/eth0 REACHABLE`.

/** Neighbours and learned FDB entries by room. `ask(room, command)` answers what the command prints. */
export function simulatedState(rooms, owner, ask) {
  const state = { neigh: {}, fdb: {} }
  for (const room of rooms) {
    const neigh = JSON.parse(ask(room, 'ip -4 -j neigh') || '[]')
    const fdb = JSON.parse(ask(room, 'bridge -j fdb') || '[]')
    const learned = fdb.filter((entry) => entry.state !== 'permanent' && entry.master)
    state.neigh[room] = neigh.map((n) => `${n.dst} ${n.dev} ${owner(n.lladdr)} ${n.state.join('/')}`).sort()
    state.fdb[room] = learned.map((entry) => `${owner(entry.mac)} ${entry.ifname}`).sort()
  }
  return state
}

/** Hardware address to `NETNS/DEV`; a bridge wins over a port that lends it its address, as in the oracle. */
export function ownersOf(rooms, ask) {
  const macs = new Map()
  for (const room of rooms) {
    const links = JSON.parse(ask(room, 'ip -j -d link')).filter((link) => link.ifname !== 'lo')
    const isBridge = (link) => link.linkinfo?.info_kind === 'bridge'
    for (const link of [...links.filter(isBridge), ...links.filter((one) => !isBridge(one))]) {
      if (!macs.has(link.address)) macs.set(link.address, `${room}/${link.ifname}`)
    }
  }
  return (mac) => (mac === undefined ? 'None' : (macs.get(mac) ?? mac))
}

/**
 * Connections by room, in the oracle's words but for numbers that differ from run to run: a port that is not a name
 * (1024 and above, not in `ports`) is `e`.
 */
export function connectionsOf(rooms, ports, ask) {
  const found = {}
  for (const room of rooms) {
    const lines = ['ipv4', 'ipv6']
      .flatMap((family) => ask(room, `conntrack -L -f ${family} 2>/dev/null`).split('\n'))
      .map((line) => connectionLine(line, ports))
    const list = lines.filter((line) => line !== '').sort()
    if (list.length > 0) found[room] = list
  }
  return found
}

function connectionLine(line, ports) {
  const words = line.trim().split(/\s+/)
  if (!['tcp', 'udp', 'icmp', 'icmpv6'].includes(words[0])) return ''
  const state = words[3]?.includes('=') ? '' : ` ${words[3]}`
  const pairs = words
    .map((word) => word.split('='))
    .filter(([name]) => ['src', 'dst', 'sport', 'dport', 'type', 'code'].includes(name))
  const port = (value) => (Number(value) < 1024 || ports.includes(Number(value)) ? value : 'e')
  const shown = pairs.map(([name, value]) => {
    if (name === 'src' || name === 'dst') return value
    return `${name}=${name.endsWith('port') ? port(value) : value}`
  })
  const half = shown.length / 2
  const marks = ['[UNREPLIED]', '[ASSURED]'].filter((mark) => words.includes(mark)).map((mark) => ` ${mark}`)
  const way = (from) => shown.slice(from, from + half).join(' ')
  return `${words[0]}${state} orig ${way(0)} reply ${way(half)}${marks.join('')}`
}

/** The oracle's connections in the words of `connectionsOf`. */
export function plainConnections(byRoom) {
  const plain = (line) => line.replace(/port=e\d+/g, 'port=e')
  return Object.fromEntries(Object.entries(byRoom).map(([room, list]) => [room, list.map(plain).sort()]))
}

/** Packets counted by each rule: `{ room: { 'nat/PREROUTING#1 -p tcp …': 3 } }`, as real.py's `hits`. */
export function hitsOf(rooms, ask) {
  const hits = {}
  for (const room of rooms) {
    const rules = {
      ...hitsIn('', ask(room, 'iptables-save -c')),
      ...hitsIn('6 ', ask(room, 'ip6tables-save -c')),
    }
    if (Object.keys(rules).length > 0) hits[room] = rules
  }
  return hits
}

/** The rules of one family's tables as saved with counters. */
function hitsIn(mark, saved) {
  const hits = {}
  let table = ''
  const numbers = new Map()
  for (const line of saved.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1)
    const rule = /^\[(\d+):\d+\] -A (\S+) (.*)/.exec(line)
    if (rule === null) continue
    const place = `${mark}${table}/${rule[2]}`
    const n = (numbers.get(place) ?? 0) + 1
    numbers.set(place, n)
    const text = rule[3].replace(/-m comment --comment ("[^"]*"|\S+) ?/g, '').trim()
    hits[`${place}#${n} ${text}`] = Number(rule[1])
  }
  return hits
}

/** What was counted since `before`; rules without a packet are left out. */
export function hitsSince(before, after) {
  const since = {}
  for (const [room, rules] of Object.entries(after)) {
    const more = Object.entries(rules)
      .map(([rule, packets]) => [rule, packets - (before[room]?.[rule] ?? 0)])
      .filter(([, packets]) => packets > 0)
    if (more.length > 0) since[room] = Object.fromEntries(more)
  }
  return since
}
