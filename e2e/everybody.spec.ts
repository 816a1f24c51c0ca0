// The page for everybody: screen readers, the keyboard's focus, a low screen, a phone, and when the worker is gone.
import AxeBuilder from '@axe-core/playwright'
import { expect, test } from '@playwright/test'
import { machine, openPaused } from './labs.ts'

test.describe('everybody', () => {
  test('axe finds nothing, light and dark, in the page and in help', async ({ page }) => {
    await openPaused(page)
    for (const theme of ['light', 'dark']) {
      await page.evaluate((name) => {
        document.documentElement.dataset.theme = name
      }, theme)
      const found = await new AxeBuilder({ page }).exclude('.monaco-editor').analyze()
      expect(found.violations.map(({ id, nodes }) => [id, nodes[0]!.html])).toEqual([])
    }
    await page.keyboard.press('?')
    await expect(page.getByRole('dialog')).toBeVisible()
    const found = await new AxeBuilder({ page }).exclude('.monaco-editor').analyze()
    expect(found.violations.map(({ id, nodes }) => [id, nodes[0]!.html])).toEqual([])
  })

  test('a dialog holds the focus, and gives it back where it was', async ({ page }) => {
    await openPaused(page)
    const play = page.getByRole('button', { name: 'Play', exact: true })
    const dialog = page.getByRole('dialog')
    for (const key of ['?', 'l', 'Control+k']) {
      await play.focus()
      await page.keyboard.press(key)
      await expect(dialog).toBeVisible()
      for (let i = 0; i < 8; i++) await page.keyboard.press('Tab')
      await expect(dialog.locator(':focus')).toHaveCount(1)
      await page.keyboard.press('Escape')
      await expect(dialog).toHaveCount(0)
      await expect(play).toBeFocused()
    }
  })

  test('presenting on a low screen gives the network the room of palette and dock, and gives it back', async ({
    page,
  }) => {
    await openPaused(page)
    const height = async () => (await page.locator('.canvas').boundingBox())!.height
    const before = await height()
    await page.getByRole('button', { name: 'Present' }).click()
    await expect(page.getByRole('tree')).toHaveCount(0)
    await expect.poll(height).toBeGreaterThan(before)
    await page.getByRole('button', { name: 'Present' }).click()
    await expect(page.getByRole('tree')).toBeVisible()
    await expect(page.locator('.screen .xterm-rows')).toBeVisible()
    await expect.poll(height).toBeLessThan(before + 20)
  })

  test('a phone shows the canvas and the player', async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 })
    await openPaused(page)
    await expect(page.getByRole('tree')).toHaveCount(0)
    await expect(page.locator('.canvas')).toBeInViewport({ ratio: 1 })
    await expect(page.getByRole('button', { name: 'Step forward' })).toBeInViewport({ ratio: 1 })
  })

  test('a worker that does not answer is offered a restart', async ({ page }) => {
    let broken = true
    await page.route(/worker.*\.js/, (route) =>
      broken ? route.fulfill({ body: '', contentType: 'text/javascript' }) : route.continue(),
    )
    await page.goto('/')
    const restart = page.getByRole('button', { name: 'Restart from the saved text' })
    await expect(restart).toBeVisible({ timeout: 15_000 })
    broken = false
    await restart.click()
    await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
    await expect(machine(page, 'node1')).toBeVisible()
  })
})
