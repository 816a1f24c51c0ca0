/** kubectl: from its words to its commands. Models kubectl 1.32.4; what it does not model it refuses by name. */
import { listNames } from './complete.ts'
import { exitProcess } from '../../../run/process.ts'
import type { ProcCtx, Program } from '../../../run/types.ts'
import { out } from '../../program.ts'
import { apply, diff } from './apply.ts'
import { label, patch, replace, scale, taint } from './change.ts'
import { cp } from './cp.ts'
import { create } from './create.ts'
import { describe } from './describe.ts'
import { edit } from './edit.ts'
import { attach, exec, logs } from './exec.ts'
import { explain } from './explain.ts'
import type { Command, Flow, KubectlParts } from './flow.ts'
import { fault, flowEvent, isFault, startFlow } from './flow.ts'
import { portForward } from './forward.ts'
import { events } from './events.ts'
import { get } from './get.ts'
import { auth } from './auth.ts'
import { config } from './configure.ts'
import { apiResources, apiVersions, clusterInfo, version } from './info.ts'
import { kustomize } from './kustomize.ts'
import { cordon, drain, remove, wait } from './remove.ts'
import { rollout } from './rollout.ts'
import { expose, run } from './run.ts'
import { set } from './set.ts'

type Verb = (flow: Flow, args: readonly string[]) => number

export const VERBS: Readonly<Record<string, Verb>> = {
  annotate: (flow, args) => label(flow, args, 'annotation'),
  'api-resources': apiResources,
  'api-versions': apiVersions,
  apply,
  attach,
  auth,
  'cluster-info': clusterInfo,
  config,
  cordon: (flow, args) => cordon(flow, args, true),
  cp,
  create,
  delete: remove,
  describe,
  diff: (flow, args) => {
    try {
      return diff(flow, args)
    } catch (thrown) {
      // 1 says that there are differences.
      if (isFault(thrown) && thrown.code === 1) throw { ...thrown, code: 2 }
      throw thrown
    }
  },
  drain,
  edit,
  events,
  exec,
  explain,
  expose,
  get,
  kustomize,
  label: (flow, args) => label(flow, args, 'label'),
  logs,
  patch,
  'port-forward': portForward,
  replace,
  rollout,
  run,
  scale,
  set,
  taint,
  alpha: () => fault('No alpha commands are available in this version of kubectl', 0),
  completion: (_, words) => {
    const shells = ['bash', 'fish', 'powershell', 'zsh']
    const [shell = '', ...more] = words.filter((one) => !one.startsWith('-'))
    const help = "See 'kubectl completion -h' for help and examples"
    if (shell === '') fault(`error: Shell not specified.\n${help}`)
    if (more.length > 0) fault(`error: Too many arguments. Expected only the shell type.\n${help}`)
    if (!shells.includes(shell)) fault(`error: Unsupported shell type "${shell}".\n${help}`)
    return fault(`error: kubectl completion ${shell}: not modelled in Kubehop`)
  },
  plugin: (_, [sub = '']) =>
    fault(
      sub === 'list'
        ? 'error: unable to find any kubectl plugins in your PATH'
        : sub === ''
          ? 'error: kubectl plugin: its help is not modelled in Kubehop'
          : `error: unknown command "${sub}"\nSee 'kubectl plugin -h' for help and examples`,
    ),
  top: (_, [what = '']) =>
    fault(
      ['', 'no', 'node', 'nodes', 'po', 'pod', 'pods'].includes(what) || what.startsWith('-')
        ? 'error: Metrics API not available'
        : `error: unknown command "${what}"\nSee 'kubectl top -h' for help and examples`,
    ),
  uncordon: (flow, args) => cordon(flow, args, false),
  version,
  wait,
}

/** Commands of kubectl's that are not modelled. */
const OTHERS = ['autoscale', 'certificate', 'cp', 'debug', 'kustomize', 'options', 'proxy']
const VALUED = [
  '-n',
  '-s',
  '-v',
  '--namespace',
  '--context',
  '--cluster',
  '--user',
  '--kubeconfig',
  '--server',
  '--token',
  '--as',
  '--request-timeout',
]

/** The command line tool, with what the composition root gives it. */
export function kubectlProgram(parts: KubectlParts): Program {
  return {
    name: 'kubectl',
    help: 'Kubernetes: get, describe, apply, create, delete, logs, exec, rollout and more (needs a cluster in the lab)',
    start(ctx) {
      const args = ctx.proc.argv.slice(1)
      const bare = args.length === 0 || (args.length === 1 && ['-h', '--help', 'help'].includes(args[0]!))
      if (bare) return help(ctx)
      startFlow(ctx, parts, commandOf(ctx))
    },
    on(ctx, event) {
      flowEvent(ctx, parts, commandOf(ctx), event)
    },
    complete: ({ words, world }) => {
      if (words.length === 2) return Object.keys(VERBS)
      return listNames(world, words)
    },
  }
}

/** What a process's words ask for: the same each time it is asked. */
function commandOf(ctx: ProcCtx): Command {
  const args = ctx.proc.argv.slice(1)
  const at = verbAt(args)
  const name = args[at] ?? ''
  const rest = [...args.slice(0, at), ...args.slice(at + 1)]
  return (flow) => {
    if (name === '') return fault(`Error: unknown flag: ${args[0] ?? ''}\nSee 'kubectl --help' for usage.`)
    if (rest.includes('--help') || rest.includes('-h'))
      return fault(`kubectl ${name}: its help is not modelled in Kubehop`, 0)
    if (Object.hasOwn(VERBS, name))
      return VERBS[name]!(flow, placed(name, args.slice(0, at), args.slice(at + 1)))
    if (OTHERS.includes(name)) return fault(`error: kubectl ${name}: not modelled in Kubehop`)
    return unknown(name)
  }
}

/** Flags before the command go behind its subcommand, or behind its words' beginning. */
function placed(name: string, before: readonly string[], after: readonly string[]): string[] {
  if (before.length === 0) return [...after]
  const grouped = ['apply', 'auth', 'config', 'create', 'rollout', 'set'].includes(name)
  const sub = grouped && after[0] !== undefined && !after[0].startsWith('-') ? after.slice(0, 1) : []
  return [...sub, ...before, ...after.slice(sub.length)]
}

function verbAt(args: readonly string[]): number {
  for (let i = 0; i < args.length; i++) {
    if (!args[i]!.startsWith('-')) return i
    if (VALUED.includes(args[i]!)) i++
  }
  return args.length
}

function unknown(name: string): never {
  const all = [...Object.keys(VERBS), ...OTHERS].sort()
  const close = all.filter((one) => distance(name, one) <= 2 || one.startsWith(name))
  const hint =
    close.length === 0 ? '' : `\n\nDid you mean this?\n${close.map((one) => `\t${one}\n`).join('')}`
  return fault(`Error: unknown command "${name}" for "kubectl"${hint}\n`)
}

/** Levenshtein's, ignoring case: what cobra suggests by. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1]!.toLowerCase() === b[j - 1]!.toLowerCase() ? 0 : 1
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost)
    }
    row = next
  }
  return row[b.length]!
}

function help(ctx: ProcCtx): void {
  const names = Object.keys(VERBS).sort()
  out(
    ctx,
    `kubectl controls the Kubernetes cluster manager.\n\nModelled in Kubehop:\n${names.map((one) => `  ${one}\n`).join('')}\nUsage:\n  kubectl [flags] [options]\n`,
  )
  exitProcess(ctx, 0)
}
