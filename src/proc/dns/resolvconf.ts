/** /etc/resolv.conf, /etc/hosts and /etc/nsswitch.conf as resolvers read them (resolv.conf(5), hosts(5)). */
import type { Ip } from '../../base/addr.ts'
import { parseIp } from '../../base/addr.ts'
import { readFile, statFile } from '../../run/files.ts'
import type { ProcCtx } from '../../run/types.ts'

/** What libc a program is linked with: Alpine's images have musl; so has what holds Alpine's release file or musl's loader. */
export type Libc = 'glibc' | 'musl'

export interface ResolvConf {
  /** At most three. */
  servers: Ip[]
  search: string[]
  ndots: number
  /** Seconds. */
  timeout: number
  attempts: number
  rotate: boolean
  useVc: boolean
  single: boolean
  singleReopen: boolean
  edns0: boolean
}

const SERVERS_MAX = 3
const NDOTS_MAX = 15
const TIMEOUT_MAX = 30
const ATTEMPTS_MAX = 5

/** Reads the text of a resolv.conf. What it does not know is passed over, as the C library does. */
export function parseResolvConf(text: string): ResolvConf {
  const conf: ResolvConf = {
    servers: [],
    search: [],
    ndots: 1,
    timeout: 5,
    attempts: 2,
    rotate: false,
    useVc: false,
    single: false,
    singleReopen: false,
    edns0: false,
  }
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue
    const [word, ...rest] = line.split(/[ \t]+/).filter((one) => one !== '')
    if (word === undefined || !line.startsWith(word)) continue
    if (word === 'nameserver') {
      const ip = parseIp(rest[0] ?? '')
      if (ip !== undefined && conf.servers.length < SERVERS_MAX) conf.servers.push(ip)
    } else if (word === 'search') conf.search = rest
    else if (word === 'domain') conf.search = rest.slice(0, 1)
    else if (word === 'options') for (const option of rest) takeOption(conf, option)
  }
  return conf
}

function takeOption(conf: ResolvConf, option: string): void {
  const [name, value] = option.split(':') as [string, string | undefined]
  const number = (max: number, min = 0) => Math.min(max, Math.max(min, Number.parseInt(value ?? '', 10) || 0))
  if (name === 'ndots') conf.ndots = number(NDOTS_MAX)
  else if (name === 'timeout') conf.timeout = number(TIMEOUT_MAX)
  else if (name === 'attempts') conf.attempts = number(ATTEMPTS_MAX)
  else if (name === 'rotate') conf.rotate = true
  else if (name === 'use-vc') conf.useVc = true
  else if (name === 'single-request') conf.single = true
  else if (name === 'single-request-reopen') conf.singleReopen = true
  else if (name === 'edns0') conf.edns0 = true
}

export function resolvConf(ctx: ProcCtx): ResolvConf {
  return parseResolvConf(readFile(ctx, '/etc/resolv.conf').text)
}

export function libcOf(ctx: ProcCtx): Libc {
  if (/(^|[/:-])alpine/.test(imageOf(ctx))) return 'musl'
  const musl = ['/etc/alpine-release', '/lib/ld-musl-x86_64.so.1']
  return musl.some((path) => statFile(ctx, path) !== undefined) ? 'musl' : 'glibc'
}

/** Whether the commands are BusyBox's: in its own image and in Alpine's. They say `bad address` of a name that is not found. */
export function isBusybox(ctx: ProcCtx): boolean {
  return libcOf(ctx) === 'musl' || /(^|\/)busybox(:|$)/.test(imageOf(ctx))
}

function imageOf(ctx: ProcCtx): string {
  return ctx.machine.containers.get(ctx.proc.container)?.image ?? ''
}

/** Where names are looked for, in order: of `hosts:` in /etc/nsswitch.conf, what is modelled. musl has no such file. */
export function hostSources(ctx: ProcCtx): ('files' | 'dns')[] {
  if (libcOf(ctx) === 'musl') return ['files', 'dns']
  const line = /^[ \t]*hosts:(.*)$/m.exec(readFile(ctx, '/etc/nsswitch.conf').text)
  if (line === null) return ['files', 'dns']
  return line[1]!.split(/[ \t]+/).filter((word) => word === 'files' || word === 'dns') as ('files' | 'dns')[]
}

export interface HostsLine {
  ip: Ip
  names: string[]
}

export function hostsLines(ctx: ProcCtx): HostsLine[] {
  const lines: HostsLine[] = []
  for (const line of readFile(ctx, '/etc/hosts').text.split('\n')) {
    const [first, ...names] = (line.split('#')[0] ?? '').split(/[ \t]+/).filter((word) => word !== '')
    const ip = parseIp(first ?? '')
    if (ip !== undefined && names.length > 0) lines.push({ ip, names })
  }
  return lines
}

/** Names to ask for in order, absolute: the search list first where the name has fewer dots than `ndots`. */
export function searchNames(conf: ResolvConf, host: string, libc: Libc = 'glibc'): string[] {
  if (host.endsWith('.')) return [host]
  const dots = host.split('.').length - 1
  const plain = `${host}.`
  const listed = conf.search.map((domain) =>
    domain === '.' ? plain : `${host}.${domain.replace(/\.$/, '')}.`,
  )
  if (libc === 'musl') return dots >= conf.ndots ? [plain] : [...listed, plain]
  const names = dots >= conf.ndots ? [plain, ...listed] : [...listed, plain]
  return [...new Set(names)]
}
