/** The headless entry: `npm run -s lab -- COMMAND FILE …`. */
import { readFileSync, writeFileSync, writeSync } from 'node:fs'
import { cli } from './cli.ts'

/** Writes all of it: a pipe takes a part at a time, and may be gone (`| head`). */
function write(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'EPIPE') process.exit(0)
      if (code !== 'EAGAIN') throw error
    }
  }
}

process.exitCode = cli(process.argv.slice(2), {
  readText: (path) => readFileSync(path, 'utf8'),
  writeText: (path, text) => writeFileSync(path, text),
  writeBytes: (path, bytes) => writeFileSync(path, bytes),
  out: (text) => write(1, text),
  err: (text) => write(2, text),
})
