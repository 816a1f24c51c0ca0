// What the tests need from the system: a Chromium, network namespaces and the tools that look into them.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const kernelTools = {
  ip: 'iproute2',
  bridge: 'iproute2',
  ping: 'iputils-ping',
  tracepath: 'iputils-tracepath',
  traceroute: 'traceroute',
  tcpdump: 'tcpdump',
  tshark: 'tshark',
  iptables: 'iptables',
  conntrack: 'conntrack',
  curl: 'curl',
  nc: 'netcat-openbsd',
}

/** Flags for a Chromium that a test starts: no sandbox for root, no traffic of its own. */
export const chromiumFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * The path of a Chromium: the environment's, Playwright's own, the system's. Undefined when there is none.
 * @returns {Promise<string | undefined>}
 */
export async function findChromium() {
  const { PLAYWRIGHT_CHROMIUM_EXECUTABLE_PATH, CHROME_PATH, CHROME } = process.env
  const { chromium } = await import('@playwright/test')
  const candidates = [
    PLAYWRIGHT_CHROMIUM_EXECUTABLE_PATH,
    CHROME_PATH,
    CHROME,
    chromium.executablePath(),
    which('chromium'),
    which('chromium-browser'),
    which('google-chrome'),
    which('google-chrome-stable'),
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ]
  return candidates.find((path) => path && existsSync(path))
}

/** Installs a Chromium with the system's package manager where we may. Returns its path or undefined. */
export async function installChromium() {
  if (!mayInstall()) return undefined
  aptInstall(['chromium'])
  return findChromium()
}

/** Why this machine cannot run the comparison with a real kernel; undefined when it can. Installs its tools where we may. */
export function kernelObstacle() {
  if (process.platform !== 'linux') return 'the kernel comparison needs Linux'
  if (process.getuid() !== 0) return 'the kernel comparison needs root (for ip netns)'
  const missing = () => Object.keys(kernelTools).filter((tool) => !which(tool))
  if (missing().length > 0 && mayInstall()) {
    aptInstall([...new Set(missing().map((tool) => kernelTools[tool]))])
  }
  if (missing().length > 0) {
    const packages = [...new Set(missing().map((tool) => kernelTools[tool]))]
    return `the kernel comparison needs ${missing().join(', ')}; on Debian: apt-get install ${packages.join(' ')}`
  }
  return namespacesFail()
}

function namespacesFail() {
  const name = `kubehop-probe-${process.pid}`
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' })
  if (made.status !== 0) return `ip netns does not work here: ${made.stderr.trim().split('\n')[0]}`
  const tried = spawnSync('ip', ['-n', name, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'v1'], {
    encoding: 'utf8',
  })
  spawnSync('ip', ['netns', 'del', name])
  return tried.status === 0 ? undefined : `veth pairs do not work here: ${tried.stderr.trim().split('\n')[0]}`
}

function mayInstall() {
  return process.getuid?.() === 0 && !process.env.KUBEHOP_NO_INSTALL && which('apt-get') !== undefined
}

function aptInstall(packages) {
  console.log(`Installing ${packages.join(', ')} (apt-get) …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [
    ['update', '-q'],
    ['install', '-q', '-y', '--no-install-recommends', ...packages],
  ]) {
    const done = spawnSync('apt-get', args, { env, encoding: 'utf8', timeout: 300_000 })
    if (done.status !== 0) {
      console.log(`apt-get ${args[0]} failed: ${(done.stderr ?? '').trim().split('\n').at(-1)}`)
    }
  }
}

/** The path of a program, also where only root's PATH would have it. */
function which(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin']
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
