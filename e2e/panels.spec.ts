// Terminals, the lab's text, tables, packets and the library, as a person uses them.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Locator, type Page, test } from '@playwright/test'
import { openSmallest } from './labs.ts'

/** The smallest lab, paused, with its ping under way. */
async function open(page: Page): Promise<void> {
  await openSmallest(page)
  await expect(page.locator('[data-machine="host"]')).toBeVisible()
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await expect(page.getByRole('button', { name: 'Play', exact: true })).toBeVisible()
}

const dockTab = (page: Page, name: string) =>
  page.getByRole('tablist', { name: 'Dock' }).getByRole('tab', { name })
const pageTab = (page: Page, name: string) =>
  page.getByRole('tablist', { name: 'Pages of the inspector' }).getByRole('tab', { name })
const treeItem = (page: Page, name: string) => page.getByRole('treeitem', { name, exact: true })
const screen = (page: Page) => page.locator('.screen .xterm-rows')
const events = (page: Page) => page.locator('.clock-event')

/** Steps by keyboard until something is seen. */
async function stepUntil(page: Page, seen: Locator): Promise<void> {
  await page.locator('#dock-tab-terminal').focus()
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur())
  for (let i = 0; i < 80 && (await seen.count()) === 0; i++) {
    const before = await events(page).textContent()
    await page.getByRole('button', { name: 'Step forward' }).click()
    await expect(events(page)).not.toHaveText(before!)
  }
  await expect(seen.first()).toBeVisible()
}

async function typeLine(page: Page, line: string): Promise<void> {
  await page.locator('.screen textarea').focus()
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
}

/** The editor with the lab's text. */
async function openEditor(page: Page): Promise<void> {
  await dockTab(page, 'YAML').click()
  await expect(page.locator('.yaml-editor .view-line').first()).toBeVisible({ timeout: 20_000 })
}

/** Puts the cursor at the end of a line that is in view. */
async function goToLine(page: Page, line: number): Promise<void> {
  await page.locator('.yaml-editor').click({ position: { x: 400, y: 20 } })
  await page.keyboard.press('Control+Home')
  for (let i = 1; i < line; i++) await page.keyboard.press('ArrowDown')
  await page.keyboard.press('End')
}

test.describe('terminals', () => {
  test('the lesson’s ping is there; stepping on lets it print, stepping back takes it away', async ({
    page,
  }) => {
    await open(page)
    await expect(screen(page)).toContainText('ping 20.1.1.2')
    const answer = page.locator('.xterm-rows', { hasText: '64 bytes from 20.1.1.2: icmp_seq=1' })
    await stepUntil(page, answer)
    for (let i = 0; i < 12 && (await answer.count()) > 0; i++) {
      await page.getByRole('button', { name: 'Step back' }).click()
      await page.waitForTimeout(150)
    }
    await expect(answer).toHaveCount(0)
  })

  test('opens where one chooses, types, is left by F6 and closed by Delete', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'New terminal' }).click()
    await page.getByRole('combobox', { name: 'Machine or namespace' }).fill('net2')
    await page.keyboard.press('Enter')
    const tab = page.getByRole('tab', { name: 'host.net2' })
    await expect(tab).toHaveAttribute('aria-selected', 'true')
    await expect(page.locator('.screen textarea')).toBeFocused()
    await typeLine(page, "echo o''k")
    await expect(screen(page)).toContainText('ok')
    await page.keyboard.press('F6')
    await expect(page.locator('.screen textarea')).not.toBeFocused()
    await expect(pageTab(page, 'Lesson')).toBeFocused()
    await page.keyboard.press('F6')
    await expect(page.locator('.topbar button').first()).toBeFocused()
    await page.getByRole('button', { name: 'To the beginning' }).click()
    await expect(page.locator('.screen.blank')).toHaveCount(1)
    await tab.focus()
    await page.keyboard.press('Delete')
    await expect(tab).toHaveCount(0)
  })

  test('a selected namespace has a terminal one key away', async ({ page }) => {
    await open(page)
    await treeItem(page, 'net2').click()
    await page.keyboard.press('t')
    await expect(page.getByRole('tab', { name: 'host.net2' })).toHaveAttribute('aria-selected', 'true')
  })

  test('Ctrl-C ends the ping', async ({ page }) => {
    await open(page)
    await stepUntil(page, page.locator('.xterm-rows', { hasText: '64 bytes from 20.1.1.2: icmp_seq=1' }))
    await page.locator('.screen textarea').focus()
    await page.keyboard.press('Control+c')
    await expect(screen(page)).toContainText('ping statistics')
  })

  test('output can neither type, nor reach the clipboard, nor open links', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page)
    await page.evaluate(() => navigator.clipboard.writeText('mine'))
    await treeItem(page, 'net2').click()
    await page.keyboard.press('t')
    const hostile = '\\033[c\\033[6n\\033[5n\\033]11;?\\007\\033]52;c;ZXZpbA==\\007\\033[?1004h\\033[?1000h'
    await typeLine(page, `printf '${hostile}'; echo 'do''ne'`)
    await expect(screen(page)).toContainText('done')
    await page.getByRole('button', { name: 'Step forward' }).click()
    await page.locator('.screen textarea').focus()
    await page.mouse.click(500, 720)
    await page.waitForTimeout(300)
    const text = (await screen(page).textContent()) ?? ''
    expect(text.slice(text.lastIndexOf('done'))).toMatch(/^done\s*root@host\[net2\]:~#\s*$/)
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('mine')
  })
})

