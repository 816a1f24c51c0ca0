// Installs the dependencies when they are missing or do not match the lock file. Plain Node: it runs before node_modules exists.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runSync } from './child.mjs'

/** The project's root folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** Where the scripts keep what they may lose: stamps, reports of test runners. */
export const cache = join(root, 'node_modules', '.cache', 'kubehop')

const lock = join(root, 'package-lock.json')
const stamp = join(cache, 'installed')

/**
 * Makes node_modules match package-lock.json. With `quiet` nothing is printed unless it fails.
 * Ends the process with one line when it cannot.
 */
export function ensureInstalled({ quiet = false } = {}) {
  requireNode()
  const wanted = createHash('sha256').update(readFileSync(lock)).digest('hex')
  if (!isInstalled(wanted)) {
    if (!quiet) console.log('Installing the dependencies (npm ci) …')
    const npm = process.env.npm_execpath
    const args = ['ci', '--no-audit', '--no-fund', '--include=dev']
    const done = npm?.endsWith('.js')
      ? runSync(process.execPath, [npm, ...args], { cwd: root, quiet })
      : runSync('npm', args, { cwd: root, quiet, shell: process.platform === 'win32' })
    if (done.code !== 0) {
      if (quiet) process.stderr.write(done.output)
      console.error(
        `npm ci failed (exit code ${done.code}): see what npm said above; is its registry reachable?`,
      )
      process.exit(1)
    }
  }
  mkdirSync(cache, { recursive: true })
  writeFileSync(stamp, wanted)
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Kubehop needs Node 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

function isInstalled(wanted) {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden)) return false
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8') === wanted
  return statSync(hidden).mtimeMs >= statSync(lock).mtimeMs
}
