/** Setups of the plugins that answer. Models setup.go of hosts, kubernetes, template and file (CoreDNS 1.11.3). */
import type { HostsConf, TemplateConf } from './coretypes.ts'
import type { Dispenser } from './dispenser.ts'
import { argErr, err, next, nextArg, nextBlock, remainingArgs, val } from './dispenser.ts'
import { goInt, goRegex, goRegexError, goSeconds } from './gotext.ts'
import type { KubeDnsOptions } from './kubesource.ts'
import { kubeDnsOptions } from './kubesource.ts'
import type { Setup, SetupCtx } from './setup.ts'
import { fallOf, ONCE, origins } from './setup.ts'
import { classNumber, rcodeNumber, typeNumber } from './text.ts'
import { parseZone } from './zonefile.ts'

export const setupHosts: Setup = (ctx, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    const args = remainingArgs(d)
    const path = args.shift() ?? '/etc/hosts'
    const zones = origins(ctx, args)
    const hosts: HostsConf = { path, zones, inline: '', ttl: 3600, reverse: true, fall: null }
    while (nextBlock(d)) {
      const error = hostsOption(hosts, d)
      if (error !== '') return error
    }
    ctx.server.hosts = hosts
  }
  return ''
}

function hostsOption(hosts: HostsConf, d: Dispenser): string {
  const word = val(d)
  const rest = remainingArgs(d)
  switch (word) {
    case 'fallthrough':
      hosts.fall = fallOf(rest)
      return ''
    case 'no_reverse':
      hosts.reverse = false
      return ''
    case 'ttl': {
      if (rest.length < 1) return err(d, 'ttl needs a time in second')
      const { value } = goInt(rest[0]!)
      if (value === undefined) return err(d, 'ttl needs a number of second')
      hosts.ttl = value
      return value <= 0 || value > 65_535 ? err(d, 'ttl provided is invalid') : ''
    }
    case 'reload': {
      if (rest.length !== 1) return err(d, 'reload needs a duration (zero seconds to disable)')
      const { value } = goSeconds(rest[0]!)
      if (value === undefined) return err(d, `invalid duration for reload '${rest[0]}'`)
      return value < 0 ? err(d, `invalid negative duration for reload '${rest[0]}'`) : ''
    }
    default:
      if (hosts.fall !== null) return err({ ...d, at: d.at - rest.length }, `unknown property '${word}'`)
      hosts.inline += `${[word, ...rest].join(' ')}\n`
      return ''
  }
}

export const setupKubernetes: Setup = (ctx, d) => {
  let seen = 0
  while (next(d)) {
    if (seen++ > 0) return ONCE
    const zones = origins(ctx, remainingArgs(d))
    if (zones.every((zone) => /\.(in-addr|ip6)\.arpa\.$/.test(zone)))
      return 'non-reverse zone name must be used'
    const options = kubeDnsOptions(zones)
    while (nextBlock(d)) {
      const error = kubernetesOption(ctx, options, d)
      if (error !== '') return error
    }
    ctx.server.kubernetes = options
  }
  return ''
}

type Changing<T> = { -readonly [K in keyof T]: T[K] }

function kubernetesOption(ctx: SetupCtx, options: Changing<KubeDnsOptions>, d: Dispenser): string {
  const word = val(d)
  const args = remainingArgs(d)
  const [first] = args
  switch (word) {
    case 'endpoint_pod_names':
      options.endpointPodNames = true
      return args.length > 0 ? argErr(d) : ''
    case 'pods':
      if (args.length !== 1) return argErr(d)
      if (first !== 'disabled' && first !== 'insecure' && first !== 'verified') {
        return `wrong value for pods: ${first},  must be one of: disabled, verified, insecure`
      }
      options.pods = first
      return ''
    case 'namespaces':
      options.namespaces = [...options.namespaces, ...args]
      return args.length === 0 ? argErr(d) : ''
    case 'endpoint':
      return args.length === 0 ? argErr(d) : ''
    case 'tls':
      return args.length === 3 ? '' : argErr(d)
    case 'labels':
    case 'namespace_labels':
      return args.length === 0 ? argErr(d) : err(d, `kubehop: '${word}' is not modelled`)
    case 'fallthrough':
      options.fall = fallOf(args)
      return ''
    case 'ttl': {
      if (first === undefined) return argErr(d)
      const { value, error } = goInt(first)
      if (value === undefined) return error
      options.ttl = value
      return value < 0 || value > 3600 ? err(d, `ttl must be in range [0, 3600]: ${value}`) : ''
    }
    case 'noendpoints':
      options.noEndpoints = true
      return args.length === 0 ? '' : argErr(d)
    case 'ignore':
      if (first === 'empty_service') options.ignoreEmptyService = true
      return first === undefined || first === 'empty_service'
        ? ''
        : `unable to parse ignore value: '${first}'`
    case 'kubeconfig':
      if (args.length !== 1 && args.length !== 2) return argErr(d)
      return ctx.read(first!) === undefined ? `stat ${first}: no such file or directory` : ''
    case 'multicluster':
      options.multiclusterZones = origins(ctx, args)
      return ''
    default:
      return err({ ...d, at: d.at - args.length }, `unknown property '${word}'`)
  }
}

