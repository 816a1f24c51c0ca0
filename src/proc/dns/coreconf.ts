/**
 * From server blocks to what each plugin is told, with the complaints of CoreDNS 1.11.3. Plugins that are not modelled are
 * refused by name. Models core/dnsserver/register.go and how caddy sets plugins up: one after the other in their own order,
 * each in all blocks.
 */
import type { CoreBlock } from './corefile.ts'
import { DIRECTIVES } from './corefile.ts'
import type { CoreConf, ServerConf } from './coretypes.ts'
import { dispenser, err, next } from './dispenser.ts'
import type { ReadText, Setup } from './setup.ts'
import { splitZone } from './setup.ts'
import { setupFile, setupHosts, setupKubernetes, setupTemplate } from './setup-answers.ts'
import { setupCache, setupForward } from './setup-forward.ts'
import { setupRewrite } from './setup-rewrite.ts'
import {
  setupBind,
  setupBufsize,
  setupCancel,
  setupDebug,
  setupErrors,
  setupFlag,
  setupHealth,
  setupLoadbalance,
  setupLog,
  setupLoop,
  setupNothing,
  setupNsid,
  setupPrometheus,
  setupReady,
  setupReload,
} from './setup-server.ts'
import { isBelow } from './text.ts'

export type CoreConfigured = { conf: CoreConf; error: '' } | { conf: undefined; error: string }

const SETUPS: Readonly<Record<string, Setup>> = Object.freeze({
  any: setupFlag('any'),
  bind: setupBind,
  bufsize: setupBufsize,
  cache: setupCache,
  cancel: setupCancel,
  debug: setupDebug,
  errors: setupErrors,
  file: setupFile,
  forward: setupForward,
  health: setupHealth,
  hosts: setupHosts,
  kubernetes: setupKubernetes,
  loadbalance: setupLoadbalance,
  log: setupLog,
  loop: setupLoop,
  metadata: setupNothing,
  minimal: setupFlag('minimal'),
  nsid: setupNsid,
  pprof: setupNothing,
  prometheus: setupPrometheus,
  ready: setupReady,
  reload: setupReload,
  rewrite: setupRewrite,
  template: setupTemplate,
  trace: setupNothing,
  whoami: setupFlag('whoami'),
})

/** The configuration of the blocks, or the first complaint. `base` is the standard port (-dns.port). */
export function configure(
  blocks: readonly CoreBlock[],
  read: ReadText,
  base = 53,
  links: ReadonlyMap<string, readonly string[]> = new Map(),
): CoreConfigured {
  const conf: CoreConf = {
    servers: [],
    health: 0,
    lameduckS: 0,
    ready: 0,
    prometheus: 0,
    reloadS: 0,
    jitterS: 0,
  }
  const bad = (error: string): CoreConfigured => ({ conf: undefined, error })
  const works: { block: CoreBlock; keys: { zone: string; port: number }[]; server: ServerConf }[] = []
  for (const block of blocks) {
    const keys: { zone: string; port: number }[] = []
    for (const key of block.keys) {
      const made = readKey(key, base)
      if (typeof made === 'string') return bad(made)
      keys.push(...made)
    }
    works.push({ block, keys, server: emptyServer(keys[0]!) })
  }
  for (const name of DIRECTIVES) {
    for (const { block, keys, server } of works) {
      const directive = block.directives.find((one) => one.name === name)
      if (directive === undefined) continue
      const d = dispenser(directive.tokens)
      const setup = SETUPS[name]
      if (setup === undefined) {
        next(d)
        return bad(err(d, `kubehop: the plugin '${name}' is not modelled`))
      }
      const error = setup({ read, links, conf, server, zones: keys.map(({ zone }) => zone) }, d)
      if (error !== '') return bad(`plugin/${name}: ${error}`)
    }
  }
  for (const { keys, server } of works) {
    for (const { zone, port } of keys) {
      if (conf.servers.some((one) => zone === one.zone && port === one.port && overlaps(server, one))) {
        return bad(`cannot serve dns://${zone}:${port} - it is already defined`)
      }
      if (port < 0 || port > 65_535) return bad(`address ${port}: invalid port`)
      conf.servers.push({ ...server, zone, port })
    }
  }
  return { conf, error: '' }
}

function overlaps(a: ServerConf, b: ServerConf): boolean {
  if (a.bind.length === 0 && b.bind.length === 0) return true
  return a.bind.some((ip) => b.bind.includes(ip))
}

function emptyServer({ zone, port }: { zone: string; port: number }): ServerConf {
  return {
    zone,
    port,
    bind: [],
    errors: false,
    log: [],
    loadbalance: false,
    loop: false,
    whoami: false,
    any: false,
    minimal: false,
    cache: null,
    rewrites: [],
    templates: [],
    hosts: null,
    kubernetes: null,
    files: [],
    forwards: [],
  }
}

/** `example.org:1053`, `dns://.`, `10.0.0.0/24`: zones and a port, or what is wrong. */
function readKey(key: string, base: number): { zone: string; port: number }[] | string {
  const scheme = /^(tls|quic|grpc|https):\/\//.exec(key)
  if (scheme !== null) return `kubehop: a server of ${scheme[1]} is not modelled`
  const { zones, port, error } = splitZone(key)
  if (error !== '') return `error inspecting server blocks: ${error}`
  return zones.map((zone) => ({ zone, port: port === '' ? base : Number(port) }))
}

/** The server for a name: of those on the port the one with the longest zone. */
export function serverFor(conf: CoreConf, port: number, name: string): ServerConf | undefined {
  let best: ServerConf | undefined
  for (const server of conf.servers) {
    if (server.port !== port || !isBelow(name, server.zone)) continue
    if (best === undefined || server.zone.length > best.zone.length) best = server
  }
  return best
}
