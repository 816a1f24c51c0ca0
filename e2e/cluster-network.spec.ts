// What a cluster's page shows of its making: a pod's network step by step, a setup that is opened anew, where to begin.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page, test } from '@playwright/test'
import { openLab } from './labs.ts'

async function isClean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).exclude('.monaco-editor').analyze()
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([])
}

test("a pod's network is told step by step, and a click goes to between two steps", async ({ page }) => {
  await openLab(page, '3.1-cni-add-del.yaml')
  await expect(page.locator('.node-badge.Ready')).toHaveCount(1)
  await page.getByTitle('Speed').selectOption({ label: 'Fast' })
  await expect(page.locator('.xterm-rows')).toContainText('0% packet loss', { timeout: 30_000 })
  await page.locator('.xterm-screen').click()
  await page.keyboard.type('kubectl run probe --image=nginx\n')
  await page.getByRole('tab', { name: 'Cluster' }).click()
  await page.locator('.cluster-table').getByRole('button', { name: 'probe' }).click()
  const object = page.getByRole('region', { name: 'Pod default/probe' })
  await object.getByRole('tab', { name: 'Network' }).click()
  const lines = object.locator('.network-call li')
  await expect(lines.last()).toContainText('pause container', { timeout: 30_000 })
  const said = (await lines.locator('.chain-what').allTextContents()).join(' ')
  expect(said).toMatch(
    /namespace .*bin\/bridge .*cbr0 .*veth pair.*port of cbr0.*gives 10.244.1.3.*eth0 gets.*route 0.0.0.0.*masquerade.*pause/,
  )
  const answer = object.locator('.network-json', { hasText: 'Answer' }).last()
  await answer.locator('summary').click()
  await expect(answer).toContainText('"address": "10.244.1.3/24"')
  await isClean(page)
  // Its cable is there, its address is not: of the lines that come later none is lost.
  const count = await lines.count()
  await lines.filter({ hasText: 'becomes a port of cbr0' }).getByRole('button').click()
  const room = page.getByRole('treeitem', { name: /^probe/ })
  await expect(room).toBeVisible()
  await expect(page.locator('.sentence')).toHaveText(
    /^node1\s*the network of default\/probe is made; veth\w+ becomes a port of cbr0/,
  )
  // More than a few lines of it are in sight.
  expect((await object.getByRole('tabpanel').boundingBox())!.height).toBeGreaterThan(170)
  await expect(page.locator('.node-badge')).toHaveCount(2)
  await expect(page.getByRole('tree').getByText('10.244.1.3/24')).toHaveCount(0)
  await expect(lines).toHaveCount(count)
  await expect(object.locator('.network-call .ahead').first()).toContainText('gives 10.244.1.3')
  await lines.filter({ hasText: 'eth0 gets' }).getByRole('button').click()
  await expect(page.getByRole('tree').getByText('10.244.1.3/24').first()).toBeVisible()
})

test('a changed setup of a running cluster is made real by opening the lab anew, and undo leads back', async ({
  page,
}) => {
  await openLab(page, '4.9-hostnetwork.yaml')
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await page.getByRole('tab', { name: 'YAML' }).click()
  await expect(page.locator('.yaml-editor .view-line').first()).toBeVisible({ timeout: 20_000 })
  await page.locator('.yaml-editor').click({ position: { x: 400, y: 20 } })
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText(
    '---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\n',
  )
  await expect(page.getByText('Not applied yet')).toBeVisible()
  await page.getByRole('button', { name: 'Apply', exact: true }).click()
  const problem = page.locator('.problem', { hasText: 'keeps its KubeProxyConfiguration until' })
  await problem.getByRole('button', { name: 'Open anew' }).click()
  await expect(problem).toHaveCount(0)
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await expect(page.locator('.view-line', { hasText: 'KubeProxyConfiguration' })).toBeVisible()
  await page.getByRole('button', { name: 'Undo', exact: true }).click()
  await expect(page.locator('.view-line', { hasText: 'KubeProxyConfiguration' })).toHaveCount(0)
  await expect(page.locator('.problem')).toHaveCount(0)
  await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
  await expect(page.getByRole('button', { name: 'Redo', exact: true })).toBeEnabled()
})

test('what stands above a node is in sight beside the tools', async ({ page }) => {
  await openLab(page, '4.9-hostnetwork.yaml')
  await expect(page.locator('.host-pod')).toHaveCount(3)
  const tools = (await page.locator('.canvas-tools').boundingBox())!
  await expect(async () => {
    for (const pod of await page.locator('.host-pod').all()) {
      const { x, y, width, height } = (await pod.boundingBox())!
      const over = x + width > tools.x && y < tools.y + tools.height
      expect([over, y > 44, height > 8]).toEqual([false, true, true])
    }
  }).toPass()
})

test('on a phone the part that runs is large enough to read', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 })
  await page.goto('/')
  await expect(page.locator('.canvas')).toHaveAttribute('data-lod', 'near')
  const name = page.locator('.react-flow__node', { hasText: 'node1' }).getByText('client', { exact: true })
  await expect(name).toBeInViewport()
  await expect(page.getByRole('button', { name: /^(Pause|Play)$/ })).toBeInViewport()
})

test('the library begins with the lab to start with', async ({ page }) => {
  await page.goto('/')
  await page.getByRole('button', { name: 'Library' }).click()
  const first = page.getByRole('dialog').locator('section').first()
  await expect(first).toContainText('Start here')
  await expect(first).toContainText('A service and its pods')
})
