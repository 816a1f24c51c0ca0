// Packets meet rules on the page: stations, rules that decide, bytes, connections, and what a dropped packet would do.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page, test } from '@playwright/test'
import { openLab } from './labs.ts'

/** A lab of the library, paused at its beginning's first packets. */
async function open(page: Page, file: string): Promise<void> {
  await openLab(page, file)
  await expect(page.locator('[data-machine="pc"]')).toBeVisible()
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible()
}

const forward = (page: Page) => page.getByRole('button', { name: 'Step forward' })
const here = (page: Page) => page.locator('.station.here')
const card = (page: Page) => page.locator('.station-card')
const sentence = (page: Page) => page.locator('.sentence')

/** Steps by rule until the sentence says so. */
async function stepByRule(page: Page, said: RegExp): Promise<void> {
  await page.getByRole('combobox', { name: 'Step by' }).selectOption('rule')
  for (let i = 0; i < 30; i++) {
    const before = await sentence(page).textContent()
    if (said.test(before ?? '')) return
    await forward(page).click()
    await expect(sentence(page)).not.toHaveText(before!)
  }
  await expect(sentence(page)).toHaveText(said)
}

async function isClean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([])
}

test('a packet stops at each rule that decides: the change of its address, the route, the drop', async ({
  page,
}) => {
  await open(page, '1.8-forward-drop.yaml')
  await stepByRule(page, /nat PREROUTING, rule 1, says DNAT/)
  await expect(here(page)).toHaveAttribute('data-station', 'PREROUTING')
  await expect(card(page)).toContainText('nat PREROUTING')
  await expect(card(page).locator('tr.decides')).toContainText('PREROUTING 1')
  await expect(card(page).locator('tr.decides .hits')).toHaveText('1')
  await forward(page).click()
  await expect(card(page).locator('del')).toHaveText('192.168.1.2')
  await expect(card(page).locator('ins')).toHaveText('192.168.15.2')
  await forward(page).click()
  await expect(here(page)).toHaveAttribute('data-station', 'ROUTE')
  await expect(card(page).locator('tr.decides')).toContainText('192.168.15.0/24')
  await forward(page).click()
  await expect(here(page)).toHaveAttribute('data-station', 'FORWARD')
  await expect(card(page).locator('tr.decides')).toContainText('policy DROP')
  await expect(page.locator('.rail-packet.lost')).toHaveCount(1)
  await isClean(page)
  // And back, the same way.
  await page.getByRole('button', { name: 'Step back' }).click()
  await expect(here(page)).toHaveAttribute('data-station', 'ROUTE')
})

test('counters beside the rules go back with time', async ({ page }) => {
  await open(page, '1.8-forward-drop.yaml')
  await stepByRule(page, /dropped by the policy/)
  await expect(card(page).locator('tr.decides .hits')).toHaveText('1')
  await page.getByRole('button', { name: 'To the beginning' }).click()
  await page
    .getByRole('button', { name: /^FORWARD: filter/ })
    .first()
    .click()
  await expect(card(page)).toContainText('policy DROP')
  await expect(card(page).locator('tbody tr').first().locator('.hits')).toHaveText('0')
  await page.keyboard.press('Escape')
  await expect(card(page)).toHaveCount(0)
})

test('looking inside by keyboard, and out again', async ({ page }) => {
  await open(page, '1.8-forward-drop.yaml')
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  await page.keyboard.press('i')
  const rail = page.getByRole('group', { name: 'Netfilter in host' })
  await expect(rail.getByRole('button', { name: 'PREROUTING: conntrack, nat' }).first()).toBeVisible()
  await rail.getByRole('button', { name: 'PREROUTING: conntrack, nat' }).first().focus()
  await page.keyboard.press('Enter')
  await expect(card(page)).toContainText('--to-destination 192.168.15.2:80')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await expect(rail).toHaveCount(0)
})

test('what if it were let through: the further hops as a branch, nothing else changes', async ({ page }) => {
  await open(page, '1.8-forward-drop.yaml')
  await stepByRule(page, /dropped by the policy/)
  const at = await page.locator('.clock-event').textContent()
  await page.locator('.sentence-text').click()
  await page.getByRole('button', { name: 'What if it were let through?' }).click()
  const branch = page.getByRole('region', { name: 'If it were let through' })
  await expect(branch).toContainText('accepted')
  await expect(branch).toContainText('host.blue')
  await expect(page.locator('.clock-event')).toHaveText(at!)
  await expect(page.getByRole('list', { name: 'Hops' }).locator('> li')).toHaveCount(3)
  await isClean(page)
  await branch.getByRole('button', { name: 'Back to what happened' }).click()
  await expect(branch).toHaveCount(0)
})

test('fields and bytes mark each other, with the keyboard too', async ({ page }) => {
  await open(page, '1.8-forward-drop.yaml')
  await stepByRule(page, /NAT changes the destination/)
  await page.locator('.sentence-text').click()
  const tree = page.getByRole('tree', { name: 'Fields' })
  const field = (name: string) => tree.locator(`[data-field="${name}"]`).first()
  await expect(field('ip.dst')).toContainText('192.168.1.2192.168.15.2')
  await expect(field('ip.dst')).toHaveClass(/changed/)
  await expect(field('ip.src')).not.toHaveClass(/changed/)
  await field('ip.dst').click()
  const marked = page.locator('.hex-bytes .marked')
  await expect(marked).toHaveText(['c0', 'a8', '0f', '02'])
  await page.keyboard.press('ArrowUp')
  await expect(marked).toHaveText(['c0', 'a8', '01', '03'])
  await page.getByRole('group', { name: /^Bytes of the packet/ }).focus()
  await page.keyboard.press('Home')
  await expect(field('eth.dst')).toHaveAttribute('aria-selected', 'true')
  await page.locator('.hex-bytes [data-byte="22"]').click()
  await expect(field('ip.ttl')).toHaveAttribute('aria-selected', 'true')
})

test('connections are listed, and their addresses are found on the network and back', async ({ page }) => {
  await open(page, '8.8-ports-used-up.yaml')
  await page.getByRole('treeitem', { name: /^gate/ }).first().click()
  const table = page.getByRole('region', { name: 'Connections', exact: true })
  const row = table.locator('tbody tr').first()
  await expect(row).toContainText('ESTABLISHED')
  await expect(row).toContainText('ASSURED')
  const found = row.getByRole('button', { name: /192\.168\.1\.20/ }).first()
  await found.click()
  await expect(page.locator('.port.found')).toHaveCount(1)
  await page.locator('.port.found .port-handle').hover()
  await expect(found).toHaveClass(/named/)
})
