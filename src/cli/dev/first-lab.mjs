// The page's first picture, made while it is built: `virtual:first-lab` holds the first lab as the engine sees it.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundle } from './bundle.mjs'
import { root } from './install.mjs'

const NAME = 'virtual:first-lab'

/** A plugin for the lab `file` of public/labs: runs the real engine, so that the worker's own scene is the same. */
export function firstLab(file) {
  const path = join(root, 'public', 'labs', file)
  return {
    name: 'first-lab',
    resolveId: (id) => (id === NAME ? `\0${NAME}` : undefined),
    async load(id) {
      if (id !== `\0${NAME}`) return undefined
      this.addWatchFile(path)
      const entry = pathToFileURL(await bundle('first-lab'))
      const engine = await import(`${entry}?${performance.now()}`)
      const first = { file, ...engine.firstLab(readFileSync(path, 'utf8')) }
      // A text that is parsed is faster than an expression that is compiled.
      return `export const first = JSON.parse(${JSON.stringify(JSON.stringify(first))})`
    },
  }
}

/** A plugin that has the browser fetch `module` and what it needs together with the page's first script. */
export function fetchEarly(module) {
  const path = join(root, module)
  return {
    name: 'fetch-early',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle }) {
        const chunk = Object.values(bundle ?? {}).find((one) => one.facadeModuleId === path)
        if (!chunk) return html
        const files = [chunk.fileName, ...chunk.imports].filter((file) => !html.includes(file))
        const style = [...(chunk.viteMetadata?.importedCss ?? [])]
        const tag = (attrs) => ({ tag: 'link', attrs: { crossorigin: true, ...attrs }, injectTo: 'head' })
        return [
          ...files.map((file) => tag({ rel: 'modulepreload', href: `./${file}` })),
          ...style.map((file) => tag({ rel: 'stylesheet', href: `./${file}` })),
        ]
      },
    },
  }
}