test.describe('a new terminal', () => {
  test('what is typed right behind the key for a new terminal is typed there, in order', async ({ page }) => {
    await open(page)
    const first = await screen(page).textContent()
    await treeItem(page, 'net2').click()
    // In one go: no answer of the worker comes between the keys.
    await page.evaluate(() => {
      const press = (key: string) => {
        const target = document.activeElement ?? document.body
        target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      }
      press('t')
      for (const key of 'echo') press(key)
    })
    await page.keyboard.type(' at onc')
    await page.keyboard.type('e; echo sec')
    await page.keyboard.press('Backspace')
    await page.keyboard.type("c''ond")
    await page.keyboard.press('Enter')
    await expect(screen(page)).toContainText('root@host[net2]')
    await page.getByRole('button', { name: 'Step forward' }).click()
    await expect(screen(page)).toContainText("echo at once; echo sec''ond")
    await expect(screen(page)).toContainText('second')
    await page.locator('.tty-tab').first().click()
    await expect(screen(page)).toContainText((first ?? '').trim().slice(0, 40))
    await expect(screen(page)).not.toContainText('once')
  })
})

test('lines typed without a pause while time runs flat out all run, in order', async ({ page }) => {
  await open(page)
  await page.getByTitle('Speed').selectOption({ label: 'As fast as possible' })
  await page.getByRole('button', { name: 'Play', exact: true }).click()
  await page.locator('.screen textarea').focus()
  await page.keyboard.press('Control+c')
  const lines = Array.from({ length: 12 }, (_, i) => `echo ${i} >> /tmp/l; ping -c 1 20.1.1.2 > /dev/null`)
  await page.keyboard.type(`${lines.join('\n')}\nclear; echo all $(cat /tmp/l) of them\n`)
  await expect(screen(page)).toContainText('all 0 1 2 3 4 5 6 7 8 9 10 11 of them', { timeout: 30_000 })
})

test('what could not be applied yet is there again after a reload', async ({ page }) => {
  await open(page)
  await openEditor(page)
  await goToLine(page, 6)
  await page.keyboard.type('x')
  await expect(page.getByText('Not applied yet')).toBeVisible()
  await page.reload()
  await expect(page.getByText('is in the YAML tab again')).toBeVisible()
  await openEditor(page)
  const problem = page.getByRole('region', { name: 'Problems' }).getByRole('button').first()
  await expect(problem).toContainText('kind "linuxx" of node "host" is not modelled')
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.reload()
  await openEditor(page)
  await expect(page.getByText('The running lab is this text')).toBeVisible()
})

