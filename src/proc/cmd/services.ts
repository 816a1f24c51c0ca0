/** Well-known ports as /etc/services has them, for tools that show and read names. */

const BOTH: Readonly<Record<string, number>> = Object.freeze({
  tcpmux: 1,
  echo: 7,
  discard: 9,
  domain: 53,
  kerberos: 88,
  snmp: 161,
  'snmp-trap': 162,
  openvpn: 1194,
  radius: 1812,
})

const TCP: Readonly<Record<string, number>> = Object.freeze({
  systat: 11,
  daytime: 13,
  'ftp-data': 20,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  http: 80,
  pop3: 110,
  sunrpc: 111,
  nntp: 119,
  imap2: 143,
  bgp: 179,
  ldap: 389,
  https: 443,
  submission: 587,
  ldaps: 636,
  imaps: 993,
  pop3s: 995,
  mysql: 3306,
  postgresql: 5432,
  amqp: 5672,
  'http-alt': 8080,
})

const UDP: Readonly<Record<string, number>> = Object.freeze({
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  ntp: 123,
  syslog: 514,
  https: 443,
  isakmp: 500,
  mdns: 5353,
})

/** The service of a port, undefined for none. */
export function serviceName(port: number, proto: 'tcp' | 'udp'): string | undefined {
  for (const table of [BOTH, proto === 'tcp' ? TCP : UDP]) {
    for (const [name, number] of Object.entries(table)) if (number === port) return name
  }
  return undefined
}

/** The port of a service, undefined for an unknown name. */
export function servicePort(name: string): number | undefined {
  for (const table of [TCP, UDP, BOTH]) if (Object.hasOwn(table, name)) return table[name]
  return undefined
}
