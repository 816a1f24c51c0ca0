// Builds the page when a source is newer than what was built.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { watch } from './child.mjs'
import { cache, root } from './install.mjs'

const inputs = ['src', 'public', 'index.html', 'vite.config.ts', 'package-lock.json']
const stamp = join(cache, 'built')

/** Builds `dist` unless it is up to date. Returns false when the build failed. */
export async function ensureBuilt() {
  const wanted = fingerprint()
  const fresh = existsSync(join(root, 'dist', 'index.html')) && existsSync(stamp)
  if (fresh && readFileSync(stamp, 'utf8') === wanted) return true
  console.log('Building the page (vite build) …')
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const done = await watch(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: root, minutes: 5 })
  if (done.code !== 0) {
    console.error(`The build failed: ${done.output.trim().split('\n')[0]}`)
    return false
  }
  mkdirSync(cache, { recursive: true })
  writeFileSync(stamp, wanted)
  return true
}

/** Names, sizes and times of everything that the build reads. */
function fingerprint() {
  const hash = createHash('sha256')
  const visit = (path) => {
    const full = join(root, path)
    if (!existsSync(full)) return
    const stat = statSync(full)
    if (stat.isDirectory()) {
      for (const name of readdirSync(full).sort()) visit(`${path}/${name}`)
    } else if (!path.includes('.test.')) {
      hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`)
    }
  }
  for (const input of inputs) visit(input)
  return hash.digest('hex')
}
