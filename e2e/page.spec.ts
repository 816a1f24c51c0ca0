// The page's frame, canvas and player, as a person uses them.
import { gzipSync } from 'node:zlib'
import { expect, type Locator, type Page, test } from '@playwright/test'
import { machine, openLab, openPaused } from './labs.ts'

const eventText = (page: Page) => page.locator('.clock-event')

/** As somebody sees it who comes for the first time. */
async function openFirst(page: Page): Promise<void> {
  await page.goto('/')
  await expect(machine(page, 'node1')).toBeVisible()
}

async function eventNumber(page: Page): Promise<number> {
  return Number((await eventText(page).textContent())?.match(/\d+/)?.[0])
}

async function drag(page: Page, from: Locator, to: { x: number; y: number }): Promise<void> {
  const box = (await from.boundingBox())!
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await page.mouse.down()
  await page.mouse.move(to.x - 12, to.y - 12, { steps: 6 })
  await page.mouse.move(to.x, to.y, { steps: 4 })
  await page.mouse.up()
}

async function middleOf(locator: Locator): Promise<{ x: number; y: number }> {
  const box = (await locator.boundingBox())!
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
}

test.describe('the first minute', () => {
  test('a pod asks a service: packets move with no click, the sentence tells the change of address, steps go back', async ({
    page,
  }) => {
    const began = Date.now()
    await openFirst(page)
    const sentence = page.locator('.sentence')
    await expect(page.locator('.room-name', { hasText: 'client' })).toBeVisible()
    await expect(page.locator('.screen .xterm-rows')).toContainText('curl -s http://10.3.241.152/')
    const time = page.locator('.clock-event')
    const before = await time.textContent()
    await expect(time).not.toHaveText(before!)
    expect(await paintedPixels(page)).toBeGreaterThan(0)
    // The Service, and a line to each of the pods behind it.
    await expect(page.locator('.node-badge.Ready')).toHaveCount(2)
    await expect(page.locator('[data-service="services default/service-test"]')).toContainText(
      '10.3.241.1522/2',
    )
    await expect(page.locator('.service-lines g.ready')).toHaveCount(2)
    await expect(sentence).toContainText('NAT changes the destination from 10.3.241.152:80 to 10.0.', {
      timeout: 20_000,
    })
    note('until the change of address is told, ms', Date.now() - began)
    await page.getByRole('button', { name: 'Pause and step' }).click()
    await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible()
    await expect(page.locator('.invitation')).toHaveCount(0)
    const at = await eventNumber(page)
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => eventNumber(page)).toBe(at - 1)
    await expect(sentence).not.toContainText('NAT changes')
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => eventNumber(page)).toBe(at)
    await expect(sentence).toContainText('NAT changes')
    // What stands below the picture covers none of it.
    const low = (await machine(page, 'node2').boundingBox())!
    expect(low.y + low.height).toBeLessThan((await sentence.locator('> div').boundingBox())!.y)
    await page.reload()
    await expect(machine(page, 'node1')).toBeVisible()
    await expect(page.locator('.invitation')).toHaveCount(0)
  })
})

test('the first lab is drawn, read, moved and chosen from before its worker has come, by less than 190 kB of script in all', async ({
  page,
}) => {
  const bodies: Promise<[string, number]>[] = []
  page.on('response', (response) => {
    if (response.request().resourceType() !== 'script') return
    bodies.push(response.body().then((body) => [response.url(), gzipSync(body).length]))
  })
  // The worker is held back until everything has been tried.
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await page.route(/\/worker-[^/]*\.js$/, async (route) => {
    await held
    await route.continue()
  })
  await page.addInitScript(() => {
    const observer = new MutationObserver(() => {
      if (document.querySelector('.react-flow__node') === null) return
      performance.mark('canvas')
      observer.disconnect()
    })
    observer.observe(document, { childList: true, subtree: true })
  })
  await openFirst(page)
  await expect(page.locator('.port-text', { hasText: '10.100.0.2' })).toBeVisible()
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeDisabled()
  const view = page.locator('.react-flow__viewport')
  const before = await view.getAttribute('style')
  const pane = (await page.locator('.canvas').boundingBox())!
  await page.mouse.move(pane.x + 40, pane.y + pane.height - 40)
  await page.mouse.down()
  await page.mouse.move(pane.x + 90, pane.y + pane.height - 60, { steps: 4 })
  await page.mouse.up()
  await expect(view).not.toHaveAttribute('style', before!)
  await page.locator('.room-name', { hasText: 'client' }).click()
  const client = page.getByRole('tree').getByRole('treeitem', { name: 'client', exact: true })
  await expect(client).toHaveAttribute('aria-selected', 'true')
  // Every script that was asked for before the first machine was drawn; the worker's would be among them.
  const needed = await page.evaluate(() => {
    const drawn = performance.getEntriesByName('canvas')[0]!.startTime
    const resources = performance.getEntriesByType('resource').filter((entry) => entry.startTime < drawn)
    return resources.map((entry) => entry.name).filter((name) => /\.js$/.test(name))
  })
  const sizes = (await Promise.all(bodies)).filter(([url]) => needed.includes(url)).map(([, size]) => size)
  expect(sizes.length).toBe(needed.length)
  const sum = sizes.reduce((all, size) => all + size, 0)
  note('script before the canvas, bytes gz', sum)
  expect(sum).toBeLessThan(190 * 1024)
  // The worker takes over without moving anything.
  const moved = await view.getAttribute('style')
  const drawing = await machine(page, 'node1').elementHandle()
  release()
  await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
  expect(await view.getAttribute('style')).toBe(moved)
  expect(await drawing!.evaluate((element) => element.isConnected)).toBe(true)
  await expect(client).toHaveAttribute('aria-selected', 'true')
})

