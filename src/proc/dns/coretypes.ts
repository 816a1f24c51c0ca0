/** What a Corefile says, plugin by plugin: plain data. */
import type { Ip } from '../../base/addr.ts'
import type { KubeDnsOptions } from './kubesource.ts'
import type { Zone } from './zonefile.ts'

export interface ForwardConf {
  from: string
  except: string[]
  servers: { ip: Ip; port: number }[]
  policy: 'random' | 'round_robin' | 'sequential'
  forceTcp: boolean
  preferUdp: boolean
}

/** A rule of `log`: the first whose zone the name is in decides. */
export interface LogConf {
  zone: string
  format: string
  /** all, success, denial, error */
  classes: string[]
}

/** All times in seconds. */
export interface CacheConf {
  zones: string[]
  success: number
  denial: number
  minSuccess: number
  minDenial: number
  /** SERVFAIL is kept so long. */
  fail: number
  keepTtl: boolean
  /** 0: never what is over. */
  stale: number
  /** Asks again before the end for what was asked for so often within a time; `amount` 0: for nothing. */
  prefetch: { amount: number; within: number; percentage: number }
  /** Zones whose answers are not kept. */
  noSuccess: string[]
  noDenial: string[]
}

export interface HostsConf {
  path: string
  zones: string[]
  inline: string
  ttl: number
  /** PTR questions are answered from the same lines. */
  reverse: boolean
  fall: string[] | null
}

export interface RewriteConf {
  stop: boolean
  field: 'name' | 'type' | 'class'
  match: 'exact' | 'prefix' | 'suffix' | 'substring' | 'regex'
  from: string
  to: string
  auto: boolean
  /** Regular expressions over the names or the values of the answer, and what they become. */
  answers: { of: 'name' | 'value'; from: string; to: string }[]
}

export interface TemplateConf {
  zones: string[]
  type: number
  class: number
  match: string[]
  answer: string[]
  authority: string[]
  additional: string[]
  rcode: number
  fall: string[] | null
}

/** One server: its zone and port, and its plugins. */
export interface ServerConf {
  zone: string
  port: number
  /** Addresses of `bind`; none: all. */
  bind: Ip[]
  errors: boolean
  log: LogConf[]
  loadbalance: boolean
  loop: boolean
  whoami: boolean
  /** ANY is answered with a refusal (RFC 8482). */
  any: boolean
  /** Answers carry nothing but their records. */
  minimal: boolean
  cache: CacheConf | null
  rewrites: RewriteConf[]
  templates: TemplateConf[]
  hosts: HostsConf | null
  kubernetes: KubeDnsOptions | null
  files: { zone: string; path: string; text: Zone }[]
  forwards: ForwardConf[]
}

export interface CoreConf {
  servers: ServerConf[]
  /** Ports of the HTTP endpoints, 0 for none. */
  health: number
  ready: number
  /** Seconds that `health` lets it serve on after it is told to end. */
  lameduckS: number
  prometheus: number
  /** Seconds between looks at the file; 0: it is not read again. */
  reloadS: number
  jitterS: number
}