test.describe('the lab as text', () => {
  test('what is typed is applied, said, and taken back by undo', async ({ page }) => {
    await open(page)
    await openEditor(page)
    await goToLine(page, 8)
    await page.keyboard.press('Enter')
    await page.keyboard.type('- ip netns add net3')
    await page.keyboard.press('Escape')
    const state = page.locator('.yaml-bar [role="status"]')
    await expect(state).toHaveText('Not applied yet')
    await expect(page.locator('.yaml-editor .line-changed')).toHaveCount(1)
    await page.keyboard.press('Control+Enter')
    await expect(state).toContainText('Applied, 1 line added')
    await page.getByRole('button', { name: 'Undo' }).click()
    await expect(page.locator('.yaml-editor')).not.toContainText('net3')
    await expect(page.getByRole('button', { name: 'Redo' })).toBeEnabled()
  })

  test('a mistake is marked with its place, keeps the running lab, and is gone to by a click', async ({
    page,
  }) => {
    await open(page)
    await openEditor(page)
    await goToLine(page, 6)
    await page.keyboard.type('x')
    const problem = page.getByRole('region', { name: 'Problems' }).getByRole('button').first()
    await expect(problem).toContainText('kind "linuxx" of node "host" is not modelled')
    await expect(page.getByRole('button', { name: 'Apply', exact: true })).toBeDisabled()
    await expect(dockTab(page, 'YAML')).toContainText(/[1-9]/)
    await page.locator('.yaml-editor').click({ position: { x: 400, y: 60 } })
    await problem.click()
    await page.keyboard.type('x')
    await expect(problem).toContainText('"xlinuxx"')
    await expect(treeItem(page, 'net1')).toBeVisible()
    await page.getByRole('button', { name: 'Discard' }).click()
    await expect(page.getByRole('region', { name: 'Problems' })).toHaveCount(0)
    await expect(dockTab(page, 'YAML')).toHaveText('YAML')
  })

  test('completion offers commands, fields and kinds', async ({ page }) => {
    await open(page)
    await openEditor(page)
    const list = page.locator('.suggest-widget.visible')
    await goToLine(page, 8)
    await page.keyboard.press('Enter')
    await page.keyboard.type('- ip li')
    await expect(list).toContainText('ip link add veth')
    await page.keyboard.press('Enter')
    await expect(page.locator('.yaml-editor')).toContainText(
      'ip link add name veth1 type veth peer name veth2',
    )
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Discard' }).click()
    await goToLine(page, 6)
    await page.keyboard.press('Enter')
    await page.keyboard.press('Control+Space')
    await expect(list).toContainText('network-mode')
  })

  test('an edit of the picture comes into the text, and the cursor stays', async ({ page }) => {
    await open(page)
    await openEditor(page)
    await goToLine(page, 3)
    await page.getByRole('button', { name: 'Host', exact: true }).click()
    await expect(treeItem(page, 'host1, host')).toBeVisible()
    await page.locator('.yaml-editor').click({ position: { x: 400, y: 10 } })
    await page.keyboard.press('Control+End')
    await expect(page.locator('.yaml-bar [role="status"]')).toHaveText('The running lab is this text')
  })
})

test.describe('tables', () => {
  test('show the moment: a neighbour is resolved by stepping, and unresolved by stepping back', async ({
    page,
  }) => {
    await open(page)
    await page.getByRole('button', { name: 'To the beginning' }).click()
    await treeItem(page, 'net1').click()
    const neighbours = page.getByRole('region', { name: 'Neighbours' })
    await expect(neighbours).toContainText('empty')
    await stepUntil(page, neighbours.locator('tr', { hasText: 'REACHABLE' }))
    await expect(neighbours.locator('tr.changed')).toHaveCount(1)
    await page.getByRole('button', { name: 'Step back' }).click()
    await expect(neighbours.locator('tr', { hasText: 'REACHABLE' })).toHaveCount(0)
  })

  test('are copied as their tools print them', async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open(page)
    await treeItem(page, 'net1').click()
    const routes = page.getByRole('region', { name: 'Routes', exact: true })
    await routes.getByRole('button', { name: 'Copy as text' }).click()
    await expect(routes.getByRole('button', { name: 'Copied' })).toBeVisible()
    const text = await page.evaluate(() => navigator.clipboard.readText())
    // As `ip route` prints it in such a namespace on Linux.
    expect(text.trimEnd()).toMatch(/^20\.1\.1\.0\/24 dev veth1 proto kernel scope link src 20\.1\.1\.1$/)
  })
})

