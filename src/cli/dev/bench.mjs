// `npm run bench`: figures of the engine, each as a ratio inside one run. Bundled first: loaders that compile on the
// fly wrap every function, which costs more than half the speed.
import { join } from 'node:path'
import { become } from './child.mjs'
import { ensureInstalled, root } from './install.mjs'

ensureInstalled({ quiet: true })
const { build } = await import('vite')
const outDir = join(root, 'node_modules', '.cache', 'kubehop', 'bench')
await build({
  configFile: false,
  root,
  logLevel: 'error',
  build: {
    ssr: join(root, 'src', 'cli', 'bench.ts'),
    outDir,
    target: 'node20',
    emptyOutDir: true,
    rollupOptions: { output: { entryFileNames: 'bench.mjs' } },
  },
})
become(process.execPath, ['--expose-gc', join(outDir, 'bench.mjs'), ...process.argv.slice(2)], { cwd: root })
