/** Pods and pod templates described. Models kubectl pkg/describe/describe.go: describePod, describeContainers (1.32). */
import type { JsonObject } from '../../../kube/types.ts'
import { field } from '../../../kube/types.ts'
import type { Sheet } from './describe-text.ts'
import {
  ago, annotationLines, arr, controllerText, eventLines, labelLines, line, longTime, obj, str,
} from './describe-text.ts' // biome-ignore format: one list
import { metaOf } from './rest.ts'

export function describePod(sheet: Sheet, pod: JsonObject): void {
  const meta = metaOf(pod)
  const spec = obj(pod, 'spec')
  const status = obj(pod, 'status')
  line(sheet, 0, `Name:\t${meta.name}`)
  line(sheet, 0, `Namespace:\t${meta.namespace}`)
  if (spec.priority !== undefined) line(sheet, 0, `Priority:\t${String(spec.priority)}`)
  if (str(spec, 'priorityClassName') !== '')
    line(sheet, 0, `Priority Class Name:\t${str(spec, 'priorityClassName')}`)
  if (str(spec, 'runtimeClassName') !== '')
    line(sheet, 0, `Runtime Class Name:\t${str(spec, 'runtimeClassName')}`)
  if (str(spec, 'serviceAccountName') !== '')
    line(sheet, 0, `Service Account:\t${str(spec, 'serviceAccountName')}`)
  const node = str(spec, 'nodeName')
  line(sheet, 0, `Node:\t${node === '' ? '<none>' : `${node}/${str(status, 'hostIP')}`}`)
  if (str(status, 'startTime') !== '') line(sheet, 0, `Start Time:\t${longTime(str(status, 'startTime'))}`)
  labelLines(sheet, 'Labels', meta.labels)
  annotationLines(sheet, 'Annotations', meta.annotations)
  statusLines(sheet, pod, status)
  line(sheet, 0, `IP:\t${str(status, 'podIP')}`)
  const ips = arr(status, 'podIPs')
  line(sheet, 0, ips.length === 0 ? 'IPs:\t<none>' : 'IPs:')
  for (const one of ips) line(sheet, 1, `IP:\t${str(one, 'ip')}`)
  const owner = controllerText(pod)
  if (owner !== '') line(sheet, 0, `Controlled By:\t${owner}`)
  if (str(status, 'nominatedNodeName') !== '') {
    line(sheet, 0, `NominatedNodeName:\t${str(status, 'nominatedNodeName')}`)
  }
  const inits = arr(spec, 'initContainers')
  if (inits.length > 0) {
    containerLines(sheet, 'Init Containers', inits, arr(status, 'initContainerStatuses'), '', pod)
  }
  containerLines(sheet, 'Containers', arr(spec, 'containers'), arr(status, 'containerStatuses'), '', pod)
  gateLines(sheet, spec, status)
  volumeLines(sheet, arr(spec, 'volumes'), '')
  line(sheet, 0, `QoS Class:\t${str(status, 'qosClass')}`)
  labelLines(sheet, 'Node-Selectors', obj(spec, 'nodeSelector'))
  tolerationLines(sheet, 'Tolerations', arr(spec, 'tolerations'))
  spreadLines(sheet, arr(spec, 'topologySpreadConstraints'), '')
  eventLines(sheet, pod)
}

function statusLines(sheet: Sheet, pod: JsonObject, status: JsonObject): void {
  const deleted = str(field(pod, 'metadata'), 'deletionTimestamp')
  const phase = str(status, 'phase')
  if (deleted !== '' && phase !== 'Failed' && phase !== 'Succeeded') {
    line(sheet, 0, `Status:\tTerminating (lasts ${ago(sheet, deleted)})`)
    const grace = str(field(pod, 'metadata'), 'deletionGracePeriodSeconds')
    line(sheet, 0, `Termination Grace Period:\t${grace}s`)
  } else line(sheet, 0, `Status:\t${phase}`)
  if (str(status, 'reason') !== '') line(sheet, 0, `Reason:\t${str(status, 'reason')}`)
  if (str(status, 'message') !== '') line(sheet, 0, `Message:\t${str(status, 'message')}`)
}

