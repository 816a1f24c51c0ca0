/** dig's command line: names, types and classes in any order, `-` and `+` options; what stands before the first name counts for all. */
import { parseIp } from '../../base/addr.ts'
import { CLASS_IN, TYPE_A, TYPE_NS, TYPE_PTR } from '../../wire/dns.ts'
import type { DigShow } from '../dns/digtext.ts'
import { reverseName, typeNumber } from '../dns/text.ts'

export interface DigQuery {
  name: string
  type: number
  klass: number
  server: string
  port: number
  family: 0 | 4 | 6
  tcp: boolean
  ignoreTc: boolean
  recurse: boolean
  ad: boolean
  cd: boolean
  edns: boolean
  bufsize: number
  dnssec: boolean
  cookie: boolean
  /** Seconds. */
  time: number
  tries: number
  search: boolean
  domain: string
  ndots: number
  short: boolean
  /** +short stood before the name: then failures have no first lines either. */
  globalShort: boolean
  cmd: boolean
  stats: boolean
  show: DigShow
}

export interface DigLine {
  queries: DigQuery[]
  /** Instead of a query: -h, -v. */
  text: string
  warnings: string
  error: string
  usage: boolean
  code: number
}

export const DIG_USAGE =
  'Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}\n' +
  '            {global-d-opt} host [@local-server] {local-d-opt}\n' +
  '            [ host [@local-server] {local-d-opt} [...]]\n\n' +
  'Use "dig -h" (or "dig -h | more") for complete list of options\n'

const REFUSED =
  'trace multiline yaml nssearch sit tls https https-get https-post http-plain keepalive rrcomments subnet ' +
  'unexpected onesoa expire zflag padding split crypto dns64prefix ednsopt besteffort fuzztime mapped nsid qid'

/** Flags by name (their shortest abbreviations too): what they set. */
const FLAGS: readonly (readonly [RegExp, (q: DigQuery, on: boolean) => void])[] = [
  [/^(tcp|vc)$/, (q, on) => { q.tcp = on }],
  [/^short$/, (q, on) => { q.short = on }],
  [/^(search|defname)$/, (q, on) => { q.search = on }],
  [/^(rec|recurse|rdflag)$/, (q, on) => { q.recurse = on }],
  [/^(ad|adflag)$/, (q, on) => { q.ad = on }],
  [/^(cd|cdflag)$/, (q, on) => { q.cd = on }],
  [/^(dnssec|do)$/, (q, on) => { q.dnssec = on; if (on) q.edns = true }],
  [/^cookie$/, (q, on) => { q.cookie = on }],
  [/^(ignore|ig)$/, (q, on) => { q.ignoreTc = on }],
  [/^cmd$/, (q, on) => { q.cmd = on }],
  [/^(comments|comm)$/, (q, on) => { q.show.comments = on }],
  [/^(question|quest|qu)$/, (q, on) => { q.show.question = on }],
  [/^(answer|ans|an)$/, (q, on) => { q.show.answer = on }],
  [/^(authority|auth|au)$/, (q, on) => { q.show.authority = on }],
  [/^(additional|add)$/, (q, on) => { q.show.additional = on }],
  [/^stats?$/, (q, on) => { q.stats = on }],
  [/^(ttlid|ttl)$/, (q, on) => { q.show.ttl = on }],
  [/^(class|cl)$/, (q, on) => { q.show.class = on }],
  [/^(fail|aaflag|aaonly|showsearch|identify|qr|idnin|idnout|ttlunits|raflag|tcflag|coflag|opcode|nocrypto)$/, () => {}],
  [/^all$/, (q, on) => {
    Object.assign(q.show, { comments: on, question: on, answer: on, authority: on, additional: on })
    q.cmd = on
    q.stats = on
  }],
] // biome-ignore format: one list

