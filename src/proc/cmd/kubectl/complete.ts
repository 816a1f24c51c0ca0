/** What the terminal offers behind `kubectl VERB`: types, names, containers. */
import { resources } from '../../../kube/api/resources.ts'
import { findStore, storeList } from '../../../kube/store/store.ts'
import { resourceKey } from '../../../kube/types.ts'
import type { World } from '../../../net/types.ts'
import { resourceNamed } from './rest.ts'

const PODS = ['logs', 'exec', 'attach']
const NODES = ['cordon', 'uncordon', 'drain']
const SUBCOMMANDS: Readonly<Record<string, readonly string[]>> = {
  rollout: ['history', 'pause', 'restart', 'resume', 'status', 'undo'],
  config: ['current-context', 'get-contexts', 'set-context', 'use-context', 'view'],
  set: ['env', 'image'],
  create: ['configmap', 'deployment', 'ingress', 'namespace', 'secret', 'service', 'serviceaccount'],
  auth: ['can-i', 'whoami'],
}

/** Candidates for the last word; undefined leaves it to file names. */
export function listNames(world: World, words: readonly string[]): string[] | undefined {
  const last = words.at(-1) ?? ''
  const before = words.at(-2) ?? ''
  if (before === '-f' || before === '--filename') return undefined
  if (before === '-n' || before === '--namespace') return namesOf(world, 'namespaces', '')
  if (last.startsWith('-')) return []
  const own = words
    .slice(1, -1)
    .filter((word, i, all) => !word.startsWith('-') && !/^(-n|--namespace)$/.test(all[i - 1] ?? ''))
  const at = words.findIndex((word) => word === '-n' || word === '--namespace')
  const namespace = at < 0 ? 'default' : (words[at + 1] ?? 'default')
  const [verb = '', ...rest] = own
  const [first] = rest
  if (Object.hasOwn(SUBCOMMANDS, verb) && rest.length === 0) return [...SUBCOMMANDS[verb]!]
  if (PODS.includes(verb)) return namesOf(world, 'pods', namespace)
  if (NODES.includes(verb)) return namesOf(world, 'nodes', '')
  const type = Object.hasOwn(SUBCOMMANDS, verb) ? rest[1] : first
  if (type === undefined && last.includes('/')) {
    const [kind = ''] = last.split('/')
    return typed(world, kind, namespace).map((name) => `${kind}/${name}`)
  }
  return type === undefined ? types() : typed(world, type, namespace)
}

function types(): string[] {
  return resources
    .map((info) => (info.group === '' ? info.resource : `${info.resource}.${info.group}`))
    .sort()
}

function typed(world: World, word: string, namespace: string): string[] {
  const info = resourceNamed(resources, word)
  return info === undefined ? [] : namesOf(world, resourceKey(info), info.namespaced ? namespace : '')
}

function namesOf(world: World, resource: string, namespace: string): string[] {
  const store = findStore(world)
  return store === undefined ? [] : storeList(store, resource, namespace).map((one) => one.metadata.name)
}