function gateLines(sheet: Sheet, spec: JsonObject, status: JsonObject): void {
  const conditions = arr(status, 'conditions')
  const gates = arr(spec, 'readinessGates')
  if (gates.length > 0) {
    line(sheet, 0, 'Readiness Gates:')
    line(sheet, 1, 'Type\tStatus')
    for (const gate of gates) {
      const type = str(gate, 'conditionType')
      const found = conditions.find((one) => one.type === type)
      line(sheet, 1, `${type} \t${found === undefined ? '<none>' : str(found, 'status')} `)
    }
  }
  if (conditions.length === 0) return
  line(sheet, 0, 'Conditions:')
  line(sheet, 1, 'Type\tStatus')
  for (const one of conditions) line(sheet, 1, `${str(one, 'type')} \t${str(one, 'status')} `)
}

/** The template of a workload. */
export function templateLines(sheet: Sheet, template: JsonObject): void {
  const spec = obj(template, 'spec')
  const meta = metaOf(template)
  line(sheet, 0, 'Pod Template:')
  labelLines(sheet, '  Labels', meta.labels)
  if (Object.keys(meta.annotations).length > 0) annotationLines(sheet, '  Annotations', meta.annotations)
  if (str(spec, 'serviceAccountName') !== '')
    line(sheet, 0, `  Service Account:\t${str(spec, 'serviceAccountName')}`)
  if (arr(spec, 'initContainers').length > 0) {
    containerLines(sheet, 'Init Containers', arr(spec, 'initContainers'), undefined, '  ', template)
  }
  containerLines(sheet, 'Containers', arr(spec, 'containers'), undefined, '  ', template)
  volumeLines(sheet, arr(spec, 'volumes'), '  ')
  spreadLines(sheet, arr(spec, 'topologySpreadConstraints'), '  ')
  if (str(spec, 'priorityClassName') !== '')
    line(sheet, 0, `  Priority Class Name:\t${str(spec, 'priorityClassName')}`)
  labelLines(sheet, '  Node-Selectors', obj(spec, 'nodeSelector'))
  tolerationLines(sheet, '  Tolerations', arr(spec, 'tolerations'))
}

function containerLines(
  sheet: Sheet,
  title: string,
  containers: readonly JsonObject[],
  statuses: readonly JsonObject[] | undefined,
  space: string,
  pod: JsonObject,
): void {
  line(sheet, 0, containers.length === 0 ? `${space}${title}: <none>` : `${space}${title}:`)
  for (const one of containers) {
    const status = statuses?.find((other) => other.name === one.name)
    line(sheet, 1, `${space === '' ? '' : ' '}${str(one, 'name')}:`)
    if (status !== undefined) line(sheet, 2, `Container ID:\t${str(status, 'containerID')}`)
    line(sheet, 2, `Image:\t${str(one, 'image')}`)
    if (status !== undefined) line(sheet, 2, `Image ID:\t${str(status, 'imageID')}`)
    portLines(sheet, arr(one, 'ports'))
    wordLines(sheet, 'Command', field(one, 'command'))
    wordLines(sheet, 'Args', field(one, 'args'))
    if (status !== undefined) containerState(sheet, status)
    resourceLines(sheet, obj(one, 'resources'))
    probeLines(sheet, one)
    envLines(sheet, one, pod)
    mountLines(sheet, arr(one, 'volumeMounts'))
  }
}

function portLines(sheet: Sheet, ports: readonly JsonObject[]): void {
  const inner = ports.map((one) => `${str(one, 'containerPort')}/${str(one, 'protocol')}`)
  const outer = ports.map((one) => `${str(one, 'hostPort') || '0'}/${str(one, 'protocol')}`)
  const many = ports.length > 1 ? 's' : ''
  line(sheet, 2, `Port${many}:\t${inner.join(', ') || '<none>'}`)
  line(sheet, 2, `Host Port${many}:\t${outer.join(', ') || '<none>'}`)
}

