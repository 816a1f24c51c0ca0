/** `kubectl run` and `kubectl expose`. Models kubectl pkg/cmd/run and pkg/cmd/expose (1.32). */
import type { Json, JsonObject } from '../../../kube/types.ts'
import { meta, post, WRITE_FLAGS } from './create.ts'
import { attachPod, followPod } from './exec.ts'
import { boolFlag, hasFlag, listFlag, parseFlags, textFlag } from './flags.ts'
import type { Flow } from './flow.ts'
import { complain, fault, loop, pause, print } from './flow.ts'
import { arr, obj, str } from './describe-text.ts'
import type { Client } from './rest.ts'
import { call, dryRunOf, failStatus, metaOf, must, openClient } from './rest.ts'
import { failProblems, FILE_FLAGS, findObjects, SELECT_FLAGS } from './select.ts'

/** Docker's grammar of image references: DOMAIN/PATH:TAG@DIGEST. */
const REFERENCE =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$/

const RUN_FLAGS = [
  ...WRITE_FLAGS, 'image=', 'port=', 'env=*', 'labels/l=', 'restart=', 'command', 'rm', 'stdin/i', 'tty/t', 'attach',
  'expose', 'quiet/q', 'image-pull-policy=', 'overrides=', 'override-type=', 'annotations=*', 'leave-stdin-open',
  'pod-running-timeout=', 'privileged', 'wait', 'timeout=', 'grace-period=#', 'force', 'cascade=?background',
] // biome-ignore format: one list

export function run(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl run', args, RUN_FLAGS)
  const client = openClient(flow, flags)
  const own = flags.dash < 0 ? flags.operands : flags.operands.slice(0, flags.dash)
  const [name] = own
  if (textFlag(flags, 'image') === '') fault('error: required flag(s) "image" not set')
  if (name === undefined) fault("error: NAME is required for run\nSee 'kubectl run -h' for help and examples")
  for (const one of ['overrides', 'override-type', 'expose', 'privileged']) {
    if (hasFlag(flags, one)) fault(`error: kubectl run --${one}: not modelled in Kubehop`)
  }
  const image = textFlag(flags, 'image')
  if (image !== '' && !REFERENCE.test(image)) {
    fault(`error: Invalid image name "${image}": invalid reference format`)
  }
  const interactive = boolFlag(flags, 'stdin') || boolFlag(flags, 'tty')
  const attached = boolFlag(flags, 'attach', interactive)
  if (boolFlag(flags, 'rm') && !attached)
    fault(
      "error: --rm should only be used for attached containers\nSee 'kubectl run -h' for help and examples",
    )
  const restart = textFlag(flags, 'restart', 'Always')
  if (!['Always', 'OnFailure', 'Never'].includes(restart)) {
    fault(`error: invalid restart policy: ${restart}\nSee 'kubectl run -h' for help and examples`)
  }
  const words =
    flags.dash < 0 ? flags.operands.slice(1) : [...own.slice(1), ...flags.operands.slice(flags.dash)]
  const pod = podObject(client, name!, words, restart)
  if (!attached || dryRunOf(flags) !== 'none') return post(client, pod, 'kubectl-run')
  return runAttached(client, pod, name!)
}

function podObject({ flags }: Client, name: string, words: readonly string[], restart: string): JsonObject {
  const labels = textFlag(flags, 'labels')
  const pairs = labels === '' ? [['run', name]] : labels.split(',').map((one) => one.split('='))
  const env = listFlag(flags, 'env').map((text) => {
    if (!text.includes('=')) fault(`error: invalid env: ${text}`)
    return { name: text.split('=')[0]!, value: text.split('=').slice(1).join('=') }
  })
  const port = textFlag(flags, 'port')
  const policy = textFlag(flags, 'image-pull-policy')
  const stdin = boolFlag(flags, 'stdin')
  const container: JsonObject = {
    ...(words.length === 0 ? {} : boolFlag(flags, 'command') ? { command: words } : { args: words }),
    ...(env.length === 0 ? {} : { env }),
    image: textFlag(flags, 'image'),
    ...(policy === '' ? {} : { imagePullPolicy: policy }),
    name,
    ...(port === '' ? {} : { ports: [{ containerPort: Number(port) }] }),
    resources: {},
    ...(stdin ? { stdin: true, stdinOnce: true } : {}),
    ...(boolFlag(flags, 'tty') ? { tty: true } : {}),
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(name, Object.fromEntries(pairs.map(([key, value = '']) => [key, value]))),
    spec: { containers: [container], dnsPolicy: 'ClusterFirst', restartPolicy: restart },
    status: {},
  }
}

/** Makes the pod, stands by it until it ends, and with --rm takes it away. */
function runAttached(client: Client, pod: JsonObject, name: string): number {
  const { flow, flags } = client
  const path = `/api/v1/namespaces/${client.namespace}/pods`
  if (boolFlag(flags, 'tty') && flow.ctx.proc.tty === 0)
    complain(flow, 'Unable to use a TTY - input is not a terminal or the right kind of file\n')
  const made = call(client, 'POST', path, { body: pod, query: [['fieldManager', 'kubectl-run']] })
  if (!made.ok) failStatus(made.status)
  const phase = loop(
    flow,
    () => 0,
    (n) => {
      const now = must<JsonObject>(call(client, 'GET', `${path}/${name}`))
      const found = str(obj(now, 'status'), 'phase')
      const ready = arr(obj(now, 'status'), 'containerStatuses').some(
        (one) => obj(one, 'state').running !== undefined,
      )
      if (ready || found === 'Succeeded' || found === 'Failed') return { done: found }
      if (n >= 3000) return { done: 'timeout' }
      pause(flow, 20_000_000)
      return { next: n + 1 }
    },
  )
  if (phase === 'timeout') fault(`error: timed out waiting for the condition`)
  let code = 0
  // The real one watches and so has seen the pod run, however short that was.
  if (!boolFlag(flags, 'quiet')) complain(flow, "If you don't see a command prompt, try pressing enter.\n")
  if (phase === 'Running') {
    code = attachPod(client, name)
  } else code = followPod(client, name)
  if (boolFlag(flags, 'rm')) {
    const gone = call(client, 'DELETE', `${path}/${name}`)
    if (gone.ok) print(flow, `pod "${name}" deleted\n`)
  }
  return code
}