test('the first lab has painted its largest part in 1.5 s, and nothing jumps', async ({
  browser,
  baseURL,
}) => {
  const empty: number[] = []
  const first: number[] = []
  const shifts: number[] = []
  for (let i = 0; i < 3; i++) {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      serviceWorkers: 'block',
    })
    const page = await context.newPage()
    await page.route('**/empty', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<!doctype html><p>${'empty '.repeat(40)}` }),
    )
    await page.goto(`${baseURL}empty`)
    empty.push(await largestPaint(page))
    await page.goto(baseURL!)
    await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
    await expect(page.getByRole('article').locator('p').first()).toBeVisible()
    await expect(page.locator('.xterm-rows').first()).toContainText('curl')
    first.push(await largestPaint(page))
    shifts.push(await layoutShift(page))
    await context.close()
  }
  const [least, painted, shift] = [empty, first, shifts].map(median) as [number, number, number]
  note('largest paint of an empty page, ms', least)
  note('largest paint, ms', painted)
  note('layout shift', shift)
  // The median of three loads. A machine on which an empty page takes more than 100 ms is slow by that much.
  expect(painted).toBeLessThan(1500 * Math.max(1, least / 100))
  expect(shift).toBeLessThan(0.02)
})

function note(type: string, value: number): void {
  console.log(`  ${type}: ${value < 1 ? value.toFixed(4) : value.toFixed(0)}`)
  test.info().annotations.push({ type, description: String(value) })
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function largestPaint(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const observer = new PerformanceObserver((list) => resolve(list.getEntries().at(-1)!.startTime))
        observer.observe({ type: 'largest-contentful-paint', buffered: true })
      }),
  )
}

/** The sum over the load; a page without any has no entries to wait for. */
function layoutShift(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0
        const observer = new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += (entry as PerformanceEntry & { value: number }).value
        })
        observer.observe({ type: 'layout-shift', buffered: true })
        setTimeout(() => resolve(sum), 200)
      }),
  )
}

test.describe('time', () => {
  test('steps forwards and backwards: the same event has the same time and words', async ({ page }) => {
    await openPaused(page)
    const seen: Record<number, string> = {}
    const read = async () =>
      `${await page.locator('.clock-time').textContent()} ${await page.locator('.sentence').textContent()}`
    // A step forward shows its stretch of time: read when it has come to rest.
    const note = async () => {
      let before = ''
      for (let same = 0; same < 2; ) {
        await page.waitForTimeout(200)
        const text = await read()
        same = text === before ? same + 1 : 0
        before = text
      }
      return before
    }
    const first = await eventNumber(page)
    for (let i = 1; i <= 5; i++) {
      await page.keyboard.press('ArrowRight')
      await expect.poll(() => eventNumber(page)).toBe(first + i)
      seen[first + i] = await note()
    }
    for (let i = 4; i >= 1; i--) {
      await page.keyboard.press('ArrowLeft')
      await expect.poll(() => eventNumber(page)).toBe(first + i)
      await expect.poll(note).toBe(seen[first + i])
    }
  })

  test('Space plays and pauses, Home and End go to the ends, the slider seeks', async ({ page }) => {
    await openPaused(page)
    await page.keyboard.press('Space')
    await expect(page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
    await page.keyboard.press('Space')
    await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible()
    const head = await eventNumber(page)
    await page.keyboard.press('Home')
    await expect.poll(() => eventNumber(page)).toBeLessThan(head)
    const floor = await eventNumber(page)
    await expect(page.getByRole('button', { name: 'Step back' })).toBeDisabled()
    await page.keyboard.press('End')
    await expect.poll(() => eventNumber(page)).toBe(head)
    const slider = page.getByRole('slider', { name: 'Time line' })
    await slider.focus()
    await page.keyboard.press('ArrowLeft')
    await expect(slider).toHaveAttribute('aria-valuenow', String(head - 1))
    const box = (await slider.boundingBox())!
    await page.mouse.click(box.x + 1, box.y + box.height / 2)
    await expect.poll(() => eventNumber(page)).toBe(floor)
  })

  test('a chosen packet keeps its path, and the rest steps back', async ({ page }) => {
    await openPaused(page)
    await page.locator('button.sentence-text').click()
    await expect(page.locator('.trail-note')).toContainText('Path of:')
    await page.keyboard.press('Escape')
    await expect(page.locator('.trail-note')).toHaveCount(0)
  })
})

test.describe('drawing', () => {
  test('machines by keyboard, undone and done again', async ({ page }) => {
    await openPaused(page)
    await page.keyboard.press('h')
    await expect(machine(page, 'host1')).toBeVisible()
    await expect(page.getByRole('status', { name: 'Messages' })).toHaveText('Drawn: host1')
    await page.keyboard.press('r')
    await expect(machine(page, 'router1')).toBeVisible()
    await page.keyboard.press('Control+z')
    await expect(machine(page, 'router1')).toHaveCount(0)
    await page.keyboard.press('Control+Shift+z')
    await expect(machine(page, 'router1')).toBeVisible()
    // As fast as they can be pressed, each takes one thing back.
    await page.keyboard.press('Control+z')
    await page.keyboard.press('Control+z')
    await expect(machine(page, 'host1')).toHaveCount(0)
    // A database that never takes a change must not lose it: it is written down before.
    await page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new Error('storage is slow')
      }
    })
    await page.keyboard.press('Control+y')
    await page.keyboard.press('Control+y')
    await expect(machine(page, 'router1')).toBeVisible()
    await page.reload()
    await expect(machine(page, 'router1')).toBeVisible()
  })

  test('from the palette to the canvas, joined by dragging, moved, renamed, deleted', async ({ page }) => {
    await openPaused(page)
    await page.keyboard.press('f')
    const canvas = (await page.locator('.canvas').boundingBox())!
    await page.getByRole('button', { name: 'Router' }).dragTo(page.locator('.canvas'), {
      targetPosition: { x: canvas.width - 140, y: 90 },
    })
    await expect(machine(page, 'router1')).toBeVisible()
    await page.keyboard.press('f')
    const wires = await page.locator('.wire').count()
    await machine(page, 'router1').locator('.title-tab').hover()
    const target = await middleOf(machine(page, 'host').locator('.title-tab .role'))
    await drag(page, machine(page, 'router1').locator('.title-tab .grip'), target)
    await expect(page.locator('.wire')).toHaveCount(wires + 1)
    const before = await middleOf(machine(page, 'router1'))
    await drag(page, machine(page, 'router1').locator('.machine-name'), {
      x: before.x + 10,
      y: before.y + 90,
    })
    await expect.poll(async () => (await middleOf(machine(page, 'router1'))).y).toBeGreaterThan(before.y + 40)
    await machine(page, 'router1').locator('.machine-name').dblclick()
    await page.getByLabel('Name of router1').fill('gw')
    await page.keyboard.press('Enter')
    await expect(machine(page, 'gw')).toBeVisible()
    await machine(page, 'gw').locator('.machine-name').click()
    await page.keyboard.press('Delete')
    await expect(machine(page, 'gw')).toHaveCount(0)
    await expect(page.locator('.wire')).toHaveCount(wires)
  })
})

test('the object tree says the picture in words and takes the keyboard', async ({ page }) => {
  await openPaused(page)
  const tree = page.getByRole('tree')
  await expect(
    tree.getByRole('treeitem', { name: 'veth1, up, 20.1.1.1/24, linked to host.net2/veth2' }),
  ).toBeVisible()
  await tree.getByRole('treeitem', { name: 'host, host' }).focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(tree.getByRole('treeitem', { name: 'net1', exact: true })).toHaveAttribute(
    'aria-selected',
    'true',
  )
  await page.keyboard.press('ArrowLeft')
  await expect(tree.getByRole('treeitem', { name: /^veth1/ })).toHaveCount(0)
})

test.describe('the frame', () => {
  test('language and theme are chosen in menus and survive a reload', async ({ page }) => {
    await openPaused(page)
    await page.getByRole('button', { name: 'Theme' }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Dark' }).click()
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
    await page.getByRole('button', { name: 'Language' }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Русский' }).click()
    await expect(page.getByRole('button', { name: 'Библиотека' })).toBeVisible()
    await page.reload()
    await expect(page.locator('html')).toHaveAttribute('lang', 'ru')
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
    await expect(page.getByRole('tree', { name: 'Машины, комнаты, порты и связи' })).toBeVisible()
  })

  test('panels are resized at their seams, by pointer and by keys, and stay so', async ({ page }) => {
    await openPaused(page)
    const panel = page.locator('#panel-right')
    const width = async () => Math.round((await panel.boundingBox())!.width)
    const before = await width()
    const seam = page.locator('.seam[aria-controls="panel-right"]')
    const at = await middleOf(seam)
    await page.mouse.move(at.x, at.y)
    await page.mouse.down()
    await page.mouse.move(at.x - 100, at.y, { steps: 4 })
    await page.mouse.up()
    await expect.poll(width).toBe(before + 100)
    await seam.focus()
    await page.keyboard.press('ArrowRight')
    await expect.poll(width).toBe(before + 84)
    await page.reload()
    await expect(machine(page, 'host')).toBeVisible()
    await expect.poll(width).toBe(before + 84)
  })

  test('addresses are read with the whole of a larger lab in sight', async ({ page }) => {
    await openPaused(page)
    await page.getByRole('button', { name: 'Library' }).first().click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /The default gateway/ })
      .click()
    await expect(machine(page, 'internet')).toBeVisible()
    for (const address of ['192.168.15.2', '192.168.1.3', '192.168.1.1', '8.8.8.8']) {
      const text = page.locator('.port-text .addr', { hasText: address }).first()
      await expect(text).toBeVisible()
      // The height of its line: letters of 9 pixels and more.
      await expect.poll(async () => (await text.boundingBox())!.height).toBeGreaterThan(10.5)
    }
  })

  test('every panel hides at once; actions are found by name', async ({ page }) => {
    await openPaused(page)
    await page.keyboard.press('.')
    await expect(page.getByRole('tree')).toHaveCount(0)
    await expect(page.getByRole('tablist')).toHaveCount(0)
    await page.keyboard.press('Control+k')
    await page.getByPlaceholder('Search actions').fill('hide or show')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('tree')).toBeVisible()
  })
})

test('what a command adds stays in sight', async ({ page }) => {
  await openLab(page, '2.1-network-none.yaml')
  await expect(page.locator('.screen .xterm-rows')).toContainText('64 bytes')
  const canvas = (await page.locator('.canvas').boundingBox())!
  await page.locator('.screen textarea').focus()
  await page.keyboard.press('Control+c')
  await page.keyboard.type('for i in 1 2 3; do docker run -d --name more$i --network none nginx; done\n')
  await page.getByTitle('Speed').selectOption({ label: 'As fast as possible' })
  await expect(page.locator('.room-name', { hasText: 'more3' })).toBeVisible()
  const { x, width } = (await machine(page, 'pc').boundingBox())!
  expect(x + width).toBeLessThan(canvas.x + canvas.width)
})

test.describe('fast play', () => {
  test('where it stops, the sentence is of what happened last', async ({ page }) => {
    await openPaused(page)
    await expect(page.locator('.sentence')).toContainText('20.1.1.2')
    await page.getByTitle('Speed').selectOption({ label: 'As fast as possible' })
    const play = page.getByRole('button', { name: 'Play', exact: true })
    if (await play.isVisible()) await play.click()
    await expect(page.locator('.clock')).toContainText(/event \d{3,}/)
    // What is long past is not told as if it were now.
    await expect(page.locator('.sentence')).toHaveText(/^Too fast/)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await expect(page.locator('.sentence')).toContainText('20.1.1.')
  })
})

/** How many pixels of the packets' overlay are not clear, at the most in two seconds. */
async function paintedPixels(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const canvas = document.querySelector<HTMLCanvasElement>('.overlay')!
    let most = 0
    for (let i = 0; i < 20; i++) {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      let n = 0
      for (let k = 3; k < data.length; k += 4) if (data[k]! > 0) n++
      most = Math.max(most, n)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return most
  })
}
