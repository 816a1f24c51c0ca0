// The kernel's own values of net.ipv4.conf.X and net.ipv6.conf.X in a new namespace (net/ipv4/devinet.c and
// net/ipv6/addrconf.c, Linux 6.18). A conf is frozen and shared by all that agree; whoever changes one puts another there.

/** Per-interface IPv4 and IPv6 switches (net.ipv4.conf.X.*, net.ipv6.conf.X.*); `all` and `default` are of this shape too. */
export interface InterfaceConf {
  readonly forwarding: number
  readonly rpFilter: number
  readonly arpIgnore: number
  readonly arpAnnounce: number
  readonly arpNotify: number
  readonly arpAccept: number
  readonly proxyArp: number
  readonly acceptRedirects: number
  readonly sendRedirects: number
  readonly secureRedirects: number
  readonly sharedMedia: number
  readonly routeLocalnet: number
  readonly logMartians: number
  readonly acceptLocal: number
  readonly disableIpv6: number
  readonly forwarding6: number
  readonly acceptRa: number
  readonly acceptDad: number
  readonly hopLimit6: number
  readonly acceptRedirects6: number
}

export const KERNEL_CONF: InterfaceConf = Object.freeze({
  forwarding: 0,
  rpFilter: 0,
  arpIgnore: 0,
  arpAnnounce: 0,
  arpNotify: 0,
  arpAccept: 0,
  proxyArp: 0,
  acceptRedirects: 1,
  sendRedirects: 1,
  secureRedirects: 1,
  sharedMedia: 1,
  routeLocalnet: 0,
  logMartians: 0,
  acceptLocal: 0,
  disableIpv6: 0,
  forwarding6: 0,
  acceptRa: 1,
  acceptDad: 1,
  hopLimit6: 64,
  acceptRedirects6: 1,
})

/** A new namespace's `all`, `default` and `lo`. */
export const CONF = confs(KERNEL_CONF)
export const CONF_IPV6_OFF = confs(confWith(KERNEL_CONF, 'disableIpv6', 1))

/** A conf with one value changed; the same one where nothing changes. */
export function confWith(conf: InterfaceConf, field: keyof InterfaceConf, value: number): InterfaceConf {
  return conf[field] === value ? conf : Object.freeze({ ...conf, [field]: value })
}

function confs(base: InterfaceConf) {
  return Object.freeze({
    confAll: confWith(base, 'acceptDad', 0),
    confDefault: base,
    lo: confWith(base, 'acceptDad', -1),
  })
}
