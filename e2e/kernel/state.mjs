// The tables of a simulated lab after a flow, in the oracle's words: `10.0.1.3 cbr0 pod2/eth0 REACHABLE`.

/** Neighbours and learned FDB entries by room. `ask(room, command)` answers what the command prints. */
export function simulatedState(rooms, ask) {
  const questions = ['ip -j link', 'ip -4 -j neigh', 'bridge -j fdb']
  const answers = new Map()
  for (const room of rooms) {
    for (const command of questions) answers.set(`${room} ${command}`, JSON.parse(ask(room, command) || '[]'))
  }
  const owner = owners(rooms, answers)
  const state = { neigh: {}, fdb: {} }
  for (const room of rooms) {
    const neigh = answers.get(`${room} ip -4 -j neigh`)
    const fdb = answers
      .get(`${room} bridge -j fdb`)
      .filter((entry) => entry.state !== 'permanent' && entry.master)
    state.neigh[room] = neigh.map((n) => `${n.dst} ${n.dev} ${owner(n.lladdr)} ${n.state.join('/')}`).sort()
    state.fdb[room] = fdb.map((entry) => `${owner(entry.mac)} ${entry.ifname}`).sort()
  }
  return state
}

/** Hardware address to `NETNS/DEV`; a bridge wins over a port that lends it its address, as in the oracle. */
function owners(rooms, answers) {
  const macs = new Map()
  for (const room of rooms) {
    const links = answers.get(`${room} ip -j link`).filter((link) => link.ifname !== 'lo')
    const isBridge = (link) =>
      answers.get(`${room} bridge -j fdb`).some((entry) => entry.master === link.ifname)
    for (const link of [...links.filter(isBridge), ...links.filter((one) => !isBridge(one))]) {
      if (!macs.has(link.address)) macs.set(link.address, `${room}/${link.ifname}`)
    }
  }
  return (mac) => (mac === undefined ? 'None' : (macs.get(mac) ?? mac))
}
