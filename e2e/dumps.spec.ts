// A real machine's dump becomes a machine of the lab, and what happens to a packet there is read rule by rule.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import AxeBuilder from '@axe-core/playwright'
import { expect, type Locator, type Page, test } from '@playwright/test'
import { openSmallest } from './labs.ts'

const dumps = join(import.meta.dirname, '..', 'src', 'lab', 'dump')
const real = (name: string) => readFileSync(join(dumps, `${name}.real.txt`), 'utf8')

async function open(page: Page): Promise<void> {
  await openSmallest(page)
  await expect(page.locator('[data-machine="host"]')).toBeVisible()
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
}

const dialog = (page: Page) => page.getByRole('dialog')

/** By the palette, as by keyboard. */
async function run(page: Page, name: string): Promise<void> {
  await page.keyboard.press('Control+k')
  await page.getByPlaceholder('Search actions').fill(name)
  await page.keyboard.press('Enter')
  await expect(dialog(page).getByRole('heading', { name: name.replace('…', '') })).toBeVisible()
}

async function axe(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).include('.dumps').analyze()
  expect(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target).join(' ')}`)).toEqual([])
}

async function tabTo(page: Page, target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await target.evaluate((element) => element === document.activeElement)) return
    await page.keyboard.press(key)
  }
  throw new Error('not reached by Tab')
}

async function ask(page: Page, how: string, source: string, destination: string, port: string) {
  const box = dialog(page)
  await box.getByRole('combobox', { name: 'How' }).selectOption({ label: how })
  await box.getByLabel('Source address').fill(source)
  await box.getByLabel('Destination address').fill(destination)
  await box.getByLabel('Port', { exact: true }).fill(port)
  await box.getByRole('button', { name: 'Explain', exact: true }).click()
}

test('a docker host is pasted, put into the lab, asked, and taken back', async ({ page }) => {
  await open(page)
  await run(page, 'Paste a dump…')
  const box = dialog(page)
  await box.getByLabel('Dump').fill(real('docker'))
  await expect(box.getByText('4 devices')).toBeVisible()
  await expect(box.getByText('22 rules')).toBeVisible()
  await axe(page)
  await box.getByRole('button', { name: 'Put onto dockerhost' }).click()
  await expect(page.locator('[data-machine="dockerhost"]')).toBeVisible()
  await expect(box.getByRole('heading', { name: 'Explain a packet' })).toBeVisible()

  await ask(page, 'the packet arrives by eth0', '198.51.100.7', '192.0.2.10', '8080')
  const answer = box.getByRole('region', { name: 'Answer' })
  await expect(answer.getByRole('button', { name: /^nat DOCKER 1\s*DNAT/ })).toBeVisible()
  await expect(answer).toContainText('✓ -m tcp --dport 8080: ports 40000 > 8080')
  await expect(answer.getByRole('button', { name: /^filter DOCKER 1\s*ACCEPT/ })).toBeVisible()
  await expect(answer).toContainText('It reaches dockerhost/nsid1, where no program listens')
  await axe(page)

  // The rule's row is marked in the machine's tables.
  await answer.getByRole('button', { name: /^nat DOCKER 1/ }).click()
  await expect(page.locator('[data-machine="dockerhost"]')).toBeVisible()
  await expect(page.getByRole('tab', { name: 'Tables', exact: true })).toHaveAttribute(
    'aria-selected',
    'true',
  )
  await expect(page.locator('tr[aria-current]').filter({ hasText: '8080' })).toBeInViewport()

  await page.keyboard.press('Escape')
  await expect(box).toBeHidden()
  await page.getByRole('button', { name: /^Undo/ }).click()
  await expect(page.locator('[data-machine="dockerhost"]')).toHaveCount(0)
})

test('what is not modelled is listed with its line; a rule drops and says why others did not match', async ({
  page,
}) => {
  await open(page)
  await run(page, 'Paste a dump…')
  const box = dialog(page)
  const dump = real('ufw')
  await box.getByLabel('Dump').fill(dump)
  await expect(box.getByText('1 line not understood or not modelled')).toBeVisible()
  const line = dump.split('\n').findIndex((text) => text.includes('hashlimit')) + 1
  await box.getByRole('button', { name: `line ${line}` }).click()
  const selected = await box
    .getByLabel('Dump')
    .evaluate((field: HTMLTextAreaElement) => field.value.slice(field.selectionStart, field.selectionEnd))
  expect(selected).toContain('hashlimit')
  await box.getByRole('button', { name: 'Put onto ufwhost' }).click()
  await ask(page, 'the packet arrives by enp1s0', '203.0.113.9', '198.51.100.5', '8443')
  const answer = box.getByRole('region', { name: 'Answer' })
  await expect(answer).toContainText('It is dropped: NETFILTER_DROP')
  await answer
    .getByText(/rules did not match/)
    .last()
    .click()
  await expect(answer).toContainText('✗ -m multiport --dports 80,443: ports 40000 > 8443')
})

test('a text file dropped on a machine is a dump for that machine', async ({ page }) => {
  await open(page)
  const rules = '*filter\n:INPUT DROP [0:0]\n-A INPUT -p icmp -j ACCEPT\nCOMMIT\n'
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([text], 'rules.v4', { type: 'text/plain' }))
    return transfer
  }, rules)
  await page.locator('[data-machine="host"]').dispatchEvent('drop', { dataTransfer: data })
  const box = dialog(page)
  await expect(box.getByLabel('Onto')).toHaveValue('host')
  await expect(box.getByLabel('Dump')).toHaveValue(rules)
  await expect(box.getByLabel('after its own commands')).toBeChecked()
  await expect(box.getByRole('button', { name: 'Put onto host' })).toBeEnabled()
})

test('without a mouse: pasted, put, asked, the deciding rule opened, closed', async ({ page }) => {
  await open(page)
  await page.keyboard.press('d')
  const box = dialog(page)
  await expect(box.getByLabel('Dump')).toBeFocused()
  await page.keyboard.insertText(real('weave'))
  const put = box.getByRole('button', { name: 'Put onto weavehost' })
  await expect(put).toBeEnabled()
  await expect(box.getByText('2 lines not understood or not modelled')).toBeVisible()
  await tabTo(page, put)
  await page.keyboard.press('Enter')
  await expect(box.getByLabel('Destination address')).toBeFocused()
  await page.keyboard.type('10.32.0.9')
  await page.keyboard.press('Enter')
  const answer = box.getByRole('region', { name: 'Answer' })
  await expect(answer).toContainText('weavehost')
  const rule = answer.getByRole('button', { name: /^nat POSTROUTING/ })
  await tabTo(page, rule)
  await page.keyboard.press('Enter')
  await expect(page.getByRole('tab', { name: 'Tables' })).toHaveAttribute('aria-selected', 'true')
  await tabTo(page, box.getByRole('button', { name: 'Explain', exact: true }), 'Shift+Tab')
  await page.keyboard.press('Escape')
  await expect(box).toBeHidden()
})

test('in Russian and Chinese every word of it is translated and fits', async ({ page }) => {
  for (const [language, paste, explain] of [
    ['ru', 'Вставить дамп', 'Объяснить пакет'],
    ['zh', '粘贴转储', '解释一个包'],
  ] as const) {
    await page.addInitScript(
      (tag) => localStorage.setItem('kubehop.prefs', JSON.stringify({ language: tag })),
      language,
    )
    await openSmallest(page)
    await expect(page.locator('[data-machine="host"]')).toBeVisible()
    const box = dialog(page)
    // Its action comes with the panels, a moment after the picture.
    await expect(async () => {
      await page.keyboard.press('d')
      await expect(box.getByRole('heading', { name: paste })).toBeVisible({ timeout: 500 })
    }).toPass()
    await box.locator('textarea').fill(real('docker'))
    await expect(box.getByRole('button', { name: /dockerhost/ })).toBeEnabled()
    await box.getByRole('button', { name: /dockerhost/ }).click()
    await expect(box.getByRole('heading', { name: explain })).toBeVisible()
    const wide = await box.evaluate((element) => element.scrollWidth - element.clientWidth)
    expect(wide).toBeLessThanOrEqual(0)
    expect(await box.textContent()).not.toMatch(/dumps:|\b(count_|end_)/)
    await page.keyboard.press('Escape')
  }
})
