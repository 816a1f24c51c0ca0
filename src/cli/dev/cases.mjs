// `npm run cases`: expected results kept as data, against the engine.
import { bundle } from './bundle.mjs'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled({ quiet: true })
become(process.execPath, [await bundle('cases'), ...process.argv.slice(2)], { cwd: root })