test.describe('packets', () => {
  test('are listed, filtered and chosen by keyboard; hops go to their moment', async ({ page }) => {
    await open(page)
    await stepUntil(page, page.locator('.xterm-rows', { hasText: '64 bytes from 20.1.1.2: icmp_seq=1' }))
    await dockTab(page, 'Traces').click()
    const list = page.getByRole('listbox', { name: 'Packets, newest first' })
    await expect(list.getByRole('option')).toHaveCount(4)
    await page.getByRole('combobox', { name: 'Protocol' }).selectOption('icmp')
    await expect(list.getByRole('option')).toHaveCount(2)
    await page.getByRole('searchbox').fill('request')
    await expect(list.getByRole('option')).toHaveCount(1)
    await list.focus()
    await page.keyboard.press('ArrowDown')
    await expect(pageTab(page, 'Packet')).toHaveAttribute('aria-selected', 'true')
    const hops = page.getByRole('list', { name: 'Hops' }).locator('> li')
    await expect(hops).toHaveCount(2)
    await expect(hops.first()).toContainText('host.net1')
    await expect(hops.last()).toContainText('host.net2')
    const before = await events(page).textContent()
    await hops.first().getByRole('button', { name: 'Go to the moment of hop 1' }).click()
    await expect(events(page)).not.toHaveText(before!)
    await expect(hops.last()).toHaveClass(/future/)
    await expect(page.getByRole('tree', { name: 'Fields' })).toContainText('20.1.1.2')
  })

  test('evidence leads to the row that decided', async ({ page }) => {
    await open(page)
    await stepUntil(page, page.locator('.xterm-rows', { hasText: '64 bytes from 20.1.1.2: icmp_seq=1' }))
    await dockTab(page, 'Traces').click()
    await page.getByRole('searchbox').fill('request')
    await page.locator('.trace-row').first().click()
    await page
      .getByRole('button', { name: /^Show in its table: 20\.1\.1\.0\/24/ })
      .first()
      .click()
    await expect(pageTab(page, 'Tables')).toHaveAttribute('aria-selected', 'true')
    await expect(
      page.getByRole('region', { name: 'Routes', exact: true }).locator('tr.decides'),
    ).toContainText('20.1.1.0/24')
  })

  test('an ARP request and what gave rise to it know each other', async ({ page }) => {
    await open(page)
    await dockTab(page, 'Traces').click()
    await page.locator('.trace-row', { hasText: 'who-has' }).click()
    const cause = page.getByRole('region', { name: 'Caused by' }).getByRole('button')
    await expect(cause).toContainText('echo request')
    await cause.click()
    await expect(page.getByRole('region', { name: 'Gave rise to' })).toContainText('who-has')
  })
})

test.describe('events', () => {
  test('the shown event is told step by step', async ({ page }) => {
    await open(page)
    await dockTab(page, 'Events').click()
    const shown = page.getByRole('region', { name: 'The shown event' })
    await expect(shown.getByRole('heading')).toContainText(/Event \d+/)
    await page.getByRole('button', { name: 'Step forward' }).click()
    await expect(shown.locator('.step').first()).toBeVisible()
  })
})

