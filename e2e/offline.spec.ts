// The page needs nobody: nothing is fetched from elsewhere, and after the first visit not even its own server.
import { expect, type Page, test } from '@playwright/test'

const machine = (page: Page, id: string) => page.locator(`[data-machine="${id}"]`)
const dockTab = (page: Page, name: string) =>
  page.getByRole('tablist', { name: 'Dock' }).getByRole('tab', { name })

async function openLab(page: Page, title: string): Promise<void> {
  await page.getByRole('button', { name: 'Library' }).click()
  await page.getByRole('dialog').getByRole('button', { name: title }).click()
  await expect(page.getByRole('heading', { level: 1, name: title })).toBeVisible()
}

test('a walk through every part fetches nothing from elsewhere and breaks no rule of the page', async ({
  page,
  baseURL,
}) => {
  const faults: string[] = []
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(baseURL!) && !/^(data|blob):/.test(url)) faults.push(`fetched ${url}`)
  })
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`refused ${event.violatedDirective} ${event.blockedURI}`),
    )
  })
  await page.goto('/')
  await expect(machine(page, 'node1')).toBeVisible()
  await expect(page.locator('.xterm-rows').first()).toContainText('curl -s http://10.3.241.152/')
  await dockTab(page, 'YAML').click()
  await expect(page.locator('.yaml-editor .view-line').first()).toBeVisible({ timeout: 20_000 })
  await dockTab(page, 'Events').click()
  await dockTab(page, 'Traces').click()
  await page.getByRole('listbox', { name: 'Packets, newest first' }).getByRole('option').first().click()
  await expect(page.locator('.trail-note')).toBeVisible()
  await openLab(page, 'The default gateway')
  await expect(machine(page, 'router')).toBeVisible()
  await machine(page, 'router').locator('.machine-name').click()
  await page.keyboard.press('Control+k')
  await page.getByPlaceholder('Search actions').fill('Dark')
  await page.keyboard.press('Enter')
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await page.getByRole('button', { name: 'Language' }).click()
  await page.getByRole('menuitemcheckbox', { name: '中文' }).click()
  await expect(page.getByRole('heading', { level: 1, name: '默认网关' })).toBeVisible()
  expect(faults).toEqual([])
})

test.describe('after the first visit', () => {
  test.use({ serviceWorkers: 'allow' })

  test('the page opens without a network, with every part of it', async ({ page, context }) => {
    await page.goto('/')
    await expect(machine(page, 'node1')).toBeVisible()
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready
    })
    await context.setOffline(true)
    await page.reload()
    await expect(machine(page, 'node1')).toBeVisible()
    await expect(page.locator('.sentence .where')).toBeVisible()
    await openLab(page, 'A bridge of four')
    await expect(page.locator('.bar-name', { hasText: 'v-net-0' })).toBeVisible()
    await dockTab(page, 'YAML').click()
    await expect(page.locator('.yaml-editor .view-line').first()).toBeVisible({ timeout: 20_000 })
    await expect(page.locator('.yaml-editor')).toContainText('bridge')
  })
})
