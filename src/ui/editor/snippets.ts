/** What may stand at a place of the lab's text that its schema does not know. */

export interface Snippet {
  label: string
  detail: string
  /** Monaco's snippet syntax. */
  insert: string
}

export interface Found {
  /** Column (from 1) where what is replaced begins. */
  from: number
  snippets: Snippet[]
}

/** What is to be filled in stands between angle brackets. */
const COMMANDS: [string, string, string][] = [
  ['ip netns add', 'a network namespace', 'ip netns add <net1>'],
  ['ip link add veth', 'a veth pair', 'ip link add name <veth1> type veth peer name <veth2>'],
  ['ip link add bridge', 'a bridge', 'ip link add name <br0> type bridge'],
  ['ip link set netns', 'an interface into a namespace', 'ip link set <veth1> netns <net1>'],
  ['ip link set master', 'an interface into a bridge', 'ip link set <veth1> master <br0>'],
  ['ip link set up', 'an interface up', 'ip link set <eth1> up'],
  ['ip addr add', 'an address', 'ip addr add <10.0.0.1/24> dev <eth1>'],
  ['ip route add default', 'the default gateway', 'ip route add default via <10.0.0.254>'],
  ['ip route add', 'a route', 'ip route add <10.1.0.0/24> via <10.0.0.254>'],
  ['ip neigh add', 'a neighbour', 'ip neigh add <10.0.0.2> lladdr <02:00:00:00:00:02> dev <eth1>'],
  ['ip netns exec', 'a command in a namespace', 'ip netns exec <net1> <ip addr>'],
  ['ip -n', 'an ip command in a namespace', 'ip -n <net1> <link set veth1 up>'],
  ['sysctl ip_forward', 'forward packets', 'sysctl -w net.ipv4.ip_forward=1'],
]

/** Snippets at a place (line and column count from 1). */
export function snippetsFor(lines: readonly string[], line: number, column: number): Found {
  const before = (lines[line - 1] ?? '').slice(0, column - 1)
  const item = /^(\s*)-\s+(["']?)(.*)$/.exec(before)
  const list = item ? ownerOf(lines, line, item[1]!.length) : ''
  const none = { from: column, snippets: [] }
  if (list === 'exec' && item) return commands(column - item[3]!.length)
  if (/endpoints:\s*\[[^\]]*$/.test(before) || list === 'endpoints') return ends(lines, before, column)
  if (list === 'start' && item) return rooms(lines, item[3]!, column)
  const run = /^\s*-?\s*(?:run|mends):\s+(["']?)(.*)$/.exec(before)
  if (run) return rooms(lines, run[2]!, column)
  return none
}

function commands(from: number): Found {
  return {
    from,
    snippets: COMMANDS.map(([label, detail, pattern]) => ({ label, detail, insert: snippetOf(pattern) })),
  }
}

/** `ip netns add <net1>` in Monaco's snippet syntax. */
function snippetOf(pattern: string): string {
  let n = 0
  return pattern.replace(/<([^>]+)>/g, (_, value: string) => {
    n++
    return `\${${n}:${value}}`
  })
}

function ends(lines: readonly string[], before: string, column: number): Found {
  const typed = /[A-Za-z0-9_-]*$/.exec(before)![0]
  const open = /["']$/.test(before.slice(0, before.length - typed.length))
  const quote = open ? '' : '"'
  return {
    from: column - typed.length,
    snippets: machinesIn(lines).map((name) => ({
      label: name,
      detail: `${name}:eth1`,
      insert: `${quote}${name}:\${1:eth1}${quote}`,
    })),
  }
}

/** `MACHINE[/NETNS]: ` before a command of a lesson, and the commands after it. */
function rooms(lines: readonly string[], typed: string, column: number): Found {
  if (/:\s/.test(typed)) return { from: column, snippets: [] }
  return {
    from: column - typed.length,
    snippets: machinesIn(lines).map((name) => ({
      label: name,
      detail: 'MACHINE: COMMAND',
      insert: `${name}: $0`,
    })),
  }
}

/** Names of machines: keys one step inside `nodes:`. */
export function machinesIn(lines: readonly string[]): string[] {
  const at = lines.findIndex((text) => /^\s*nodes:\s*(#.*)?$/.test(text))
  if (at < 0) return []
  const outer = indentOf(lines[at]!)
  const names: string[] = []
  let inner = -1
  for (const text of lines.slice(at + 1)) {
    if (text.trim() === '' || text.trim().startsWith('#')) continue
    const indent = indentOf(text)
    if (indent <= outer) break
    if (inner < 0) inner = indent
    const key = /^\s*(["']?)([A-Za-z0-9_-]+)\1:/.exec(text)
    if (indent === inner && key) names.push(key[2]!)
  }
  return names
}

/** The key that a list item belongs to. */
function ownerOf(lines: readonly string[], line: number, indent: number): string {
  for (let i = line - 2; i >= 0; i--) {
    const text = lines[i]!
    if (text.trim() === '' || text.trim().startsWith('#')) continue
    const own = indentOf(text)
    if (/^\s*-/.test(text) && own >= indent) continue
    if (own > indent) continue
    return /^\s*(?:-\s+)?([\w./-]+):\s*(#.*)?$/.exec(text)?.[1] ?? ''
  }
  return ''
}

function indentOf(text: string): number {
  return text.length - text.trimStart().length
}