test.describe('the library', () => {
  test('opens a lab with its lesson; checks say what fails', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'Library' }).first().click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /The missing netmask/ })
      .click()
    await expect(page.getByRole('dialog')).toHaveCount(0)
    await expect(page.getByRole('article').getByRole('heading').first()).toHaveText('The missing netmask')
    await page.getByRole('button', { name: 'Run checks' }).click()
    await expect(page.getByText('0 of 1 passed.')).toBeVisible()
  })

  test('a command of the lesson is typed where it belongs, Enter runs it; questions keep their answers', async ({
    page,
  }) => {
    await open(page)
    await page.getByRole('article').getByRole('button', { name: 'ip link', exact: true }).click()
    await expect(page.locator('.screen:visible .xterm-rows')).toContainText('root@host:~# ip link')
    await expect(page.locator('.screen:visible .xterm-rows')).not.toContainText('LOOPBACK')
    await page.keyboard.press('Enter')
    await expect(page.locator('.screen:visible .xterm-rows')).toContainText('LOOPBACK')
    await page.getByRole('button', { name: 'Library' }).first().click()
    await expect(page.getByRole('dialog').getByRole('button', { name: /no frame leaves/ })).toBeVisible()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /The missing netmask/ })
      .click()
    const question = page.getByRole('article').locator('details')
    await expect(question).not.toContainText('`')
    await expect(question.getByText('holds one address')).toBeHidden()
    await question.locator('summary').click()
    await expect(question.getByText('holds one address')).toBeVisible()
  })

  test('speaks the page’s language', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'Language' }).click()
    await page.getByRole('menuitemcheckbox', { name: 'Русский' }).click()
    await expect(page.getByRole('article')).toContainText('Сетевое пространство имён')
    await expect(page.getByRole('article')).toContainText('net1 достигает net2')
    await expect(page.getByRole('tab', { name: 'Урок' })).toBeVisible()
  })

  test('a dropped file opens; one with mistakes says where and leaves what is open', async ({ page }) => {
    await open(page)
    await drop(page, 'bad.yaml', 'name: lab\ntopology:\n  nodes:\n    a: { knd: linux }\n')
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByRole('alert')).toContainText('4:10 unknown field "knd"')
    await expect(page.locator('[data-machine="host"]')).toBeVisible()
    await dialog.getByRole('button', { name: 'Mend it in the editor' }).click()
    await expect(page.locator('.yaml-editor')).toContainText('knd', { timeout: 20_000 })
    await drop(page, 'good.yaml', 'name: mine\ntopology:\n  nodes:\n    alpha: {}\n')
    await expect(page.locator('[data-machine="alpha"]')).toBeVisible()
  })

  test('work that is replaced is kept', async ({ page }) => {
    await open(page)
    await page.getByRole('button', { name: 'Host', exact: true }).click()
    await expect(page.locator('[data-machine]')).toHaveCount(2)
    await page.getByRole('button', { name: 'Library' }).first().click()
    await page.getByRole('dialog').getByRole('button', { name: 'New lab' }).click()
    await expect(page.locator('[data-machine]')).toHaveCount(0)
    await page.getByRole('button', { name: 'Library' }).first().click()
    await page.getByRole('dialog').locator('.kept .lab').click()
    await expect(page.locator('[data-machine]')).toHaveCount(2)
  })
})

test.describe('everybody', () => {
  for (const scheme of ['light', 'dark'] as const) {
    test(`no accessibility violations in the panels, ${scheme}`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme })
      await open(page)
      await stepUntil(page, page.locator('.xterm-rows', { hasText: '64 bytes from 20.1.1.2: icmp_seq=1' }))
      expect(await violations(page)).toEqual([])
      await dockTab(page, 'Traces').click()
      await page.locator('.trace-row').first().click()
      await expect(page.getByRole('list', { name: 'Hops' })).toBeVisible()
      expect(await violations(page)).toEqual([])
      await dockTab(page, 'Events').click()
      await treeItem(page, 'net1').click()
      await expect(page.getByRole('region', { name: 'Neighbours' })).toBeVisible()
      expect(await violations(page)).toEqual([])
      await openEditor(page)
      expect(await violations(page)).toEqual([])
      await page.getByRole('button', { name: 'Library' }).first().click()
      await expect(page.getByRole('dialog').getByRole('listitem').first()).toBeVisible()
      expect(await violations(page)).toEqual([])
    })
  }

  test('Monaco and xterm come after the canvas', async ({ page }) => {
    const scripts: string[] = []
    page.on('response', (response) => {
      if (response.url().endsWith('.js')) scripts.push(response.url().split('/').at(-1)!)
    })
    await page.goto('/')
    await expect(page.locator('[data-machine="node1"]')).toBeVisible()
    const early = [...scripts]
    expect(early.filter((name) => /^(editor|EditorPanel|TerminalPanel)/.test(name))).toEqual([])
    await expect(page.locator('.screen .xterm-rows')).toBeVisible()
    await openEditor(page)
    expect(scripts.some((name) => name.startsWith('EditorPanel'))).toBe(true)
  })
})

async function violations(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .exclude('.monaco-editor')
    .exclude('.react-flow')
    .analyze()
  return violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.join(' ')} ${node.html}`),
  )
}

async function drop(page: Page, name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([file, body]) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([body!], file!, { type: 'application/yaml' }))
      return transfer
    },
    [name, text],
  )
  await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
  await page.dispatchEvent('body', 'drop', { dataTransfer: data })
}
