/** Lines of `ip neigh`, `bridge fdb` and `sysctl -a`. */
import type { Dump, Notes } from './types.ts'
import { MAX_RECORDS, note } from './types.ts'

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/

/** `10.0.0.1 dev eth0 lladdr 52:54:00:12:34:56 REACHABLE`. One that nobody answered is no knowledge. */
export function readNeigh(dump: Dump, notes: Notes, line: string, at: number): void {
  const words = line.split(/\s+/)
  const ip = words[0] ?? ''
  const dev = words[words.indexOf('dev') + 1] ?? ''
  const mac = words.includes('lladdr') ? (words[words.indexOf('lladdr') + 1] ?? '').toLowerCase() : ''
  if (!/^[0-9a-fA-F.:]+$/.test(ip) || (mac !== '' && !MAC.test(mac))) {
    note(notes, 'warning', at, `not understood: ${line.slice(0, 120)}`, line)
  } else if (mac === '' || /FAILED|INCOMPLETE/.test(line)) {
    note(notes, 'info', at, `${ip} has no link-layer address: left out`, line)
  } else if (!/NOARP/.test(line)) dump.neighs.push({ line: at, ip, dev, mac })
}

/** `02:42:ac:11:00:02 dev veth1 master docker0`. A device's own and the groups' addresses come by themselves. */
export function readFdb(dump: Dump, notes: Notes, line: string, at: number): void {
  const words = line.split(/\s+/)
  const mac = (words[0] ?? '').toLowerCase()
  if (words.includes('permanent') || /^(01:00:5e|33:33)/.test(mac)) return
  if (words.includes('dst')) {
    note(notes, 'warning', at, `vxlan is not modelled: ${line.slice(0, 100)}`, line)
    return
  }
  const vlan = words.includes('vlan') ? (words[words.indexOf('vlan') + 1] ?? '') : ''
  const dev = words[words.indexOf('dev') + 1] ?? ''
  if (words.includes('master')) dump.fdb.push({ line: at, mac, dev, vlan })
}

/** `net.ipv4.ip_forward = 1`. Only what is below `net` concerns packets. */
export function readSysctl(dump: Dump, line: string, at: number): void {
  const found = /^([\w./:@-]+) ?= ?(.*)$/.exec(line)
  if (found === null || !/^net[./]/.test(found[1] ?? '')) return
  if (dump.sysctls.length < MAX_RECORDS * 4)
    dump.sysctls.push({ line: at, text: `${found[1]}=${(found[2] ?? '').trim()}` })
}