/** What a template may say here: the question's name, class and type, and what the pattern found. */
const ACTION =
  /\{\{-? *(?:\.(?:Name|Class|Type|Zone|Remote)|\.Group\.[A-Za-z0-9_]+|index \.(?:Match [0-9]+|Group "[A-Za-z0-9_]+")) *-?\}\}/g

export const setupTemplate: Setup = (ctx, d) => {
  while (next(d)) {
    if (!nextArg(d)) return argErr(d)
    const klass = classNumber(val(d))
    if (klass === undefined) return err(d, `invalid query class ${val(d)}`)
    if (!nextArg(d)) return argErr(d)
    const type = /^[A-Z0-9-]+$/.test(val(d)) ? typeNumber(val(d)) : undefined
    if (type === undefined) return err(d, `invalid RR class ${val(d)}`)
    const zones = origins(ctx, remainingArgs(d))
    const template: TemplateConf = {
      zones, type, class: klass, match: [], answer: [], authority: [], additional: [], rcode: 0, fall: null,
    } // biome-ignore format: one record
    while (nextBlock(d)) {
      const error = templateOption(template, d)
      if (error !== '') return error
    }
    ctx.server.templates.push(template)
  }
  return ''
}

function templateOption(template: TemplateConf, d: Dispenser): string {
  const word = val(d)
  switch (word) {
    case 'match': {
      const args = remainingArgs(d)
      if (args.length === 0) return argErr(d)
      for (const pattern of args) {
        const wrong = goRegexError(pattern)
        if (wrong !== '') return err(d, `could not parse regex: ${pattern}, ${wrong}`)
        if (goRegex(pattern) === null) return err(d, `kubehop: the pattern ${pattern} is not modelled`)
      }
      template.match.push(...args)
      return ''
    }
    case 'answer':
    case 'additional':
    case 'authority': {
      const args = remainingArgs(d)
      if (args.length === 0) return argErr(d)
      const strange = args.find((text) => text.replace(ACTION, '').includes('{{'))
      if (strange !== undefined) return err(d, `kubehop: the template ${strange} is not modelled`)
      template[word].push(...args)
      return ''
    }
    case 'rcode': {
      if (!nextArg(d)) return argErr(d)
      const rcode = /^[A-Z]+$/.test(val(d)) ? rcodeNumber(val(d)) : undefined
      if (rcode === undefined) return err(d, `unknown rcode ${val(d)}`)
      template.rcode = rcode
      return ''
    }
    case 'ederror': {
      const args = remainingArgs(d)
      if (args.length !== 1 && args.length !== 2) return argErr(d)
      const code = goInt(args[0]!, 'ParseUint')
      return code.value === undefined
        ? err(d, `error parsing extended DNS error code ${val(d)}, ${code.error}`)
        : err(d, "kubehop: 'ederror' is not modelled")
    }
    case 'fallthrough':
      template.fall = fallOf(remainingArgs(d))
      return ''
    case 'upstream':
      remainingArgs(d)
      return ''
    default:
      return argErr(d)
  }
}

export const setupFile: Setup = (ctx, d) => {
  while (next(d)) {
    if (!nextArg(d)) return argErr(d)
    const path = val(d)
    const zones = origins(ctx, remainingArgs(d))
    const text = ctx.read(path)
    for (const zone of zones) {
      const parsed = parseZone(text ?? '', zone)
      const wrong = text === undefined ? `open ${path}: no such file or directory` : parsed.error
      if (wrong !== '') return wrong
      ctx.server.files.push({ zone, path, text: parsed })
    }
    while (nextBlock(d)) {
      if (val(d) === 'upstream') remainingArgs(d)
      else if (val(d) !== 'reload') return err(d, `unknown property '${val(d)}'`)
      else {
        const [time] = remainingArgs(d)
        if (time === undefined) return 'reload duration value is expected'
        const { error } = goSeconds(time)
        if (error !== '') return `plugin/file: ${error}`
      }
    }
  }
  return ''
}
