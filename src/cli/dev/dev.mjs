// `npm run dev`: the page from its sources, reloaded as they change.
import { join } from 'node:path'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled()
const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
become(process.execPath, [vite, ...process.argv.slice(2)], { cwd: root })
