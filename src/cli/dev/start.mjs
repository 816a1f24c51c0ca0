// `npm start [-- --port N]`: installs and builds what is missing, then serves the page on this machine only.
import { ensureBuilt } from './build.mjs'
import { ensureInstalled, root } from './install.mjs'

const asked = process.argv.indexOf('--port')
const port = asked < 0 ? 4173 : Number(process.argv[asked + 1])
if (!Number.isInteger(port) || port < 1 || port > 65535) {
  console.error('--port takes a number from 1 to 65535')
  process.exit(2)
}

ensureInstalled()
if (!(await ensureBuilt())) process.exit(1)

const { preview } = await import('vite')
// A port that was asked for is used or refused; otherwise the first free one from 4173 is taken.
const preference = { host: '127.0.0.1', port, strictPort: asked >= 0 }
try {
  const server = await preview({ root, logLevel: 'error', preview: preference })
  const { port: taken } = server.httpServer.address()
  console.log(`Kubehop is ready: http://127.0.0.1:${taken}/   (Ctrl-C stops it)`)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
