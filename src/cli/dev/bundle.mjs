// One file of plain JavaScript from a TypeScript entry: loaders that compile on the fly wrap every function, which
// costs more than half the engine's speed and half a second at each start.
import { join } from 'node:path'
import { cache, root } from './install.mjs'

/** Bundles `src/cli/NAME.ts` into the cache; answers the file's path. */
export async function bundle(name) {
  const { build } = await import('vite')
  const outDir = join(cache, 'bundles', name)
  await build({
    configFile: false,
    root,
    logLevel: 'error',
    build: {
      ssr: join(root, 'src', 'cli', `${name}.ts`),
      outDir,
      target: 'node20',
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: `${name}.mjs` } },
    },
  })
  return join(outDir, `${name}.mjs`)
}
