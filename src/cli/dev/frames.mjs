// Frame times of the built page in Chromium: a lab given on standard input, and an empty page. Prints one line of JSON.
import { readFileSync } from 'node:fs'
import { ensureBuilt } from './build.mjs'
import { root } from './install.mjs'
import { chromiumFlags, findChromium } from './system.mjs'

const SAMPLE_MS = 6000
/** Indexes of speeds: one to get the pings going, and one at which a crossing takes 1.5 s. */
const WARM_UP = 5
const SPEED = 1
const ENOUGH = 1000

const lab = readFileSync(0, 'utf8')
const say = (result) => console.log(JSON.stringify(result))
const executablePath = await findChromium()
if (!executablePath) say({ obstacle: 'no Chromium was found' })
else if (!(await ensureBuilt())) say({ obstacle: 'the page does not build' })
else say(await measure(executablePath))
process.exit(0)

async function measure(executablePath) {
  const { preview } = await import('vite')
  const { chromium } = await import('@playwright/test')
  const server = await preview({ root, logLevel: 'error', preview: { host: '127.0.0.1', port: 0 } })
  const { port } = server.httpServer.address()
  const browser = await chromium.launch({ executablePath, args: chromiumFlags })
  try {
    const context = await browser.newContext({
      viewport: { width: 1600, height: 1000 },
      serviceWorkers: 'block',
    })
    const empty = await context.newPage()
    await empty.goto('about:blank')
    const quiet = await frameTimes(empty)
    await empty.close()
    const page = await context.newPage()
    await page.addInitScript(watchFlights)
    const prefs = { speed: WARM_UP, allHidden: true, invited: true }
    await page.addInitScript((text) => localStorage.setItem('kubehop.prefs', text), JSON.stringify(prefs))
    await page.goto(`http://127.0.0.1:${port}/`)
    await dropLab(page)
    await page.keyboard.press('f')
    const enough = (n) => window.kubehopInTheAir() >= n
    await page.waitForFunction(enough, ENOUGH, { timeout: 60_000 }).catch(() => {})
    await page.getByTitle('Speed').selectOption(String(SPEED))
    await page.waitForTimeout(3000)
    const nodes = await page.locator('[data-machine]').count()
    const busy = await frameTimes(page)
    return { packets: busy.packets, nodes, drawing: await drawing(page), empty: quiet, busy }
  } catch (error) {
    return { obstacle: String(error).split('\n')[0] }
  } finally {
    await browser.close()
    await server.close()
  }
}

/** The lab, as a file dropped on the page. */
async function dropLab(page) {
  await page.locator('[data-machine]').first().waitFor({ timeout: 60_000 })
  const dataTransfer = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer()
    transfer.items.add(new File([text], 'frames.yaml', { type: 'application/yaml' }))
    return transfer
  }, lab)
  for (let tries = 0; tries < 20; tries++) {
    // What takes the file is loaded behind the picture.
    await page.dispatchEvent('body', 'dragover', { dataTransfer })
    await page.dispatchEvent('body', 'drop', { dataTransfer })
    const there = page.locator('[data-machine="core"]').waitFor({ timeout: 3000 })
    if (await there.then(() => true).catch(() => false)) break
  }
  await page.getByTitle('Speed').selectOption(String(WARM_UP))
  const play = page.getByRole('button', { name: 'Play', exact: true })
  if (await play.isVisible()) await play.click()
}

/** Runs in the page: keeps the flights that the worker told of, and where the shown time is. */
function watchFlights() {
  let flights = []
  let clock = { from: 0, to: 0, realMs: 0, began: 0 }
  const keep = ({ data }) => {
    if (data?.type === 'flights') flights.push(...data.flights)
    if (data?.type === 'clock') {
      const { segment, state } = data
      clock = { ...(segment ?? { from: state.now, to: state.now, realMs: 0 }), began: performance.now() }
      flights = flights.filter((flight) => flight.arriveAt >= clock.from)
    }
  }
  const { set, get } = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage')
  Object.defineProperty(MessagePort.prototype, 'onmessage', {
    get,
    set(fn) {
      this.addEventListener('message', keep)
      set.call(this, fn)
    },
  })
  window.kubehopInTheAir = () => {
    const part = clock.realMs > 0 ? Math.min(1, (performance.now() - clock.began) / clock.realMs) : 1
    const now = clock.from + (clock.to - clock.from) * part
    return flights.filter((flight) => flight.departAt <= now && now < flight.arriveAt).length
  }
}

async function frameTimes(page) {
  return page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        const times = []
        const counts = []
        const began = performance.now()
        let last = began
        const frame = (now) => {
          times.push(now - last)
          last = now
          if (times.length % 10 === 0 && window.kubehopInTheAir) counts.push(window.kubehopInTheAir())
          if (now - began < ms) return void requestAnimationFrame(frame)
          const sorted = times.slice(1).sort((a, b) => a - b)
          const at = (part) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
          counts.sort((a, b) => a - b)
          resolve({ p50: at(0.5), p95: at(0.95), packets: counts[counts.length >> 1] ?? 0 })
        }
        requestAnimationFrame(frame)
      }),
    SAMPLE_MS,
  )
}

async function drawing(page) {
  const renderer = await page.evaluate(() => {
    const gl = document.createElement('canvas').getContext('webgl')
    const info = gl?.getExtension('WEBGL_debug_renderer_info')
    return info ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL)) : 'no WebGL'
  })
  return /SwiftShader|llvmpipe|no WebGL/i.test(renderer) ? 'drawn by CPU' : 'drawn by a graphics card'
}
