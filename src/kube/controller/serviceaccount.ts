/**
 * What every namespace has: the account `default`, and the ConfigMap that pods read the API server's certificate authority
 * from. Models pkg/controller/serviceaccount and pkg/controller/certificates/rootcacertpublisher (Kubernetes 1.32).
 */
import { enqueue } from '../agent/agent.ts'
import { cacheGet, cacheList } from '../agent/cache.ts'
import { actorOf } from '../agent/requests.ts'
import type { AgentCtx, AgentProgram, Reconciled } from '../agent/types.ts'
import { apiCreate, apiUpdate } from '../api/local.ts'
import type { ConfigMap, Namespace, ServiceAccount } from '../objects.ts'
import { jsonEqual } from '../types.ts'

const CA_MAP = 'kube-root-ca.crt'
const NOTE = 'kubernetes.io/description'
const CA_NOTE =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

/** An authority's certificate (CN kubernetes, 2026 to 2126) whose key is gone: here nothing is signed. */
const CA_TEXT = `-----BEGIN CERTIFICATE-----
MIIBgDCCASegAwIBAgIULzM1lp3OxjsZjvIpyayeaYiAHRwwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjEwMjMwMDNaGA8yMTI2MTAy
ODAyMzAwM1owFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABG2W6rfPvQ0VA3EGjlT0s4jPeX1EHB2z/faS1gltk+ZaueaIzgTg
AM6HjtRElkkW1Kf48qxi1dGZm5J9kkKx3qajUzBRMB0GA1UdDgQWBBTxDI/G7prt
V5VZB3xgP64t3wgIjzAfBgNVHSMEGDAWgBTxDI/G7prtV5VZB3xgP64t3wgIjzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBq5TQJx3CGRAF2OWZAD
/rTRu6sQk5wqXA07o4ICwmTmAiAQfa7ff4WLA9ZAYteV+YvnlAEper4XiK6DECgV
LnzAdA==
-----END CERTIFICATE-----
`

export const serviceAccountController: AgentProgram = {
  name: 'serviceaccount-controller',
  wants: () => [{ resource: 'namespaces' }, { resource: 'serviceaccounts' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start: enqueueNamespaces,
  observe(ctx, { resource, type, object }) {
    if (resource === 'namespaces') {
      if (type !== 'DELETED') enqueue(ctx, object.metadata.name)
    } else if (type === 'DELETED') enqueue(ctx, object.metadata.namespace ?? '')
  },
  reconcile(ctx, namespace) {
    if (!isActive(ctx, namespace)) return {}
    if (cacheGet(ctx, 'serviceaccounts', namespace, 'default') !== undefined) return {}
    const metadata = { name: 'default', namespace }
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata }
    const made = apiCreate<ServiceAccount>(ctx.world, actorOf(ctx.agent), 'serviceaccounts', account)
    return settled(made)
  },
}

export const rootCaPublisher: AgentProgram = {
  name: 'root-ca-certificate-publisher-controller',
  wants: () => [{ resource: 'namespaces' }, { resource: 'configmaps' }],
  delayNs: 2_000_000,
  workNs: 200_000,
  start: enqueueNamespaces,
  observe(ctx, { resource, type, object }) {
    const { name, namespace = '' } = object.metadata
    if (resource === 'namespaces') {
      if (type !== 'DELETED') enqueue(ctx, name)
    } else if (name === CA_MAP) enqueue(ctx, namespace)
  },
  reconcile(ctx, namespace) {
    if (!isActive(ctx, namespace)) return {}
    const data = { 'ca.crt': CA_TEXT }
    const old = cacheGet<ConfigMap>(ctx, 'configmaps', namespace, CA_MAP)
    const noted = (old?.metadata.annotations?.[NOTE] ?? '') !== ''
    if (old !== undefined && noted && jsonEqual(old.data, data)) return {}
    const annotations = { ...old?.metadata.annotations, [NOTE]: CA_NOTE }
    if (old !== undefined) {
      const next = { ...old, metadata: { ...old.metadata, annotations }, data }
      return settled(apiUpdate<ConfigMap>(ctx.world, actorOf(ctx.agent), 'configmaps', next))
    }
    const metadata = { name: CA_MAP, namespace, annotations }
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
    return settled(apiCreate<ConfigMap>(ctx.world, actorOf(ctx.agent), 'configmaps', map))
  },
}

function enqueueNamespaces(ctx: AgentCtx): void {
  for (const { metadata } of cacheList<Namespace>(ctx, 'namespaces')) enqueue(ctx, metadata.name)
}

function isActive(ctx: AgentCtx, name: string): boolean {
  const namespace = cacheGet<Namespace>(ctx, 'namespaces', '', name)
  return namespace !== undefined && namespace.status?.phase !== 'Terminating'
}

/** One that somebody else made, or whose namespace goes, needs no second try. */
function settled(result: ReturnType<typeof apiCreate>): Reconciled {
  if (result.ok || result.status.reason === 'AlreadyExists' || result.status.reason === 'Forbidden') return {}
  return { retry: true }
}
