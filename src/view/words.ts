/**
 * The catalogue of sentences: what each step did and why, as a template with named places. A front end translates
 * the keys (`{{name}}` is i18next's own notation) and keeps the places; `sentenceText` fills in the English.
 * Pure data but for that one function, so that a page can include it without the engine.
 */
import type { Sentence } from './types.ts'

export const SENTENCES: Readonly<Record<string, string>> = {
  // Born, received, sent
  'originate.socket': 'a socket sends {{what}}',
  'originate.kernel': 'the kernel sends {{what}}',
  'originate.answer': 'the kernel answers with {{what}}',
  'rx.frame': '{{dev}} receives it from {{smac}}',
  'rx.vlan': '{{dev}} receives it from {{smac}} with VLAN tag {{vlan}}',
  'rx.loopback': '{{dev}} hands it back to this namespace',
  'tx.frame': '{{dev}} sends it to {{dmac}}',
  'tx.broadcast': '{{dev}} sends it to everybody on the link',
  'tx.multicast': '{{dev}} sends it to the group {{dmac}}',
  'tx.vlan': '{{dev}} sends it to {{dmac}} with VLAN tag {{vlan}}',
  'tx.loopback': '{{dev}} takes it: it stays in this namespace',
  // Bridges
  'bridge.forward': 'bridge {{bridge}} forwards to {{port}}: {{mac}} was learned there',
  'bridge.flood.unknown': 'bridge {{bridge}} floods: destination {{mac}} is unknown',
  'bridge.flood.broadcast': 'bridge {{bridge}} floods: the destination is broadcast',
  'bridge.flood.multicast': 'bridge {{bridge}} floods: the destination is the group {{mac}}',
  'bridge.passUp': 'bridge {{bridge}} passes it up: {{mac}} is its own address',
  'bridge.passUp.group': 'bridge {{bridge}} passes a copy up: the destination is a group or broadcast',
  'bridge.decide': 'bridge {{bridge}} looks at {{mac}}',
  'learn.learned': 'the bridge learns that {{mac}} is behind {{dev}}',
  'learn.moved': 'the bridge moves {{mac}} to {{dev}}',
  'learn.refreshed': 'the bridge hears {{mac}} on {{dev}} again',
  // Routes
  'route.local': '{{dst}} is an address of this namespace: local',
  'route.local.route': '{{dst}} is local: route {{route}}',
  'route.unicast': 'a route to {{dst}} by {{dev}}',
  'route.unicast.link': 'route to {{dst}}: {{route}}, directly on the link',
  'route.unicast.via': 'route to {{dst}}: {{route}}, next hop {{via}}',
  'route.broadcast': '{{dst}} is broadcast on {{dev}}',
  'route.multicast': '{{dst}} is a multicast group',
  'route.none': 'no route to {{dst}} in tables {{tables}}',
  'route.decide': 'routing decision for {{dst}}',
  // Neighbours
  'neigh.resolved': 'neighbour {{ip}} is at {{mac}}',
  'neigh.resolved.state': 'neighbour {{ip}} is {{state}} at {{mac}}',
  'neigh.parked': 'neighbour {{ip}} is unknown: the packet waits for the answer',
  'neigh.parked.state': 'neighbour {{ip}} is {{state}}: the packet waits for the answer',
  'neigh.solicit': 'asks who has {{ip}} on {{dev}}',
  'neigh.released': 'neighbour {{ip}} answered from {{mac}}: the waiting packet goes on',
  'neigh.failed': 'neighbour {{ip}} did not answer: FAILED',
  'neigh.decide': 'neighbour {{ip}}',
  // Delivery
  'deliver.socket': 'a {{socket}} socket takes it',
  'deliver.echo': 'it is an echo request for this namespace: it will be answered',
  'deliver.arp.request': 'ARP takes it: {{spa}} asks for {{tpa}}',
  'deliver.arp.other': 'ARP hears it: {{spa}} asks for {{tpa}}, which is not here',
  'deliver.arp.reply': 'ARP takes it: {{spa}} is at {{mac}}',
  'deliver.icmpError': 'an ICMP error arrives: {{what}}',
  'deliver.protocol': '{{proto}} takes it',
  'deliver.local': 'it has arrived',
  // Forwarding, fragments, tunnels
  forward: 'forwarded out of {{dev}}: TTL is now {{ttl}}',
  fragment: '{{length}} bytes exceed the MTU of {{dev}}: it is cut into fragments',
  reassemble: 'fragments of {{src}} > {{dst}} put together again',
  'reassemble.wait': 'a fragment of {{src}} > {{dst}} waits for the others',
  encap: '{{dev}} wraps it',
  'encap.vlan': '{{dev}} adds VLAN tag {{vlan}}',
  decap: '{{dev}} unwraps it',
  'decap.vlan': '{{dev}} takes off the VLAN tag',
  // Netfilter
  'hook.pass': 'netfilter hook passed',
  'hook.accept': 'netfilter accepts it',
  'hook.translate': 'netfilter changes an address or port',
  'hook.accept.rule': '{{table}} {{chain}}, rule {{number}}, accepts it: {{rule}}',
  'hook.rule': '{{table}} {{chain}}, rule {{number}}, says {{verdict}}: {{rule}}',
  'hook.change': '{{table}} {{chain}}, rule {{number}}, changes {{change}}: {{rule}}',
  'hook.policy': '{{table}} {{chain}}: no rule decides, the policy is {{verdict}}',
  'hook.permitted.rule':
    '{{table}} {{chain}}, rule {{number}}, would drop it, but everything is permitted: {{rule}}',
  'hook.permitted.policy': 'the policy of {{table}} {{chain}} would drop it, but everything is permitted',
  'hook.conntrack.new': 'conntrack: a new connection, {{conn}}',
  'hook.conntrack.known': 'conntrack: a packet of the connection {{conn}}',
  'hook.conntrack.state': 'conntrack: {{conn}} goes from {{before}} to {{now}}',
  'hook.conntrack.invalid': 'conntrack: the packet fits no connection, it is INVALID',
  'hook.conntrack.full': 'conntrack: the table of connections is full',
  'hook.translate.source': 'NAT changes the source from {{from}} to {{to}}',
  'hook.translate.destination': 'NAT changes the destination from {{from}} to {{to}}',
  // Ends, by the kernel's name for the reason
  'drop.NOT_SPECIFIED': 'dropped: no reason is given',
  'drop.NO_SOCKET': 'dropped: nobody listens on {{proto}} port {{dport}}',
  'drop.NO_SOCKET.proto': 'dropped: no socket wants this {{proto}} packet',
  'drop.PKT_TOO_SMALL': 'dropped: too short for its headers ({{length}} bytes)',
  'drop.IP_CSUM': 'dropped: wrong IP header checksum',
  'drop.OTHERHOST': 'ignored: the frame is for {{dmac}}, not for {{dev}}',
  'drop.NETFILTER_DROP': 'dropped by a netfilter rule or policy',
  'drop.NETFILTER_DROP.rule': 'dropped by {{table}} {{chain}}, rule {{number}}: {{rule}}',
  'drop.NETFILTER_DROP.policy': 'dropped by the policy of {{table}} {{chain}}',
  'drop.NETFILTER_DROP.full': 'dropped: the table of connections is full (nf_conntrack_max)',
  'drop.NETFILTER_DROP.clash': 'dropped: another connection took the same addresses and ports first',
  'drop.NETFILTER_DROP.lost': 'dropped: NAT found no address or port for it',
  'drop.IP_OUTNOROUTES': 'dropped: no route to {{dst}} in tables {{tables}}',
  'drop.IP_INNOROUTES': 'dropped: no route to {{dst}} in tables {{tables}}',
  'drop.IP_INADDRERRORS': 'dropped: {{dst}} is not for this host and it does not forward',
  'drop.IP_RPFILTER': 'dropped: reverse path filter: the way back to {{src}} is not by {{dev}}',
  'drop.IP_LOCAL_SOURCE': 'dropped: the source {{src}} is one of our own addresses',
  'drop.IP_INVALID_SOURCE': 'dropped: {{src}} is not valid as a source',
  'drop.IP_INVALID_DEST': 'dropped: {{dst}} is not valid as a destination',
  'drop.UNICAST_IN_L2_MULTICAST': 'dropped: unicast address {{dst}} in a link-layer broadcast',
  'drop.ICMP_CSUM': 'dropped: wrong ICMP checksum',
  'drop.INVALID_PROTO': 'dropped: ICMP or protocol header is not valid here',
  'drop.IP_NOPROTO': 'dropped: nothing here speaks protocol {{proto}}',
  'drop.NEIGH_FAILED': 'dropped: neighbour {{ip}} did not answer',
  'drop.NEIGH_QUEUEFULL': 'dropped: too many packets wait for neighbour {{ip}}',
  'drop.NEIGH_DEAD': 'dropped: the entry of neighbour {{ip}} is gone',
  'drop.NEIGH_CREATEFAIL': 'dropped: no entry could be made for neighbour {{ip}}',
  'drop.NEIGH_HH_FILLFAIL': 'dropped: no link-layer header could be made',
  'drop.QDISC_DROP': 'dropped: the queue of {{dev}} is full',
  'drop.DEV_READY': 'dropped: {{dev}} is down',
  'drop.DEV_HDR': 'dropped: {{dev}} could not make a link-layer header',
  'drop.FULL_RING': 'dropped: the receive ring of {{dev}} is full',
  'drop.NOMEM': 'dropped: out of memory',
  'drop.PKT_TOO_BIG': 'dropped: {{length}} bytes exceed the MTU and DF forbids to cut it',
  'drop.DUP_FRAG': 'dropped: this fragment was here before',
  'drop.FRAG_REASM_TIMEOUT': 'dropped: the other fragments did not come in time',
  'drop.FRAG_TOO_FAR': 'dropped: too many newer fragments from {{src}} came in between',
  'drop.TTL_EXPIRED': 'dropped: the TTL is used up ({{ttl}})',
  'drop.FORWARDING_DISABLED': 'dropped: not for this host, and forwarding is off on {{dev}} (ip_forward=0)',
  'drop.IP_BLACKHOLE': 'dropped: a blackhole route covers {{dst}}',
  'drop.IP_UNREACHABLE': 'dropped: an unreachable route covers {{dst}}',
  'drop.IP_PROHIBIT': 'dropped: a prohibit route covers {{dst}}',
  'drop.SOCKET_RCVBUFF': 'dropped: the receive buffer of the socket is full',
  'drop.SOCKET_FILTER': 'dropped by the filter of the socket',
  'drop.PROTO_MEM': 'dropped: the memory limit of {{proto}} is reached',
  'drop.BRIDGE_INGRESS_STP_STATE': 'dropped: spanning tree holds port {{dev}} back ({{state}})',
  'drop.BRIDGE_NO_EGRESS_PORT': 'dropped: the bridge has no port to send it to',
  'drop.BRIDGE_PORT_DOWN': 'dropped: bridge port {{dev}} is down',
  'drop.BRIDGE_STORM': 'dropped: a frame storm in a bridge loop was cut short',
  'drop.LINK_DOWN': 'dropped: {{dev}} is down',
  'drop.LINK_NO_CARRIER': 'dropped: {{dev}} has no carrier: the other end is down or absent',
  'drop.LINK_LOSS': 'lost on the cable behind {{dev}}',
  'drop.VLAN_FILTER': 'dropped: {{dev}} does not take part in VLAN {{vlan}}',
  'drop.ARP_PVLAN_DISABLE': 'dropped: ARP does not answer for this address here',
  'drop.ICMP_RATELIMIT': 'not sent: the ICMP rate limit for {{dst}} is reached',
  'drop.IPV6DISABLED': 'dropped: IPv6 is off on {{dev}}',
  'drop.IPV6_NDISC_BAD_CODE': 'dropped: neighbour discovery with a wrong code',
  'drop.IPV6_NDISC_BAD_OPTIONS': 'dropped: neighbour discovery with wrong options',
  'drop.IPV6_NDISC_NS_OTHERHOST': 'ignored: the neighbour solicitation is for another host',
  'drop.IPV6_DAD': 'dropped: the address is still being checked for duplicates',
  'drop.UNHANDLED_PROTO': 'dropped: nothing here takes frames of type {{etherType}}',
  'drop.SOCKET_CLOSE': 'dropped: the socket was closed',
  'drop.NETNS_GONE': 'dropped: the network namespace is gone',
  'drop.LOOP_LIMIT': 'dropped: it went through too many devices in one go',
  'drop.CONSUMED': 'done: nothing more to do with it here',
  'drop.TCP_RESET': 'dropped: a reset for nothing that is known here',
  'drop.TCP_FLAGS': 'dropped: no listener can begin anything with these TCP flags',
  'drop.TCP_LISTEN_OVERFLOW': "dropped: the listener's queue is full",
  'step.other': '{{kind}} {{action}}',
  'note.hostPrefix':
    '{{addr}} on {{dev}} has no prefix length: it is a /32, so there is no connected route and no neighbour. Add it with its prefix length, for instance {{addr}}/24',
  'note.linkDown': '{{dev}} is down: {{addr}} has no connected route until `ip link set {{dev}} up`',
  'note.loDown':
    '{{dev}} is down: this namespace cannot reach its own addresses until `ip link set {{dev}} up`',
  'note.portAddress':
    '{{dev}} is a port of {{bridge}}: what arrives there goes to the bridge, so {{addr}} belongs on {{bridge}}',
}

/** The sentence in English, its places filled in. An unknown key comes out as it is, with its values. */
export function sentenceText(sentence: Sentence): string {
  const template = SENTENCES[sentence.key]
  if (template === undefined) return `${sentence.key} ${JSON.stringify(sentence.args)}`
  return template.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => {
    const value = sentence.args[name]
    return value === undefined ? whole : String(value)
  })
}

/** The places of a template: the names between double braces. */
export function placesOf(template: string): string[] {
  return [...template.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '')
}
