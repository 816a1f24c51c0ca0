// Editing a cluster on the page: a node drawn into it, a manifest of an old API version, kubectl edit in Monaco.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page, test } from '@playwright/test'
import { openLab, openSmallest } from './labs.ts'

/** In lines that Monaco does not indent by itself. */
const OLD = `---
apiVersion: extensions/v1beta1
kind: Ingress
metadata: { name: shop }
spec: { backend: { serviceName: shop, servicePort: 80 } }
`

/** Finds a text in the open editor and puts another in its place. */
async function change(page: Page, from: string, to: string): Promise<void> {
  await page.keyboard.press('Control+f')
  await page.locator('.find-widget.visible textarea').first().fill(from)
  await expect(page.locator('.find-widget .matchesCount')).toContainText('1 of')
  await page.keyboard.press('Escape')
  await page.keyboard.insertText(to)
}

async function isClean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).exclude('.monaco-editor').analyze()
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([])
}

/** As fast as possible, until something is there. */
async function run(page: Page): Promise<void> {
  await page.getByTitle('Speed').selectOption({ label: 'As fast as possible' })
  const play = page.getByRole('button', { name: 'Play', exact: true })
  if (await play.isVisible()) await play.click()
}

test('a node drawn into a cluster joins it, and an undo takes it back', async ({ page }) => {
  await openLab(page, '4.9-hostnetwork.yaml')
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await expect(page.locator('.host-pod.ready', { hasText: 'Running' }).first()).toBeVisible()
  const node = page.getByRole('button', { name: 'Cluster node' })
  await node.dragTo(page.locator('.react-flow__pane'), { targetPosition: { x: 60, y: 300 } })
  await expect(page.locator('[data-machine="node3"]')).toBeVisible()
  await run(page)
  await expect(page.locator('.node-badge.Ready')).toHaveCount(3, { timeout: 20_000 })
  await isClean(page)
  await page.getByRole('button', { name: 'Undo', exact: true }).click()
  await expect(page.locator('[data-machine="node3"]')).toHaveCount(0)
  await expect(page.locator('.node-badge')).toHaveCount(2)
})

test('a pod that is drawn while time stands comes when it goes on, and that is said', async ({ page }) => {
  await openLab(page, '4.9-hostnetwork.yaml')
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await page.getByRole('button', { name: 'Pod', exact: true }).press('Enter')
  await expect(page.getByText('started when time goes on')).toBeVisible()
  await run(page)
  await expect(page.getByRole('treeitem', { name: /^pod1/ })).toBeVisible({ timeout: 20_000 })
})

test('a manifest of an API version that is gone is offered rewritten', async ({ page }) => {
  await openLab(page, '4.9-hostnetwork.yaml')
  await expect(page.locator('.node-badge')).toHaveCount(2)
  await page.getByRole('tab', { name: 'YAML' }).click()
  await expect(page.locator('.yaml-editor .view-line').first()).toBeVisible({ timeout: 20_000 })
  await page.locator('.yaml-editor').click({ position: { x: 400, y: 20 } })
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText(OLD)
  const problem = page.locator('.problem', { hasText: 'no matches for kind "Ingress"' })
  await expect(problem).toContainText('Ingress is served as networking.k8s.io/v1 today')
  await problem.getByRole('button', { name: 'Rewrite…' }).click()
  const rewrite = page.getByRole('region', { name: 'Rewritten from extensions/v1beta1' })
  await expect(rewrite).toContainText('serviceName and servicePort became service.name')
  await expect(rewrite.locator('.line-in', { hasText: 'number: 80' })).toHaveCount(1)
  await isClean(page)
  await rewrite.getByRole('button', { name: 'Put into the text' }).click()
  await expect(problem).toHaveCount(0)
  await expect(page.locator('.problem', { hasText: 'Nothing acts on it yet' })).toHaveCount(1)
  // What was put in is taken out by an undo, as typing is.
  await page.keyboard.press('Control+z')
  await expect(problem).toHaveCount(1)
  await page.keyboard.press('Control+y')
  await page.keyboard.press('Control+Enter')
  await expect(page.locator('.yaml')).toContainText('Applied')
  await expect(page.locator('.problems')).toContainText('Written but not modelled: Ingress')
  await page.getByRole('tab', { name: 'Cluster' }).click()
  await page
    .locator('.cluster-kinds')
    .getByRole('button', { name: /^Ingress/ })
    .click()
  await expect(page.locator('.cluster-table')).toContainText('Ingress is checked and stored')
})

test('kubectl edit opens the object in the page’s editor, again where it was wrong', async ({ page }) => {
  await openLab(page, '4.1-service-test.yaml')
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await page.getByRole('tab', { name: 'Terminal' }).click()
  await page.getByRole('button', { name: 'New terminal' }).click()
  await page.getByRole('combobox', { name: 'Machine or namespace' }).fill('node1')
  await page.keyboard.press('Enter')
  await run(page)
  await page.locator('.screen textarea').focus()
  await page.keyboard.type('kubectl edit deployment service-test\n')
  const file = page.locator('.file-editor')
  await expect(file.locator('.view-line', { hasText: 'Please edit the object below' })).toBeVisible()
  await change(page, 'replicas: 2', 'replicas: -2')
  await page.keyboard.press('Control+Enter')
  await expect(file.locator('.view-line', { hasText: 'spec.replicas: Invalid value: -2' })).toBeVisible()
  await isClean(page)
  await change(page, 'replicas: -2', 'replicas: 3')
  await file.getByRole('button', { name: 'Save and close' }).click()
  await expect(file).toHaveCount(0)
  await expect(page.locator('.xterm-rows')).toContainText('deployment.apps/service-test edited')
})

test('without a cluster the palette says why no node can be drawn', async ({ page }) => {
  await openSmallest(page)
  await expect(page.locator('[data-machine]')).toHaveCount(1)
  await page.getByRole('button', { name: 'Cluster node' }).click()
  await expect(page.getByText('This lab has no cluster that a node could join.')).toBeVisible()
})