const EXPOSE_FLAGS = [
  ...WRITE_FLAGS, ...FILE_FLAGS, ...SELECT_FLAGS.slice(1), 'port=', 'target-port=', 'name=', 'type=', 'protocol=', 'labels/l=',
  'selector=', 'external-ip=', 'cluster-ip=', 'load-balancer-ip=', 'session-affinity=', 'overrides=', 'override-type=',
] // biome-ignore format: one list

export function expose(flow: Flow, args: readonly string[]): number {
  const flags = parseFlags('kubectl expose', args, EXPOSE_FLAGS)
  const client = openClient(flow, flags)
  const problems: string[] = []
  const plain: Client = {
    ...client,
    flags: { ...flags, values: new Map([...flags.values].filter(([key]) => key !== 'selector')) },
  }
  const found = findObjects(plain, flags.operands, problems, { needNames: true })
  if (problems.length > 0) failProblems(problems)
  for (const { info, name, object } of found) {
    if (!['Pod', 'Service', 'Deployment', 'ReplicaSet'].includes(info.kind)) {
      fault(`error: cannot expose a ${info.kind}`)
    }
    const service = exposed(client, info.kind, name, object)
    const code = post(client, service, 'kubectl-expose', '', 'exposed')
    if (code !== 0) return code
  }
  return 0
}

function exposed({ flags }: Client, kind: string, name: string, object: JsonObject): JsonObject {
  const meta0 = metaOf(object)
  const spec = obj(object, 'spec')
  const selector = selectorFor(kind, spec, meta0.labels, textFlag(flags, 'selector'))
  const labels = textFlag(flags, 'labels')
  const own = labels === '' ? meta0.labels : pairsOf(labels)
  const ports = portsFor(
    kind,
    spec,
    textFlag(flags, 'port'),
    textFlag(flags, 'target-port'),
    textFlag(flags, 'protocol'),
  )
  const text = (flag: string, key: string) =>
    textFlag(flags, flag) === '' ? {} : { [key]: textFlag(flags, flag) }
  const external = textFlag(flags, 'external-ip')
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(textFlag(flags, 'name') || name, Object.keys(own).length === 0 ? undefined : own),
    spec: {
      ...text('cluster-ip', 'clusterIP'),
      ...(external === '' ? {} : { externalIPs: external.split(',') }),
      ...text('load-balancer-ip', 'loadBalancerIP'),
      ports,
      selector,
      ...text('session-affinity', 'sessionAffinity'),
      ...text('type', 'type'),
    },
    status: { loadBalancer: {} },
  }
}

function pairsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(',').map((one): [string, string] => [one.split('=')[0]!, one.split('=').slice(1).join('=')]),
  )
}

function selectorFor(
  kind: string,
  spec: JsonObject,
  labels: Readonly<Record<string, string>>,
  given: string,
): JsonObject {
  if (given !== '') return pairsOf(given)
  if (kind === 'Pod') {
    if (Object.keys(labels).length === 0)
      fault(
        "error: couldn't retrieve selectors via --selector flag or introspection: the pod has no labels and cannot be exposed",
      )
    return labels
  }
  if (kind === 'Service') {
    const selector = obj(spec, 'selector')
    if (Object.keys(selector).length === 0)
      fault(
        "error: couldn't retrieve selectors via --selector flag or introspection: the service has no pod selector set",
      )
    return selector
  }
  const selector = obj(spec, 'selector')
  if (arr(selector, 'matchExpressions').length > 0) {
    fault(
      'error: couldn\'t retrieve selectors via --selector flag or introspection: couldn\'t convert expressions - "[]" to map-based selector format',
    )
  }
  return obj(selector, 'matchLabels')
}

function portsFor(kind: string, spec: JsonObject, given: string, target: string, protocol: string): Json[] {
  const podSpec = kind === 'Pod' ? spec : obj(obj(spec, 'template'), 'spec')
  const inner =
    kind === 'Service'
      ? arr(spec, 'ports').map((one) => ({ port: Number(one.port), protocol: str(one, 'protocol') || 'TCP' }))
      : arr(podSpec, 'containers').flatMap((one) =>
          arr(one, 'ports').map((port) => ({
            port: Number(port.containerPort),
            protocol: str(port, 'protocol') || 'TCP',
          })),
        )
  const numbers = given === '' ? inner.map(({ port }) => String(port)) : given.split(',')
  if (numbers.length === 0)
    fault(
      "error: couldn't find port via --port flag or introspection\nSee 'kubectl expose -h' for help and examples",
    )
  return numbers.map((number, i) => {
    const known = inner.find(({ port }) => String(port) === number)
    const targetPort = target === '' ? number : target
    return {
      ...(numbers.length > 1 ? { name: `port-${i + 1}` } : {}),
      port: Number(number),
      protocol: protocol || known?.protocol || 'TCP',
      targetPort: /^[0-9]+$/.test(targetPort) ? Number(targetPort) : targetPort,
    }
  })
}
