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
