/** The chain from readiness over EndpointSlices to DNS records and rules, as events in order: who wrote what when. */
import { agentList } from '../kube/agent/agent.ts'
import { clusterOf } from '../kube/cluster.ts'
import { compactedRevision, storeChanges } from '../kube/store/history.ts'
import { storeGet, storeList, storeOf } from '../kube/store/store.ts'
import type { EndpointSlice, Pod, Service } from '../kube/objects.ts'
import type { StoreChange } from '../kube/types.ts'
import type { World } from '../net/types.ts'
import { dnsLearntAt } from '../proc/kube/dns-link.ts'
import { stateOf } from '../proc/kube/kube-proxy.ts'
import { refOf } from './kube-objects.ts'
import type { ChainEvent } from './kube-types.ts'
import type { Sentence } from './types.ts'

const SLICES = 'endpointslices.discovery.k8s.io'
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'
const WATCHED: ReadonlySet<string> = new Set(['services', 'pods', SLICES])
const MAX_EVENTS = 400

/** All that concerned a Service so far, as far as the store's log and the nodes remember it. Oldest first. */
export function serviceChain(world: World, namespace: string, name: string): ChainEvent[] {
  const store = storeOf(world)
  const changes = storeChanges(store, compactedRevision(store), WATCHED)
  if (changes === 'gone') return []
  const selector = selectorOf(world, changes, namespace, name)
  const key = `${namespace}/${name}`
  const events = changes.flatMap((change) => {
    const made = eventOf(change, key, namespace, name, selector)
    return made === undefined ? [] : [made]
  })
  // Rules come after what they stand for, at the same moment too.
  const all = [...events, ...recordsOf(world, changes, key), ...syncsOf(world, key, events)]
  const order = (event: ChainEvent) => Number(event.stage === 'rules')
  all.sort((a, b) => a.at - b.at || order(a) - order(b) || a.revision - b.revision)
  return all.slice(-MAX_EVENTS)
}

type Labels = Readonly<Record<string, string>>

/** The Service's selector; of one that is gone, the last. */
function selectorOf(
  world: World,
  changes: readonly StoreChange[],
  namespace: string,
  name: string,
): Labels | undefined {
  const now = storeGet<Service>(storeOf(world), 'services', namespace, name)
  const last = changes.findLast(
    (change) => change.resource === 'services' && change.key === `${namespace}/${name}`,
  )
  const { selector } = (now ?? (last?.object as Service | undefined))?.spec ?? {}
  return selector === undefined || Object.keys(selector).length === 0 ? undefined : selector
}

function eventOf(
  change: StoreChange,
  key: string,
  namespace: string,
  name: string,
  selector: Labels | undefined,
): ChainEvent | undefined {
  const { resource, object, at, revision, manager, type } = change
  const base = { at, revision, who: manager, ref: refOf(object), type }
  if (resource === 'services') {
    return change.key === key ? { ...base, stage: 'service', what: serviceWords(change) } : undefined
  }
  if (object.metadata.namespace !== namespace) return undefined
  if (resource === SLICES) {
    if (object.metadata.labels?.[SERVICE_NAME_LABEL] !== name) return undefined
    return { ...base, stage: 'slice', what: sliceWords(change) }
  }
  if (selector === undefined || !matches(selector, object.metadata.labels)) return undefined
  const what = podWords(change)
  return what.length === 0 ? undefined : { ...base, stage: 'pod', what }
}

function matches(selector: Labels, labels: Labels | undefined): boolean {
  return Object.entries(selector).every(([key, value]) => labels?.[key] === value)
}

function serviceWords({ type, object, previous }: StoreChange): Sentence[] {
  const ip = (object as Service).spec.clusterIP ?? ''
  if (type === 'DELETED') return [{ key: 'chain.service.deleted', args: {} }]
  if (type === 'ADDED') {
    return [
      ip === 'None' || ip === ''
        ? { key: 'chain.service.headless', args: {} }
        : { key: 'chain.service.added', args: { ip } },
    ]
  }
  const before = (previous as Service | undefined)?.metadata.generation
  return before !== undefined && before === object.metadata.generation
    ? [{ key: 'chain.service.status', args: {} }]
    : [{ key: 'chain.service.changed', args: {} }]
}