function wordLines(sheet: Sheet, title: string, words: unknown): void {
  if (!Array.isArray(words) || words.length === 0) return
  line(sheet, 2, `${title}:`)
  for (const word of words) for (const one of String(word).split('\n')) line(sheet, 3, one)
}

function containerState(sheet: Sheet, status: JsonObject): void {
  stateLines(sheet, 'State', obj(status, 'state'))
  const last = obj(status, 'lastState')
  if (field(last, 'terminated') !== undefined) stateLines(sheet, 'Last State', last)
  line(sheet, 2, `Ready:\t${status.ready === true ? 'True' : 'False'}`)
  line(sheet, 2, `Restart Count:\t${str(status, 'restartCount') || '0'}`)
}

function stateLines(sheet: Sheet, title: string, state: JsonObject): void {
  if (state.running !== undefined) {
    line(sheet, 2, `${title}:\tRunning`)
    line(sheet, 3, `Started:\t${longTime(str(state.running, 'startedAt'))}`)
  } else if (state.terminated !== undefined) {
    const end = obj(state, 'terminated')
    line(sheet, 2, `${title}:\tTerminated`)
    if (str(end, 'reason') !== '') line(sheet, 3, `Reason:\t${str(end, 'reason')}`)
    if (str(end, 'message') !== '') line(sheet, 3, `Message:\t${str(end, 'message')}`)
    line(sheet, 3, `Exit Code:\t${str(end, 'exitCode')}`)
    if (Number(end.signal ?? 0) > 0) line(sheet, 3, `Signal:\t${str(end, 'signal')}`)
    line(sheet, 3, `Started:\t${longTime(str(end, 'startedAt'))}`)
    line(sheet, 3, `Finished:\t${longTime(str(end, 'finishedAt'))}`)
  } else {
    line(sheet, 2, `${title}:\tWaiting`)
    const reason = str(state.waiting, 'reason')
    if (reason !== '') line(sheet, 3, `Reason:\t${reason}`)
  }
}

function resourceLines(sheet: Sheet, resources: JsonObject): void {
  for (const [title, key] of [
    ['Limits', 'limits'],
    ['Requests', 'requests'],
  ] as const) {
    const amounts = obj(resources, key)
    const names = Object.keys(amounts).sort()
    if (names.length > 0) line(sheet, 2, `${title}:`)
    for (const name of names) line(sheet, 3, `${name}:\t${String(amounts[name])}`)
  }
}

function probeLines(sheet: Sheet, container: JsonObject): void {
  for (const [title, key] of [
    ['Liveness', 'livenessProbe'],
    ['Readiness', 'readinessProbe'],
    ['Startup', 'startupProbe'],
  ] as const) {
    if (field(container, key) !== undefined) line(sheet, 2, `${title}:\t${probeText(obj(container, key))}`)
  }
}

function probeText(probe: JsonObject): string {
  const n = (key: string) => str(probe, key) || '0'
  const attrs = `delay=${n('initialDelaySeconds')}s timeout=${n('timeoutSeconds')}s period=${n('periodSeconds')}s #success=${n('successThreshold')} #failure=${n('failureThreshold')}`
  if (probe.exec !== undefined) {
    const command = field(probe.exec, 'command')
    return `exec [${Array.isArray(command) ? command.join(' ') : ''}] ${attrs}`
  }
  if (probe.httpGet !== undefined) {
    const get = obj(probe, 'httpGet')
    const scheme = str(get, 'scheme').toLowerCase()
    const path = str(get, 'path')
    const slash = path === '' || path.startsWith('/') ? path : `/${path}`
    return `http-get ${scheme === '' ? '' : `${scheme}:`}//${str(get, 'host')}:${str(get, 'port')}${slash} ${attrs}`
  }
  if (probe.tcpSocket !== undefined) {
    const socket = obj(probe, 'tcpSocket')
    return `tcp-socket ${str(socket, 'host')}:${str(socket, 'port')} ${attrs}`
  }
  if (probe.grpc !== undefined) {
    const grpc = obj(probe, 'grpc')
    return `grpc <pod>:${str(grpc, 'port')} ${str(grpc, 'service')} ${attrs}`
  }
  return `unknown ${attrs}`
}

