// Lines that tcpdump 4.99 printed of a capture of a lab's own questions and answers.
import { expect, it } from 'vitest'
import { parseIp } from '../../base/addr.ts'
import type { DnsMessage } from '../../wire/dns.ts'
import { CLASS_IN, dnsMessage, encodeDns } from '../../wire/dns.ts'
import { typeNumber } from '../dns/text.ts'
import { dnsText } from './tcpdump-dns.ts'

const ask = (id: number, type: string, name: string) =>
  dnsMessage(id, [{ name, type: typeNumber(type)!, class: CLASS_IN }])
const shown = (message: DnsMessage) => dnsText(encodeDns(message))
const rr = (name: string, type: string, data: DnsMessage['answer'][number]['data']) => ({
  name,
  type: typeNumber(type)!,
  class: CLASS_IN,
  ttl: 5,
  data,
})

it('prints questions', () => {
  const plain = { ...ask(28618, 'AAAA', 'svc-app.default.svc.cluster.local.'), rd: true }
  expect(shown(plain)).toBe('28618+ AAAA? svc-app.default.svc.cluster.local. (51)')
  const dig = {
    ...ask(63425, 'A', 'google.com.'),
    rd: true,
    edns: { size: 1232, flags: 0, version: 0, options: [] } as never,
  }
  expect(shown(dig)).toMatch(/^63425\+ \[1au\] A\? google\.com\. \(\d+\)$/)
})

it('prints answers', () => {
  const answer = { ...ask(8520, 'A', 'svc-app.default.svc.cluster.local.'), qr: true, aa: true }
  const address = {
    ...answer,
    answer: [rr('svc-app.default.svc.cluster.local.', 'A', { kind: 'ip', ip: parseIp('10.108.106.168')! })],
  }
  expect(shown(address)).toMatch(/^8520\*- 1\/0\/0 A 10\.108\.106\.168 \(\d+\)$/)
  expect(shown({ ...answer, id: 36687, rcode: 3 })).toMatch(/^36687 NXDomain\*- 0\/0\/0 \(\d+\)$/)
  const target = 'kube-dns.kube-system.svc.cluster.local.'
  const srv = rr('_dns._udp.x.', 'SRV', { kind: 'srv', priority: 0, weight: 100, port: 53, target })
  expect(shown({ ...answer, answer: [srv] })).toMatch(
    /^8520\*- 1\/0\/0 SRV kube-dns\.kube-system\.svc\.cluster\.local\.:53 0 100 \(/,
  )
})

it('leaves what is no message to the plain line', () => {
  expect(dnsText(new Uint8Array([1, 2, 3]))).toBeUndefined()
})
