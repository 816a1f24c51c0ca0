// `npm run kernel [-- LAB …]`: every lab against real network namespaces of the kernel underneath.
import { join } from 'node:path'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'
import { kernelObstacle } from './system.mjs'

ensureInstalled({ quiet: true })
const obstacle = kernelObstacle()
if (obstacle) {
  console.log(`Skipped: ${obstacle}.`)
} else {
  become(process.execPath, [join(root, 'e2e', 'kernel', 'run.mjs'), ...process.argv.slice(2)], { cwd: root })
}
