/** For tests: the name servers that `dns.real.txt` was recorded with, as a program of the lab. */
import { parseIp } from '../../base/addr.ts'
import { sockSendTo } from '../../net/sock/send.ts'
import { sockBind, sockById, sockOpen, sockRecv } from '../../net/sock/socket.ts'
import { tcpAccept, tcpListen, tcpRecv, tcpSend } from '../../net/sock/tcp.ts'
import { appendFile } from '../../run/files.ts'
import type { DnsMessage, DnsRr } from '../../wire/dns.ts'
import { decodeDns, dnsReply, encodeDns, frameDns } from '../../wire/dns.ts'
import { rdataOf } from '../dns/zonefile.ts'
import { typeName, typeNumber } from '../dns/text.ts'
import type { ProcCtx, Program } from '../program.ts'

const ZONE = 'cluster.local.'
const SOA = `ns.dns.${ZONE} hostmaster.${ZONE} 1499347823 7200 1800 86400 5`
const RECORDS: readonly string[] = [
  'web.default.svc.cluster.local. A 10.96.0.20',
  'kubernetes.default.svc.cluster.local. A 10.96.0.1',
  'db.prod.svc.cluster.local. A 10.96.0.30',
  'hl.default.svc.cluster.local. A 10.244.0.5',
  'hl.default.svc.cluster.local. A 10.244.1.7',
  'www.example.com. A 93.184.216.34',
  'dual.example.com. A 10.1.1.1',
  'self.example.com. A 127.0.0.1',
  ...Array.from({ length: 60 }, (_, i) => `big.example.com. A 10.9.0.${i + 1}`),
  'dual.example.com. AAAA fd00::1',
  'six.example.com. AAAA fd00::6',
  'ext.default.svc.cluster.local. CNAME www.example.com.',
  'www.example.com. MX 10 mail.example.com.',
  'txt.example.com. TXT hello_world v=spf1_"q"_-all',
  '_http._tcp.web.default.svc.cluster.local. SRV 0 100 80 web.default.svc.cluster.local.',
  '20.0.96.10.in-addr.arpa. PTR web.default.svc.cluster.local.',
  '1.0.0.127.in-addr.arpa. PTR localhost.',
  'example.com. NS ns1.example.com.',
  'example.com. NS ns2.example.com.',
]

interface State {
  mode: string
  tcp: number
  rx: Map<number, Uint8Array>
}

/** `recdns ADDRESS ok|silent|servfail|refused`: its questions go to /log. */
export const recdns: Program = {
  name: 'recdns',
  help: 'name server of recordings',
  start(ctx) {
    const [address, mode = 'ok'] = ctx.proc.argv.slice(1)
    const name = { addr: parseIp(address!)!, port: 53 }
    const spec = { family: 4, pid: ctx.proc.pid } as const
    const udp = sockOpen(ctx.world, ctx.ns, { kind: 'udp', ...spec })
    const tcp = sockOpen(ctx.world, ctx.ns, { kind: 'tcp', ...spec })
    sockBind(ctx.world, ctx.ns, udp, name)
    sockBind(ctx.world, ctx.ns, tcp, name)
    tcpListen(ctx.world, ctx.ns, tcp, 5)
    ctx.proc.state = { mode, tcp: tcp.id, rx: new Map() } satisfies State
  },
  on(ctx, event) {
    const state = ctx.proc.state as State
    const sock = event.type === 'sock' ? sockById(ctx.ns, event.sock) : undefined
    if (sock === undefined) return
    if (sock.kind === 'udp') {
      for (let got = sockRecv(ctx.ns, sock); got !== undefined; got = sockRecv(ctx.ns, sock)) {
        const { src, sport, payload } = got.packet
        const reply = answer(ctx, state, payload!, false)
        if (state.mode !== 'silent') {
          sockSendTo(ctx.world, ctx.ns, sock, { dst: src, dport: sport, payload: reply })
        }
      }
    } else if (sock.id === state.tcp) {
      for (let one = tcpAccept(ctx.world, ctx.ns, sock); one !== undefined; ) {
        state.rx.set(one.id, new Uint8Array(0))
        one = tcpAccept(ctx.world, ctx.ns, sock)
      }
    } else {
      const got = tcpRecv(ctx.world, ctx.ns, sock, 65_536)
      if (got.data === null) return
      let rx = new Uint8Array([...(state.rx.get(sock.id) ?? []), ...got.data])
      while (rx.length >= 2 && rx.length >= 2 + rx[0]! * 256 + rx[1]!) {
        const length = rx[0]! * 256 + rx[1]!
        const reply = answer(ctx, state, rx.slice(2, 2 + length), true)
        tcpSend(ctx.world, ctx.ns, sock, frameDns(reply))
        rx = rx.slice(2 + length)
      }
      state.rx.set(sock.id, rx)
    }
  },
}

function answer(ctx: ProcCtx, state: State, bytes: Uint8Array, tcp: boolean): Uint8Array {
  const query = decodeDns(bytes).message!
  const { name, type } = query.question[0]!
  const way = `${tcp ? 'tcp' : 'udp'}${query.edns === null ? '' : ' edns'}`
  appendFile(ctx, '/log', `${ctx.world.now} ${name} ${typeName(type)} ${way}\n`)
  const reply: DnsMessage = { ...dnsReply(query), ra: true, aa: !name.endsWith('example.com.') }
  const own = RECORDS.map((line) => line.split(' ')).filter((words) => words[0] === name.toLowerCase())
  if (state.mode !== 'ok') reply.rcode = state.mode === 'servfail' ? 2 : 5
  else if (own.length === 0) reply.rcode = 3
  else {
    const alias = own.find((words) => words[1] === 'CNAME' && (type === 1 || type === 28))
    if (alias !== undefined) reply.answer.push(record(alias))
    const target = alias?.[2] ?? name.toLowerCase()
    for (const line of RECORDS) {
      const words = line.split(' ')
      if (words[0] === target && words[1] === typeName(type)) reply.answer.push(record(words))
    }
  }
  if (state.mode === 'ok' && reply.answer.length === 0)
    reply.authority = [record([ZONE, 'SOA', ...SOA.split(' ')])]
  const whole = encodeDns(reply, false)
  if (tcp || whole.length <= 512) return whole
  return encodeDns({ ...reply, tc: true, answer: [], authority: [] }, false)
}

function record([name, type, ...words]: string[]): DnsRr {
  const number = typeNumber(type!)!
  const data = rdataOf(
    number,
    words.map((word) => word.replaceAll('_', number === 16 ? ' ' : '_')),
    '.',
  )!
  return { name: name!, type: number, class: 1, ttl: 5, data }
}
