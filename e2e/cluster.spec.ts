// A cluster on the page: its objects, its picture, and the way from a rule back to the manifest.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page, test } from '@playwright/test'
import { openText } from './labs.ts'

const LAB = `name: cluster
topology:
  nodes:
    node1:
      kind: linux
      labels: {kubehop.dev/node: worker, graph-posX: "0", graph-posY: "120"}
      exec:
        - ip addr add 10.100.0.2/24 dev eth0
        - ip route add 10.244.1.0/24 via 10.100.0.3
    node2:
      kind: linux
      labels: {kubehop.dev/node: worker, graph-posX: "560", graph-posY: "120"}
      exec:
        - ip addr add 10.100.0.3/24 dev eth0
        - ip route add 10.244.0.0/24 via 10.100.0.2
    sw:
      kind: bridge
      labels: {graph-posX: "380", graph-posY: "460"}
  links:
    - endpoints: ["node1:eth0", "sw:p1"]
    - endpoints: ["node2:eth0", "sw:p2"]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking:
  podSubnet: 10.244.0.0/16
---
cniVersion: 1.0.0
name: cbr0
plugins:
  - type: bridge
    bridge: cbr0
    isDefaultGateway: true
    ipMasq: true
    ipam: {type: host-local, subnet: "{{.PodCIDR}}"}
  - type: portmap
    capabilities: {portMappings: true}
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  clusterIP: 10.96.7.7
  selector: {app: web}
  ports:
    - name: http
      port: 80
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: c
          image: nginx
          ports: [{containerPort: 80}]
          readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 2}
---
apiVersion: v1
kind: Pod
metadata:
  name: never
  labels: {app: web}
spec:
  containers:
    - name: c
      image: nginx
      readinessProbe: {httpGet: {path: /nothing, port: 80}, periodSeconds: 2}
`

/** The lab, with the dock at the cluster. */
async function open(page: Page): Promise<void> {
  await openText(page, LAB)
  await expect(page.locator('[data-machine="node2"]')).toBeVisible()
  await page.getByRole('tab', { name: 'Cluster' }).click()
  await expect(kind(page, 'Pod')).toBeVisible()
}

const kind = (page: Page, name: string) =>
  page.locator('.cluster-kinds').getByRole('button', { name: new RegExp(`^${name} ?\\d+$`) })
const table = (page: Page) => page.locator('.cluster-table')
const object = (page: Page) => page.locator('.cluster-object')

async function isClean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([])
}

test('objects are listed as kubectl lists them; one is read as YAML, with its owners and the line that made it', async ({
  page,
}) => {
  await open(page)
  await expect(table(page)).toContainText('kubectl get pods -A')
  await expect(table(page).getByRole('row', { name: /web-.*1\/1.*Running/ })).toHaveCount(2)
  await expect(table(page).getByRole('row', { name: /never.*0\/1.*Running/ })).toHaveCount(1)
  await table(page).getByRole('button', { name: '-o wide' }).click()
  await expect(table(page).getByRole('columnheader', { name: 'NOMINATED NODE' })).toBeAttached()
  await table(page).getByRole('button', { name: '-o wide' }).click()
  await expect(table(page).getByRole('columnheader', { name: 'NOMINATED NODE' })).toHaveCount(0)
  await kind(page, 'Pod').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(table(page)).toContainText('10.96.7.7')
  await kind(page, 'Pod').click()
  await table(page).getByRole('button', { name: /^web-/ }).first().click()
  await expect(object(page)).toContainText('kind: Pod')
  await expect(object(page).getByRole('button', { name: 'Deployment web' })).toBeVisible()
  await isClean(page)
  await object(page)
    .getByRole('button', { name: /of the lab: Deployment/ })
    .click()
  await expect(page.locator('.monaco-editor .view-line', { hasText: 'kind: Deployment' })).toBeVisible()
  await page.getByRole('tab', { name: 'Cluster' }).click()
  await page
    .locator('.cluster-kinds')
    .getByRole('button', { name: /^Events/ })
    .click()
  await expect(table(page)).toContainText('Successfully assigned default/web-')
})

