import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from '@playwright/test'
import { chromiumFlags, findChromium } from '../src/cli/dev/system.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const report = process.env.KUBEHOP_PLAYWRIGHT_REPORT

// Playwright reads this file again in every worker process: all must agree on the port.
process.env.KUBEHOP_PORT ??= String(await freePort())
const port = Number(process.env.KUBEHOP_PORT)

export default defineConfig({
  testDir: here,
  testMatch: '**/*.spec.ts',
  outputDir: join(here, '..', 'node_modules', '.cache', 'kubehop', 'playwright'),
  snapshotPathTemplate: '{testDir}/{testFileName}-pictures/{arg}-{projectName}{ext}',
  forbidOnly: true,
  // A second look where machines are shared: a journey that passes only then is reported as flaky.
  retries: process.env.CI ? 1 : 0,
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 10_000 },
  reporter: report ? [['list'], ['json', { outputFile: report }]] : [['list']],
  use: {
    baseURL: `http://127.0.0.1:${port}/`,
    launchOptions: {
      executablePath: process.env.KUBEHOP_CHROMIUM ?? (await findChromium()),
      args: chromiumFlags,
    },
    locale: 'en-US',
    timezoneId: 'UTC',
    serviceWorkers: 'block',
    trace: 'retain-on-failure',
  },
  projects: [{ name: 'desktop', use: { viewport: { width: 1280, height: 800 } } }],
  webServer: {
    command: `node ${JSON.stringify(join(here, '..', 'src', 'cli', 'dev', 'start.mjs'))} --port ${port}`,
    url: `http://127.0.0.1:${port}/`,
    timeout: 180_000,
    stdout: 'pipe',
  },
})

/** A port of 127.0.0.1 that nobody listens on now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (address && typeof address === 'object' ? resolve(address.port) : reject(address)))
    })
  })
}
