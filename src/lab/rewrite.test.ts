import { describe, expect, it } from 'vitest'
import { parseLab } from './parse.ts'
import { rewriteManifest } from './rewrite.ts'

// Expected: the notable changes of the deprecated API migration guide, kind by kind.

const LAB = `name: old
topology:
  nodes:
    a: { kind: linux, labels: { kubehop.dev/node: worker } }
---
`
const DEPLOYMENT = `# The shop.
apiVersion: extensions/v1beta1 # since 1.2
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2 # two are enough
  # gone in apps/v1
  rollbackTo:
    revision: 3
  template:
    metadata:
      labels:
        app: shop
        "tier": 'web'
    spec:
      containers:
        - { name: c, image: nginx }
`

describe('workloads', () => {
  it('selects by the template and drops what is gone, comments and quotes stay', () => {
    const made = rewriteManifest(LAB + DEPLOYMENT, 9)!
    expect(made.text).toBe(
      LAB +
        DEPLOYMENT.replace('extensions/v1beta1', 'apps/v1')
          .replace('  rollbackTo:\n    revision: 3\n', '')
          .replace(
            '  template:\n',
            `  selector:\n    matchLabels:\n      app: shop\n      "tier": 'web'\n  template:\n`,
          ),
    )
    const said = made.notes.map(({ key, args }) => [key, args.field ?? ''].join(' ').trim())
    expect(said).toEqual([
      'dropped spec.rollbackTo',
      'default spec.progressDeadlineSeconds',
      'default spec.revisionHistoryLimit',
      'default spec.strategy',
      'selector',
    ])
    expect(parseLab(made.text).diagnostics).toEqual([])
    expect(made.diff).toContain('+apiVersion: apps/v1 # since 1.2')
    expect(made.diff).toContain('-  rollbackTo:')
  })

  it.each([
    ['extensions/v1beta1', 'DaemonSet', ['dropped', 'default', 'selector']],
    ['apps/v1beta2', 'DaemonSet', ['dropped', 'selector']],
    ['apps/v1beta1', 'StatefulSet', ['default', 'selector']],
    ['apps/v1beta2', 'StatefulSet', ['selector']],
    ['apps/v1beta2', 'Deployment', ['selector']],
  ])('%s %s', (apiVersion, kind, keys) => {
    const extra = kind === 'DaemonSet' ? 'templateGeneration: 4, ' : ''
    const text = `apiVersion: '${apiVersion}'
kind: ${kind}
metadata: { name: a }
spec: { ${extra}template: { metadata: { labels: { app: a } }, spec: { containers: [] } } }
`
    const made = rewriteManifest(text, 1)!
    expect(made.notes.map(({ key }) => key)).toEqual(keys)
    expect(made.text).toContain("apiVersion: 'apps/v1'")
    expect(made.text).toContain('selector: { matchLabels: { app: a } }')
    expect(made.text).not.toContain('templateGeneration')
  })

  it('keeps a selector, and says where the template has no labels', () => {
    const with_ = DEPLOYMENT.replace('  replicas', '  selector: { matchLabels: { app: shop } }\n  replicas')
    expect(rewriteManifest(with_, 2)!.text.match(/selector:/g)).toHaveLength(1)
    const without = DEPLOYMENT.replace(/ {6}labels:\n.*\n.*\n/, '      name: x\n')
    expect(rewriteManifest(without, 2)!.notes.map(({ key }) => key)).toContain('noLabels')
  })
})

const INGRESS = `apiVersion: networking.k8s.io/v1beta1
kind: Ingress
metadata:
  name: shop
spec:
  backend:
    serviceName: fallback
    servicePort: http
  rules:
    - host: shop.example
      http:
        paths:
          - path: /cart # first
            backend:
              servicePort: 80 # plain
              # the shop's
              serviceName: cart
          - backend: { serviceName: front, servicePort: 8080 }
          - { path: /x, backend: { servicePort: web, serviceName: front } }
`

describe('Ingress', () => {
  it('names service and port apart, and gives every path its type', () => {
    const made = rewriteManifest(LAB + INGRESS, 8)!
    expect(made.text).toBe(`${LAB}apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  defaultBackend:
    service:
      name: fallback
      port:
        name: http
  rules:
    - host: shop.example
      http:
        paths:
          - path: /cart # first
            pathType: ImplementationSpecific
            backend:
              service:
                port:
                  number: 80 # plain
              # the shop's
                name: cart
          - pathType: ImplementationSpecific
            backend: { service: {name: front, port: {number: 8080}} }
          - { path: /x, pathType: ImplementationSpecific, backend: { service: {port: {name: web}, name: front} } }
`)
    expect(made.notes.map(({ key }) => key)).toEqual(['defaultBackend', 'backend', 'pathType'])
    const { lab, diagnostics } = parseLab(made.text)
    expect(diagnostics.map(({ about, severity }) => [about, severity])).toEqual([['storedOnly', 'info']])
    expect(lab?.notModelled).toEqual(['Ingress'])
  })
})

describe('others', () => {
  it.each([
    ['extensions/v1beta1', 'NetworkPolicy', 'networking.k8s.io/v1'],
    ['policy/v1beta1', 'PodDisruptionBudget', 'policy/v1'],
    ['batch/v1beta1', 'CronJob', 'batch/v1'],
    ['networking.k8s.io/v1beta1', 'IngressClass', 'networking.k8s.io/v1'],
  ])('%s %s becomes %s', (from, kind, to) => {
    const text = `kind: ${kind}\napiVersion: "${from}"\nmetadata: { name: a }\n`
    expect(rewriteManifest(text, 1)).toMatchObject({ text: text.replace(from, to), from, to, notes: [] })
  })

  it('offers nothing where nothing serves it, for what is served, or for no document', () => {
    expect(rewriteManifest('apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\n', 1)).toBeUndefined()
    expect(rewriteManifest('apiVersion: v1\nkind: Pod\n', 1)).toBeUndefined()
    expect(rewriteManifest(DEPLOYMENT, 99)).toBeUndefined()
  })

  it('is offered where the mistake stands', () => {
    expect(parseLab(LAB + DEPLOYMENT).diagnostics).toMatchObject([
      { severity: 'error', line: 7, column: 13, about: 'rewrite' },
    ])
  })
})