/** Reads dig's arguments. */
export function parseDig(args: readonly string[]): DigLine {
  const line: DigLine = { queries: [], text: '', warnings: '', error: '', usage: false, code: 1 }
  const global = firstQuery()
  let current: DigQuery | undefined
  const begin = (name: string): DigQuery => {
    const made = { ...global, show: { ...global.show }, name, globalShort: global.short }
    line.queries.push(made)
    current = made
    return made
  }
  for (let i = 0; i < args.length && line.error === '' && line.text === ''; i++) {
    const arg = args[i]!
    const at = current ?? global
    if (arg.startsWith('@')) {
      at.server = arg.slice(1)
      if (current === undefined) global.server = arg.slice(1)
    } else if (arg.startsWith('+')) plusOption(line, at, arg.slice(1))
    else if (arg.startsWith('-') && arg.length > 1) {
      const flag = arg[1]!
      if (flag === '4' || flag === '6') global.family = at.family = flag === '4' ? 4 : 6
      else if (flag === 'v') line.text = 'DiG 9.18.49-1~deb12u3-Debian\n'
      else if (flag === 'h') line.text = DIG_USAGE
      else if (flag === 'r' || flag === 'u' || flag === 'm' || flag === 'i') continue
      else if ('bcfkpqtxy'.includes(flag)) {
        const value = arg.length > 2 ? arg.slice(2) : args[++i]
        if (value === undefined) {
          line.usage = true
          line.error = `Invalid option: ${arg}`
        } else dashOption(line, at, flag, value, begin)
      } else {
        line.usage = true
        line.error = `Invalid option: ${arg}`
      }
    } else word(line, arg, current, global, begin)
  }
  if (line.queries.length === 0 && line.error === '' && line.text === '') {
    const root = begin('.')
    root.type = TYPE_NS
  }
  // One variable in dig: wherever it stands, it holds for all.
  if (line.queries.some((one) => one.short)) for (const one of line.queries) one.short = true
  return line
}

/** A type or class of the present name, or the next name. */
function word(
  line: DigLine,
  arg: string,
  current: DigQuery | undefined,
  global: DigQuery,
  begin: (name: string) => DigQuery,
): void {
  const type = typeNumber(arg)
  const at = current ?? global
  if (type !== undefined && !arg.includes('.')) {
    if (type === 251 || type === 252) line.error = 'kubehop: zone transfers are not modelled'
    at.type = type
  } else if (/^(in|ch|hs|any)$/i.test(arg))
    at.klass = /^in$/i.test(arg) ? 1 : /^ch$/i.test(arg) ? 3 : /^hs$/i.test(arg) ? 4 : 255
  else begin(arg)
}

function dashOption(
  line: DigLine,
  at: DigQuery,
  flag: string,
  value: string,
  begin: (name: string) => DigQuery,
): void {
  const ip = parseIp(value)
  const type = typeNumber(value)
  if (flag === 'q') begin(value)
  else if (flag === 'x') begin(ip === undefined ? value : reverseName(ip)).type = TYPE_PTR
  else if (flag === 't' && type === undefined) line.warnings += `;; Warning, ignoring invalid type ${value}\n`
  else if (flag === 't') at.type = type!
  else if (flag === 'p') {
    at.port = Number(value)
    if (!(at.port >= 0 && at.port < 65_536)) line.error = `Couldn't parse port number`
  } else if (flag === 'c') at.klass = /^ch$/i.test(value) ? 3 : 1
  else line.error = `kubehop: dig -${flag} is not modelled`
}

function plusOption(line: DigLine, at: DigQuery, text: string): void {
  const [rawName, value] = text.split('=') as [string, string?]
  const off = rawName.startsWith('no')
  const name = off ? rawName.slice(2) : rawName
  const number = Number(value)
  if (name === 'time' || name === 'timeout') at.time = Math.max(1, number || 1)
  else if (name === 'tries') at.tries = Math.max(1, number || 1)
  else if (name === 'retry') at.tries = Math.max(0, number || 0) + 1
  else if (/^buf(size?)?$/.test(name)) {
    at.bufsize = off ? 0 : number || 1232
    at.edns = !off
  } else if (name === 'edns') at.edns = !off
  else if (name === 'domain') at.domain = value ?? ''
  else if (name === 'ndots') at.ndots = number || 0
  else {
    const flag = FLAGS.find(([pattern]) => pattern.test(name))
    if (flag !== undefined) flag[1](at, !off)
    else if (REFUSED.split(' ').includes(name)) {
      if (!off) line.error = `kubehop: dig +${name} is not modelled`
    } else {
      line.usage = true
      line.error = `Invalid option: +${text}`
    }
  }
}

function firstQuery(): DigQuery {
  return {
    name: '.',
    type: TYPE_A,
    klass: CLASS_IN,
    server: '',
    port: 53,
    family: 0,
    tcp: false,
    ignoreTc: false,
    recurse: true,
    ad: true,
    cd: false,
    edns: true,
    bufsize: 1232,
    dnssec: false,
    cookie: true,
    time: 5,
    tries: 3,
    search: false,
    domain: '',
    ndots: -1,
    short: false,
    globalShort: false,
    cmd: true,
    stats: true,
    show: {
      comments: true,
      question: true,
      answer: true,
      authority: true,
      additional: true,
      ttl: true,
      class: true,
    },
  }
}
