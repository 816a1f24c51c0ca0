// A lab with a cluster on its way to the comparison: the agents stop, what they made stays. Both sides begin with the
// same rules and the same sockets, and nobody but the flow sends packets.

/** Programs of the control plane and of nodes: their traffic is no flow's. */
const AGENTS = [
  'kubelet',
  'kube-proxy',
  'kube-controller-manager',
  'kube-scheduler',
  'kube-apiserver',
  'etcd',
]

/** Ends the agents, lets what they sent arrive, and makes the draw of an endpoint a turn. `ask` as in state.mjs. */
export function calm(ask, rooms) {
  const machines = rooms.filter((room) => !room.includes('.'))
  // A CoreDNS that knows its cluster over the network would look for the API server again and again.
  for (const room of rooms.filter((one) => one.includes('.coredns-'))) {
    const server = /(\d+\.\d+\.\d+\.\d+):443\b/.exec(ask(room, 'ss -Hnt'))?.[1]
    if (server !== undefined) ask(room, `ip route add unreachable ${server}`)
  }
  for (const room of machines) for (const agent of AGENTS) ask(room, `pkill -x ${agent}`)
  ask(rooms[0], 'sleep 5')
  for (const room of rooms) for (const family of ['', '6']) takeTurns(ask, room, family)
}

/**
 * A service with several endpoints draws one for each connection. Where it draws, both sides are given a rule that takes
 * turns: the n-th of what is left, as kube-proxy's probabilities divide it. The rest of the rules stays.
 */
function takeTurns(ask, room, family) {
  const saved = ask(room, `ip${family}tables-save`)
  const turned = saved.replace(
    /--mode random --probability (0\.\d+)/g,
    (_, chance) => `--mode nth --every ${Math.round(1 / Number(chance))} --packet 0`,
  )
  if (turned !== saved) ask(room, `ip${family}tables-restore <<'RULES'\n${turned}RULES`)
}

/** Sockets that listen, and what a GET of `/` is answered: `[{ room, proto, address, port, answer }]`. */
export function listeners(ask, rooms) {
  const found = []
  for (const room of rooms) {
    for (const line of ask(room, 'ss -Hlntu').split('\n')) {
      const words = line.trim().split(/\s+/)
      const at = /^(.*):(\d+)$/.exec(words[4] ?? '')
      if (at === null) continue
      const [proto, address, port] = [words[0], at[1], Number(at[2])]
      const host = address === '0.0.0.0' || address === '*' ? '127.0.0.1' : address
      const asked = proto === 'tcp' && port !== 53
      const answer = asked ? ask(room, `curl -s -i -m 2 http://${host}:${port}/`) : ''
      found.push({ room, proto, address, port, answer })
    }
  }
  return found
}
