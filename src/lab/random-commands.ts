/** Tests and benchmarks only: commands that somebody could type in a random lab, packets among most of them. */
import type { Rng } from '../base/rng.ts'
import { nextBelow } from '../base/rng.ts'
import type { RandomLab, RandomRoom } from './random-lab.ts'
import { chance, pick } from './random-lab.ts'

export interface RandomCommand {
  /** `MACHINE` or `MACHINE.NETNS`. */
  room: string
  line: string
}

/** One command; each ends within a few virtual seconds, or runs on in the background. */
export function randomCommand(rng: Rng, lab: RandomLab): RandomCommand {
  const room = pick(rng, lab.rooms)
  const kind = nextBelow(rng, 16)
  const line =
    kind < 7
      ? trafficLine(rng, lab)
      : kind < 13
        ? pick(rng, [linkLine, addressLine, routeLine, neighLine, netnsLine])(rng, room, lab)
        : kind === 13
          ? `sleep 0.${1 + nextBelow(rng, 9)}`
          : lookLine(rng, room)
  return { room: room.name, line }
}

/** Commands one after the other, now and then one in the background, as one line. */
export function randomLine(rng: Rng, lab: RandomLab): RandomCommand {
  const { room, line } = randomCommand(rng, lab)
  if (chance(rng, 5)) return { room, line: `${line} &` }
  if (chance(rng, 5))
    return { room, line: `${line}; sleep 0.${nextBelow(rng, 5)}; ${lookLine(rng, roomOf(lab, room))}` }
  if (chance(rng, 8)) return { room, line: `for i in 1 2; do ${line}; done` }
  return { room, line }
}

function roomOf(lab: RandomLab, name: string): RandomRoom {
  return lab.rooms.find((room) => room.name === name) ?? lab.rooms[0]
}

function trafficLine(rng: Rng, { addresses }: RandomLab): string {
  const to = pick(rng, addresses)
  switch (nextBelow(rng, 10)) {
    case 0:
      return `traceroute -n -w 1 -q ${1 + nextBelow(rng, 2)} -m ${3 + nextBelow(rng, 4)} ${to}`
    case 1:
      return `traceroute -I -n -w 1 -q 1 -m 4 ${to}`
    case 2:
      return `tracepath -n -m 4 ${to}`
    case 3:
      return `ping -c 2 -i 0.2 -W 1 -s ${pick(rng, [0, 1400, 3000, 8000])} ${to}`
    case 4:
      return `ping -c 1 -W 1 -M do -s ${pick(rng, [552, 1372, 1472, 2000])} ${to}`
    case 5:
      return `ping -c 2 -i 0.3 -W 1 -t ${1 + nextBelow(rng, 4)} ${to}`
    case 6:
      return `ping -b -c 2 -W 1 ${to.replace(/\d+$/, '255')}`
    case 7:
      return `timeout 3 ping -i 0.1 ${to} > /dev/null &`
    default:
      return `ping -c ${1 + nextBelow(rng, 3)} -i 0.2 -W 1 ${to}`
  }
}

function linkLine(rng: Rng, room: RandomRoom): string {
  const dev = pick(rng, room.devices)
  switch (nextBelow(rng, 8)) {
    case 0:
    case 1:
      return `ip link set ${dev} down`
    case 2:
      return `ip link set ${dev} down; sleep 0.2; ip link set ${dev} up`
    case 3:
      return `ip link set ${dev} mtu ${pick(rng, [600, 1280, 1500])}`
    case 4:
      return `ip link add x${nextBelow(rng, 3)} type ${pick(rng, ['dummy', 'bridge', 'veth'])}`
    case 5:
      return `ip link del x${nextBelow(rng, 3)}`
    case 6:
      return `ip link set ${dev} address 02:00:00:00:00:0${nextBelow(rng, 9)}`
    default:
      return `ip link set ${dev} up`
  }
}

function addressLine(rng: Rng, room: RandomRoom, { addresses }: RandomLab): string {
  const verb = pick(rng, ['add', 'del', 'replace'])
  const cidr = `${pick(rng, addresses)}/${pick(rng, [8, 24, 24, 32])}`
  return chance(rng, 10)
    ? `ip addr flush dev ${pick(rng, room.devices)}`
    : `ip addr ${verb} ${cidr} dev ${pick(rng, room.devices)}`
}

function routeLine(rng: Rng, room: RandomRoom, { addresses }: RandomLab): string {
  const dst = pick(rng, ['default', `10.${nextBelow(rng, 4)}.0.0/24`, `${pick(rng, addresses)}`])
  switch (nextBelow(rng, 8)) {
    case 0:
      return `ip route del ${dst}`
    case 1:
      return `ip route replace ${pick(rng, ['blackhole', 'unreachable', 'prohibit'])} ${dst}`
    case 2:
      return `ip route replace ${dst} dev ${pick(rng, room.devices)}`
    case 3:
      return `ip rule add from ${pick(rng, addresses)} lookup ${100 + nextBelow(rng, 2)}`
    case 4:
      return `sysctl -w net.ipv4.ip_forward=${nextBelow(rng, 2)}`
    case 5:
      return `ip route flush cache; ip route get ${pick(rng, addresses)}`
    default:
      return `ip route replace ${dst} via ${pick(rng, addresses)}`
  }
}

function neighLine(rng: Rng, room: RandomRoom, { addresses }: RandomLab): string {
  const dev = pick(rng, room.devices)
  const to = pick(rng, addresses)
  switch (nextBelow(rng, 4)) {
    case 0:
      return `ip neigh flush all`
    case 1:
      return `ip neigh del ${to} dev ${dev}`
    case 2:
      return `arp -n; arp -d ${to}`
    default:
      return `ip neigh replace ${to} lladdr 02:00:00:00:01:0${nextBelow(rng, 9)} dev ${dev} nud ${pick(rng, ['stale', 'permanent', 'reachable'])}`
  }
}

function netnsLine(rng: Rng, room: RandomRoom): string {
  const name = pick(rng, ['red', 'blue', 'n1', 'n2'])
  switch (nextBelow(rng, 6)) {
    case 0:
      return `ip netns del ${name}`
    case 1:
      return `ip link set ${pick(rng, room.devices)} netns ${name}`
    case 2:
      return `ip netns exec ${name} ping -c 1 -W 1 127.0.0.1`
    case 3:
      return `ip netns add ${name}; ip -n ${name} link set lo up; ip link add y0 type veth peer name y1 netns ${name}`
    default:
      return `ip netns add ${name}`
  }
}

function lookLine(rng: Rng, room: RandomRoom): string {
  const dev = pick(rng, room.devices)
  return pick(rng, [
    'ip addr',
    'ip -br link',
    'ip route show table all',
    'ip neigh; arp -n',
    'ip -s link',
    'bridge fdb; bridge link',
    'ss -uln',
    'cat /proc/net/route /proc/net/arp | wc -l',
    `timeout 2 tcpdump -n -c 5 -i ${dev} &`,
    `sysctl net.ipv4.conf.${dev}.rp_filter`,
    'ip rule; ip netns; hostname',
    'dmesg | tail -n 3',
  ])
}