test('nodes wear their state, pods theirs, and a Service has a line to each endpoint, dashed where it is not ready', async ({
  page,
}) => {
  await open(page)
  await expect(page.locator('.node-badge', { hasText: 'worker' })).toHaveCount(2)
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await expect(page.locator('.pod-state.ready', { hasText: 'Running' })).toHaveCount(2)
  const chip = page.locator('[data-service="services default/web"]')
  await expect(chip).toContainText('10.96.7.72/3')
  await chip.hover()
  await expect(page.locator('.service-lines g:not(.faded).ready')).toHaveCount(2)
  await expect(page.locator('.service-lines g:not(.faded).waiting')).toHaveCount(1)
  await isClean(page)
  await chip.getByRole('button').click()
  await expect(object(page)).toContainText('Service default/web')
  const stages = await object(page)
    .locator('.chain-line')
    .evaluateAll((all) => all.map((one) => one.className))
  const at = (stage: string) => stages.findIndex((name) => name.includes(stage))
  expect(at('service')).toBeGreaterThanOrEqual(0)
  expect(at('pod')).toBeLessThan(stages.findLastIndex((name) => name.includes('slice')))
  expect(stages.at(-1)).toContain('rules')
  await expect(object(page).locator('.chain-line.pod', { hasText: 'is ready' })).toHaveCount(2)
  await page.locator('body').press('v')
  await expect(chip).toHaveCount(0)
  await page.locator('body').press('v')
  await expect(chip).toHaveCount(1)
})

test('a rule of kube-proxy leads to its Service and to the line of its port', async ({ page }) => {
  await open(page)
  await page.locator('[data-machine="node1"] .machine-name').click()
  const nat = page.getByRole('region', { name: 'Packet filter: nat', exact: true })
  const rule = nat.getByRole('row', { name: /KUBE-SEP-.*DNAT/ }).filter({ hasText: 'default/web:http' })
  await rule.first().getByRole('button', { name: 'The Service of this rule: default/web:http' }).click()
  await expect(object(page)).toContainText('Service default/web')
  const line = LAB.split('\n').indexOf('    - name: http') + 1
  await object(page)
    .getByRole('button', { name: `Line ${line} of the lab` })
    .click()
  await expect(page.locator('.monaco-editor .view-line', { hasText: 'name: http' })).toBeVisible()
})

test('an explained packet to a cluster IP names the Service of each rule it met', async ({ page }) => {
  await open(page)
  await page.locator('body').press('x')
  const dialog = page.getByRole('dialog')
  const pod = await dialog.locator('option', { hasText: '/never' }).getAttribute('value')
  await dialog.getByLabel('From').selectOption(pod)
  await dialog.locator('input[list]').fill('10.96.7.7')
  await dialog.getByRole('button', { name: 'Explain', exact: true }).click()
  const origin = dialog.getByRole('button', { name: 'The Service of this rule: default/web:http' })
  await expect(origin.first()).toBeVisible()
  await origin.first().click()
  await expect(dialog).toHaveCount(0)
  await expect(object(page)).toContainText('Service default/web')
})

test('a pod from the palette is a manifest, and soon an object', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Pod', exact: true }).click()
  await expect(table(page)).toContainText('pod1')
  await table(page).getByRole('button', { name: 'pod1' }).click()
  const line = LAB.trimEnd().split('\n').length + 5
  await expect(object(page).getByRole('button', { name: `Line ${line} of the lab` })).toBeVisible()
})

test('a lab without a cluster has no tab for one', async ({ page }) => {
  await open(page)
  await page.getByRole('button', { name: 'Library' }).first().click()
  await page.getByRole('dialog').getByText('Two namespaces and a cable').first().click()
  await expect(page.locator('[data-machine="host"]')).toBeVisible()
  await expect(page.getByRole('tab', { name: 'Cluster' })).toHaveCount(0)
  await expect(page.locator('.service-strip')).toHaveCount(0)
})
