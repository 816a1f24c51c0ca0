// `npm run bench`: figures of the engine, each as a ratio inside one run.
import { bundle } from './bundle.mjs'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled({ quiet: true })
become(process.execPath, ['--expose-gc', await bundle('bench'), ...process.argv.slice(2)], { cwd: root })
