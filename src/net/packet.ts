/** Packets: the only places where one is made or copied, so that all have one hidden shape. */
import type { IcmpHeader, Packet, World } from './types.ts'
import { PACKET_OUTGOING } from './types.ts'

/** A new packet with its own id and trace; the caller fills in what it needs. `cause` is the trace that gave rise to it. */
export function createPacket(world: World, etherType: number, cause: number): Packet {
  const id = world.scalars.nextPacket++
  // What every hop reads stands together: it is fetched from memory together.
  return {
    id,
    trace: id,
    etherType,
    vlan: 0,
    smac: 0,
    dmac: 0,
    src: 0,
    dst: 0,
    ttl: 0,
    length: 0,
    pktType: PACKET_OUTGOING,
    iif: 0,
    oif: 0,
    nextHop: 0,
    fragMax: 0,
    physIn: 0,
    physOut: 0,
    nfBridge: 0,
    mark: 0,
    ct: 0,
    ctInfo: 0,
    sock: 0,
    cause,
    proto: 0,
    tos: 0,
    ipId: 0,
    df: false,
    fragOffset: 0,
    moreFrags: false,
    whole: null,
    sport: 0,
    dport: 0,
    icmp: null,
    tcp: null,
    arp: null,
    payload: null,
    inner: null,
    savedMac: 0,
  }
}

/** A copy for another branch of a flood: same trace, a new id, headers of its own, the payload shared. */
export function clonePacket(world: World, packet: Packet): Packet {
  const copy = snapshotPacket(packet)
  copy.id = world.scalars.nextPacket++
  return copy
}

/** A copy with the same id: what an ICMP error quotes, what a tap sees. */
export function snapshotPacket(packet: Packet): Packet {
  return {
    ...packet,
    icmp: packet.icmp === null ? null : { ...packet.icmp },
    tcp: packet.tcp === null ? null : { ...packet.tcp },
    arp: packet.arp === null ? null : { ...packet.arp },
    inner: packet.inner === null ? null : snapshotPacket(packet.inner),
  }
}

export function createIcmp(type: number, code: number): IcmpHeader {
  return { type, code, id: 0, seq: 0, mtu: 0, gateway: 0, quoted: null, quotedLen: 0, nd: null }
}
