/** The pods behind TYPE/NAME, for commands that go into one. Models kubectl pkg/polymorphichelpers (1.32). */
import type { JsonObject, ResourceInfo } from '../../../kube/types.ts'
import { field, isRecord } from '../../../kube/types.ts'
import { arr, obj, str } from './describe-text.ts'
import { boolFlag, durationFlag, textFlag } from './flags.ts'
import { complain, fault, loop, once, pause } from './flow.ts'
import type { Client } from './rest.ts'
import { call, discover, metaOf, must, pathOf, resourceNamed } from './rest.ts'

const POD_EVERY = 500_000_000

/** The pod that a word stands for: ready ones first. */
export function podOf(client: Client, word: string): { name: string; pod: JsonObject } {
  const [pod] = podsBehind(client, word.includes('/') ? word : `pods/${word}`, false).pods
  return { name: metaOf(pod).name, pod: pod! }
}

/**
 * The pods behind TYPE/NAME: itself, or the first of those that an object selects, which is waited for. For logs it is
 * said where there are more, and --all-pods means them all.
 */
export function podsBehind(client: Client, word: string, logs: boolean): { pods: JsonObject[] } {
  const { flow, flags, namespace } = client
  const limit = waitFor(client, logs ? 20_000_000_000 : 60_000_000_000)
  const [type = '', name = ''] = word.split('/')
  const plain = type === 'pods' || type === 'pod' || type === 'po'
  const info = plain ? undefined : resourceNamed(discover(client), type)
  if (info === undefined && !plain) fault(`error: the server doesn't have a resource type "${type}"`)
  const list = `/api/v1/namespaces/${namespace}/pods`
  const path = info === undefined ? `${list}/${name}` : pathOf(info, namespace, name)
  const reply = call(client, 'GET', path)
  if (!reply.ok && logs && reply.status.reason === 'NotFound') {
    fault(`error: error from server (NotFound): ${reply.status.message} in namespace "${namespace}"`)
  }
  const object = must<JsonObject>(reply)
  if (info === undefined || info.kind === 'Pod') return { pods: [object] }
  const query: [string, string][] = [['labelSelector', podSelector(info, object, name, logs)]]
  const found = loop<number, JsonObject[]>(
    flow,
    () => flow.ctx.world.now + limit,
    (until) => {
      const items = arr(must<JsonObject>(call(client, 'GET', list, { query })), 'items')
      if (items.length > 0) return { done: [...items].sort((a, b) => rank(a) - rank(b)) }
      if (once(flow, () => flow.ctx.world.now >= until)) fault('error: timed out waiting for the condition')
      pause(flow, POD_EVERY)
      return { next: until }
    },
  )
  const pods = found.map((pod): JsonObject => ({ ...pod, apiVersion: 'v1', kind: 'Pod' }))
  if (boolFlag(flags, 'all-pods')) return { pods }
  if (logs && pods.length > 1) {
    complain(flow, `Found ${pods.length} pods, using pod/${metaOf(pods[0]).name}\n`)
  }
  return { pods: pods.slice(0, 1) }
}

/** --pod-running-timeout, ns */
function waitFor({ flow, flags }: Client, otherwise: number): number {
  const [, verb = ''] = flow.ctx.proc.argv
  const text = textFlag(flags, 'pod-running-timeout')
  if (text === '') return otherwise
  const given = durationFlag(text)
  if (given === undefined) {
    const words = `invalid argument "${text}" for "--pod-running-timeout" flag: time: invalid duration "${text}"`
    fault(`Error: ${words}\nSee 'kubectl ${verb} --help' for usage.`)
  }
  if (given! > 0) return given!
  const words = '--pod-running-timeout must be higher than zero'
  return fault(`error: ${words}\nSee 'kubectl ${verb} -h' for help and examples`)
}

/** How an object's pods are told. */
function podSelector(info: ResourceInfo, object: JsonObject, name: string, logs: boolean): string {
  const raw = field(obj(object, 'spec'), 'selector')
  const labels = isRecord(raw) ? (info.kind === 'Service' ? raw : obj(raw, 'matchLabels')) : {}
  const selector = Object.entries(labels)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(',')
  if (selector !== '') return selector
  // No stub: these are the real client's own words for a kind that selects no pods (polymorphichelpers).
  const type = `*${info.version}.${info.kind}`
  const words =
    info.kind === 'Service'
      ? `invalid service '${name}': Service is defined without a selector`
      : `selector for ${type} not implemented`
  return fault(`error: cannot ${logs ? 'get the logs from' : 'attach to'} ${type}: ${words}`)
}

function rank(pod: JsonObject): number {
  const status = obj(pod, 'status')
  const ready = arr(status, 'conditions').some((one) => one.type === 'Ready' && one.status === 'True')
  return ready ? 0 : str(status, 'phase') === 'Running' ? 1 : 2
}