/** What of a pod the controllers of endpoints look at. */
function podWords({ type, object, previous }: StoreChange): Sentence[] {
  const now = object as Pod
  const before = previous as Pod | undefined
  if (type === 'DELETED') return [{ key: 'chain.pod.deleted', args: {} }]
  const words: Sentence[] = []
  if (type === 'ADDED') words.push({ key: 'chain.pod.added', args: {} })
  const say = (key: string, args: Sentence['args'] = {}) => words.push({ key, args })
  const node = now.spec.nodeName ?? ''
  if (node !== '' && node !== before?.spec.nodeName) say('chain.pod.bound', { node })
  const ip = now.status?.podIP ?? ''
  if (ip !== '' && ip !== before?.status?.podIP) say('chain.pod.address', { ip })
  if (now.status?.phase !== before?.status?.phase && type !== 'ADDED') {
    say('chain.pod.phase', { phase: now.status?.phase ?? '' })
  }
  if (isReady(now) !== isReady(before)) say(isReady(now) ? 'chain.pod.ready' : 'chain.pod.notReady')
  if (now.metadata.deletionTimestamp !== before?.metadata.deletionTimestamp) say('chain.pod.terminating')
  return words
}

function isReady(pod: Pod | undefined): boolean {
  return pod?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true
}

/** Which addresses came, went, or changed their conditions. */
function sliceWords({ type, object, previous }: StoreChange): Sentence[] {
  const slice = object as EndpointSlice
  if (type === 'DELETED') return [{ key: 'chain.slice.deleted', args: { name: slice.metadata.name } }]
  const before = conditionsOf(previous as EndpointSlice | undefined)
  const now = conditionsOf(slice)
  const words: Sentence[] = []
  for (const [ip, state] of now) {
    if (before.get(ip) !== state) words.push({ key: `chain.slice.${state}`, args: { ip } })
  }
  for (const ip of before.keys()) if (!now.has(ip)) words.push({ key: 'chain.slice.gone', args: { ip } })
  if (words.length > 0) return words
  const key = type === 'ADDED' ? 'chain.slice.empty' : 'chain.slice.changed'
  return [{ key, args: {} }]
}

function conditionsOf(slice: EndpointSlice | undefined): Map<string, 'ready' | 'notReady' | 'terminating'> {
  const found = new Map<string, 'ready' | 'notReady' | 'terminating'>()
  for (const { addresses, conditions } of slice?.endpoints ?? []) {
    const ip = addresses[0] ?? ''
    const { ready, terminating } = conditions ?? {}
    found.set(ip, terminating === true ? 'terminating' : ready === false ? 'notReady' : 'ready')
  }
  return found
}

/** When CoreDNS has learnt of the Service's name and address, where one runs: its watch brings it. */
function recordsOf(world: World, changes: readonly StoreChange[], key: string): ChainEvent[] {
  if (!hasDns(world)) return []
  return changes.flatMap((change) => {
    if (change.resource !== 'services' || change.key !== key) return []
    const ip = (object: unknown) => (object as Service | undefined)?.spec.clusterIP ?? ''
    const gone = change.type === 'DELETED'
    if (!gone && ip(change.previous) === ip(change.object)) return []
    const at = dnsLearntAt(world, change)
    if (at === undefined) return []
    const { name, namespace } = change.object.metadata
    const record = `${name}.${namespace}.svc.${clusterOf(world).options.dnsDomain}`
    const known: Sentence =
      ip(change.object) === 'None'
        ? { key: 'chain.dns.headless', args: { record } }
        : { key: 'chain.dns.known', args: { record, ip: ip(change.object) } }
    const what: Sentence = gone ? { key: 'chain.dns.gone', args: { record } } : known
    const { revision } = change
    return [{ at, revision, stage: 'dns', who: 'CoreDNS', ref: null, type: '', what: [what] }]
  })
}

function hasDns(world: World): boolean {
  const pods = storeList<Pod>(storeOf(world), 'pods', 'kube-system')
  return pods.some(
    (pod) => pod.metadata.labels?.['k8s-app'] === 'kube-dns' && pod.status?.phase === 'Running',
  )
}

/** Each node's writing of rules that took the Service in, once per node and revision. */
function syncsOf(world: World, key: string, events: readonly ChainEvent[]): ChainEvent[] {
  const first = events.find((event) => event.stage !== 'pod')?.revision
  if (first === undefined) return []
  return agentList(world, 'kube-proxy').flatMap((agent) => {
    const { syncs } = stateOf(agent)
    return syncs
      .filter(({ services, revision }) =>
        services.length === 0 ? revision >= first : services.includes(key),
      )
      .map(
        ({ at, revision, services }): ChainEvent => ({
          at,
          revision,
          stage: 'rules',
          who: agent.node,
          ref: null,
          type: '',
          what: [
            {
              key: services.length === 0 ? 'chain.rules.full' : 'chain.rules.partial',
              args: { node: agent.node, revision },
            },
          ],
        }),
      )
  })
}
