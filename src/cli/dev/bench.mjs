// `npm run bench`: figures of the engine, each as a ratio inside one run.
import { join } from 'node:path'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled({ quiet: true })
const loader = import.meta.resolve('tsx')
const bench = join(root, 'src', 'cli', 'bench.ts')
become(process.execPath, ['--expose-gc', '--import', loader, bench, ...process.argv.slice(2)], { cwd: root })
