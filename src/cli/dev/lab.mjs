// `npm run -s lab -- run | trace | explain | pcap | export | check | replay | api FILE`: the command line, from its sources.
// Prints nothing of its own, so that what the command prints can be piped.
import { join } from 'node:path'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled({ quiet: true })
// npm moves to the project's root; a file is meant as seen from where the user stands.
if (process.env.npm_lifecycle_event === 'lab' && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD)
process.env.TSX_TSCONFIG_PATH = join(root, 'src', 'cli', 'tsconfig.json')
const { register } = await import('tsx/esm/api')
register()
await import('../main.ts')
