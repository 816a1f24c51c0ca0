import { expect, it } from 'vitest'
import { dev, netOf, nsOf } from './ip/checkip.ts'
import { sysctlGet, sysctlNames, sysctlSet } from './sysctl.ts'

// Texts are those of procps 4 on Linux 6.18.
const world = () => netOf('link A/v0 B/v1')

it('ip_forward sets every interface and turns accept_redirects of all off', () => {
  const w = world()
  const ns = nsOf(w, 'A')
  expect(sysctlSet(w, ns, 'net.ipv4.ip_forward', '1')).toBeNull()
  const values = [
    'ip_forward',
    'conf.all.forwarding',
    'conf.default.forwarding',
    'conf.lo.forwarding',
    'conf.v0.forwarding',
  ]
  expect(values.map((name) => sysctlGet(w, ns, `net.ipv4.${name}`))).toEqual(['1', '1', '1', '1', '1'])
  expect(sysctlGet(w, ns, 'net.ipv4.conf.all.accept_redirects')).toBe('0')
  expect(sysctlGet(w, ns, 'net.ipv4.conf.v0.accept_redirects')).toBe('1')
  expect(nsOf(w, 'B').confAll.forwarding).toBe(0)
})

it('refuses as sysctl does', () => {
  const w = world()
  const ns = nsOf(w, 'A')
  const said = (name: string, value: string) => sysctlSet(w, ns, name, value)
  expect(said('net.ipv4.nosuch', '1')).toBe(
    'sysctl: cannot stat /proc/sys/net/ipv4/nosuch: No such file or directory',
  )
  expect(said('net.ipv4.ip_forward', 'abc')).toBe(
    'sysctl: setting key "net.ipv4.ip_forward": Invalid argument',
  )
  expect(said('net.ipv4.ip_default_ttl', '0')).toBe(
    'sysctl: setting key "net.ipv4.ip_default_ttl": Invalid argument',
  )
  expect(said('net.ipv4.ip_local_port_range', '5 2')).toBe(
    'sysctl: setting key "net.ipv4.ip_local_port_range": Invalid argument',
  )
  expect(said('net.ipv4.ip_forward', '7')).toBeNull()
  expect(sysctlGet(w, ns, 'net.ipv4.ip_forward')).toBe('7')
  expect(said('net.ipv4.ping_group_range', '0 10')).toBeNull()
  expect(sysctlGet(w, ns, 'net.ipv4.ping_group_range')).toBe('0\t10')
})

it('takes slashes, and dots of an interface name behind them', () => {
  const w = world()
  const ns = nsOf(w, 'A')
  dev(w, 'A/v0').name = 'v0.5'
  expect(sysctlSet(w, ns, 'net/ipv4/conf/v0.5/rp_filter', '2')).toBeNull()
  expect(sysctlGet(w, ns, 'net.ipv4.conf.v0/5.rp_filter')).toBe('2')
  expect(sysctlSet(w, ns, 'net.ipv4.neigh.v0/5.retrans_time_ms', '500')).toBeNull()
  expect(sysctlGet(w, ns, 'net.ipv4.neigh.default.retrans_time_ms')).toBe('1000')
  expect(sysctlNames(ns)).toContain('net.ipv4.conf.v0/5.rp_filter')
})

it('has the kernel’s own values', () => {
  const w = world()
  const ns = nsOf(w, 'A')
  const get = (name: string) => sysctlGet(w, ns, name)
  expect(get('net.ipv4.ip_local_port_range')).toBe('32768\t60999')
  expect(get('net.ipv4.icmp_ratemask')).toBe('6168')
  expect(get('net.ipv4.conf.v0.shared_media')).toBe('1')
  expect(get('net.ipv4.neigh.v0.unres_qlen_bytes')).toBe('212992')
  expect(get('net.ipv4.ipfrag_time')).toBe('30')
  for (const name of sysctlNames(ns)) expect(get(name)).toBeDefined()
})