function envLines(sheet: Sheet, container: JsonObject, pod: JsonObject): void {
  const from = arr(container, 'envFrom')
  if (from.length > 0) line(sheet, 2, 'Environment Variables from:')
  for (const one of from) {
    const [kind, key] =
      one.configMapRef === undefined ? ['Secret', 'secretRef'] : ['ConfigMap', 'configMapRef']
    const ref = obj(one, key)
    const prefix = str(one, 'prefix')
    const what = prefix === '' ? kind : `${kind} with prefix '${prefix}'`
    line(sheet, 3, `${str(ref, 'name')}\t${what}\tOptional: ${str(ref, 'optional') || 'false'}`)
  }
  const env = arr(container, 'env')
  line(sheet, 2, env.length === 0 ? 'Environment:\t<none>' : 'Environment:')
  for (const one of env) {
    const name = str(one, 'name')
    const source = obj(one, 'valueFrom')
    if (one.valueFrom === undefined) {
      str(one, 'value')
        .split('\n')
        .forEach((text, i) => {
          line(sheet, 3, `${i === 0 ? `${name}:` : ''}\t${text}`)
        })
    } else if (source.fieldRef !== undefined) {
      const ref = obj(source, 'fieldRef')
      const path = str(ref, 'fieldPath')
      line(sheet, 3, `${name}:\t${fieldValue(pod, path)} (${str(ref, 'apiVersion')}:${path})`)
    } else if (source.resourceFieldRef !== undefined) {
      const ref = obj(source, 'resourceFieldRef')
      line(sheet, 3, `${name}:\t (${str(ref, 'resource')})`)
    } else {
      const secret = source.secretKeyRef !== undefined
      const ref = obj(source, secret ? 'secretKeyRef' : 'configMapKeyRef')
      const where = secret ? `in secret '${str(ref, 'name')}'` : `of config map '${str(ref, 'name')}'`
      const optional = str(ref, 'optional') || 'false'
      line(sheet, 3, `${name}:\t<set to the key '${str(ref, 'key')}' ${where}>\tOptional: ${optional}`)
    }
  }
}

/** A pod's field as the downward API names it; templates have no values. */
function fieldValue(pod: JsonObject, path: string): string {
  if (pod.kind !== 'Pod') return ''
  const label = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path)
  if (label !== null) return str(field(field(pod, 'metadata'), label[1]!), label[2]!)
  // Of the rest, only these are worked out: fieldpath.ExtractFieldPathAsString knows no others.
  const own = /^metadata\.(name|namespace|uid)$/.exec(path)
  return own === null ? '' : str(field(pod, 'metadata'), own[1]!)
}

function mountLines(sheet: Sheet, mounts: readonly JsonObject[]): void {
  line(sheet, 2, mounts.length === 0 ? 'Mounts:\t<none>' : 'Mounts:')
  const ordered = [...mounts].sort((a, b) => (str(a, 'mountPath') < str(b, 'mountPath') ? -1 : 1))
  for (const one of ordered) {
    const sub = str(one, 'subPath')
    const flags = [one.readOnly === true ? 'ro' : 'rw', ...(sub === '' ? [] : [`path="${sub}"`])]
    line(sheet, 3, `${str(one, 'mountPath')} from ${str(one, 'name')} (${flags.join(',')})`)
  }
}

function volumeLines(sheet: Sheet, volumes: readonly JsonObject[], space: string): void {
  if (volumes.length === 0) {
    line(sheet, 0, `${space}Volumes:\t<none>`)
    return
  }
  line(sheet, 0, `${space}Volumes:`)
  for (const volume of volumes) {
    line(sheet, 1, `${space === '' ? '' : ' '}${str(volume, 'name')}:`)
    for (const text of volumeText(volume)) line(sheet, 2, text)
  }
}

