/** Labs for journeys that are not about the first one: the page opens on them as if they had been open last. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type Locator, type Page } from '@playwright/test'

const folder = join(import.meta.dirname, '..', 'public', 'labs')

/** A lab of the library, by its file. A reload later in the journey opens what is open then. */
export async function openLab(page: Page, file: string): Promise<void> {
  await openText(page, readFileSync(join(folder, file), 'utf8'), file)
}

/** Two namespaces and one cable: the smallest there is. */
export function openSmallest(page: Page): Promise<void> {
  return openLab(page, '1.1-two-namespaces.yaml')
}

/** The smallest lab, drawn and paused, so that nothing moves under the test. */
export async function openPaused(page: Page): Promise<void> {
  await openSmallest(page)
  await expect(machine(page, 'host')).toBeVisible()
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible()
}

/** A machine as it is drawn. */
export function machine(page: Page, id: string): Locator {
  return page.locator(`[data-machine="${id}"]`)
}

/** A text that the page wrote down ahead of a reload (src/ui/client/early.ts), before the journey's first page. */
export async function openText(page: Page, text: string, origin = ''): Promise<void> {
  await page.addInitScript(
    (saved) => {
      if (localStorage.getItem('journey') !== null) return
      localStorage.setItem('journey', 'begun')
      localStorage.setItem('kubehop.ahead', saved)
    },
    JSON.stringify({ text, title: '', origin }),
  )
  await page.goto('/')
}
