// The tables of a simulated lab after a flow, in the oracle's words: `10.0.1.3 cbr0 pod2/eth0 REACHABLE`.

/** Namespaces that an exported script makes, as `MACHINE` or `MACHINE/NETNS`. */
export function spacesOf(script) {
  const [, names] = /^NAMESPACES=\((.*)\)$/m.exec(script)
  return names.split(' ').map((name) => name.replace('.', '/'))
}

/** Neighbours and learned FDB entries by namespace. Runs the flow again (a run is deterministic) and asks every namespace. */
export async function simulatedState(lab, file, args, spaces) {
  const questions = ['ip -j link', 'ip -4 -j neigh', 'bridge -j fdb']
  const asked = spaces.flatMap((space) => questions.map((command) => ({ space, command })))
  const execs = asked.flatMap(({ space, command }) => ['--exec', `${space}: ${command}`])
  const done = await lab('run', file, '--json', ...args, ...execs)
  const outputs = JSON.parse(done.stdout).commands.slice(-asked.length)
  const answers = new Map(
    asked.map((one, i) => [`${one.space} ${one.command}`, JSON.parse(outputs[i].stdout || '[]')]),
  )
  const owner = owners(spaces, answers)
  const state = { neigh: {}, fdb: {} }
  for (const space of spaces) {
    const name = space.replace('/', '.')
    const neigh = answers.get(`${space} ip -4 -j neigh`)
    const fdb = answers
      .get(`${space} bridge -j fdb`)
      .filter((entry) => entry.state !== 'permanent' && entry.master)
    state.neigh[name] = neigh.map((n) => `${n.dst} ${n.dev} ${owner(n.lladdr)} ${n.state.join('/')}`).sort()
    state.fdb[name] = fdb.map((entry) => `${owner(entry.mac)} ${entry.ifname}`).sort()
  }
  return state
}

/** Hardware address to `NETNS/DEV`; a bridge wins over a port that lends it its address, as in the oracle. */
function owners(spaces, answers) {
  const macs = new Map()
  for (const space of spaces) {
    const links = answers.get(`${space} ip -j link`).filter((link) => link.ifname !== 'lo')
    const isBridge = (link) =>
      answers.get(`${space} bridge -j fdb`).some((entry) => entry.master === link.ifname)
    for (const link of [...links.filter(isBridge), ...links.filter((one) => !isBridge(one))]) {
      if (!macs.has(link.address)) macs.set(link.address, `${space.replace('/', '.')}/${link.ifname}`)
    }
  }
  return (mac) => (mac === undefined ? 'None' : (macs.get(mac) ?? mac))
}