function volumeText(volume: JsonObject): string[] {
  if (volume.hostPath !== undefined) {
    const at = obj(volume, 'hostPath')
    return [
      'Type:\tHostPath (bare host directory volume)',
      `Path:\t${str(at, 'path')}`,
      `HostPathType:\t${str(at, 'type')}`,
    ]
  }
  if (volume.emptyDir !== undefined) {
    const dir = obj(volume, 'emptyDir')
    const what = "Type:\tEmptyDir (a temporary directory that shares a pod's lifetime)"
    return [what, `Medium:\t${str(dir, 'medium')}`, `SizeLimit:\t${str(dir, 'sizeLimit') || '<unset>'}`]
  }
  if (volume.secret !== undefined) {
    const one = obj(volume, 'secret')
    const optional = str(one, 'optional') || 'false'
    return [
      'Type:\tSecret (a volume populated by a Secret)',
      `SecretName:\t${str(one, 'secretName')}`,
      `Optional:\t${optional}`,
    ]
  }
  if (volume.configMap !== undefined) {
    const one = obj(volume, 'configMap')
    const optional = str(one, 'optional') || 'false'
    return [
      'Type:\tConfigMap (a volume populated by a ConfigMap)',
      `Name:\t${str(one, 'name')}`,
      `Optional:\t${optional}`,
    ]
  }
  if (volume.projected === undefined) return ['Type:\t<unknown>']
  const lines = ['Type:\tProjected (a volume that contains injected data from multiple sources)']
  for (const source of arr(obj(volume, 'projected'), 'sources')) {
    const optional = (key: string) => str(obj(source, key), 'optional') || '<nil>'
    if (source.secret !== undefined) {
      lines.push(
        `SecretName:\t${str(obj(source, 'secret'), 'name')}`,
        `SecretOptionalName:\t${optional('secret')}`,
      )
    } else if (source.downwardAPI !== undefined) lines.push('DownwardAPI:\ttrue')
    else if (source.configMap !== undefined) {
      lines.push(
        `ConfigMapName:\t${str(obj(source, 'configMap'), 'name')}`,
        `ConfigMapOptional:\t${optional('configMap')}`,
      )
    } else if (source.serviceAccountToken !== undefined) {
      lines.push(`TokenExpirationSeconds:\t${str(obj(source, 'serviceAccountToken'), 'expirationSeconds')}`)
    }
  }
  return lines
}

function tolerationLines(sheet: Sheet, title: string, all: readonly JsonObject[]): void {
  if (all.length === 0) {
    line(sheet, 0, `${title}:\t<none>`)
    return
  }
  const ordered = [...all].sort((a, b) =>
    str(a, 'key') < str(b, 'key') ? -1 : str(a, 'key') > str(b, 'key') ? 1 : 0,
  )
  ordered.forEach((one, i) => {
    let text = str(one, 'key')
    if (str(one, 'value') !== '') text += `=${str(one, 'value')}`
    if (str(one, 'effect') !== '') text += `:${str(one, 'effect')}`
    if (one.operator === 'Exists' && str(one, 'value') === '')
      text += text === '' ? 'op=Exists' : ' op=Exists'
    if (one.tolerationSeconds !== undefined) text += ` for ${str(one, 'tolerationSeconds')}s`
    line(sheet, 0, `${i === 0 ? `${title}:` : ''}\t${text}`)
  })
}

function spreadLines(sheet: Sheet, all: readonly JsonObject[], space: string): void {
  all.forEach((one, i) => {
    const labels = obj(obj(one, 'labelSelector'), 'matchLabels')
    const selector = Object.keys(labels)
      .sort()
      .map((key) => `${key}=${String(labels[key])}`)
      .join(',')
    const text = `${str(one, 'topologyKey')}:${str(one, 'whenUnsatisfiable')} when max skew ${str(one, 'maxSkew')} is exceeded for selector ${selector}`
    line(sheet, 0, `${i === 0 ? `${space}Topology Spread Constraints:` : ''}\t${text}`)
  })
}
