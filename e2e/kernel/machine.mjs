// Groups that need another value of a switch of the whole machine, not of a namespace: alone, for their own time, and the
// old value always comes back. The one who puts it back is a child that waits for our end: by whatever way we go.
import { spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'

const fileOf = (key) => `/proc/sys/${key.replaceAll('.', '/')}`
const read = (path) => readFileSync(path, 'utf8').trim()
const count = () => spawnSync('dmesg', { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout ?? ''

/** Why the group cannot run here, '' where it can. */
export function machineObstacle({ machine: { key, value } }) {
  try {
    accessSync(fileOf(key), constants.W_OK)
    writeFileSync(fileOf(key), read(fileOf(key)))
  } catch (error) {
    return `${key} cannot be set: ${error.code ?? error.message}`
  }
  const own = Number(read(fileOf('net.netfilter.nf_conntrack_count')))
  return own > value
    ? `the machine itself has ${own} connections, more than the ${value} that are to be left`
    : ''
}

/** Runs `work` while the machine has the group's value. Answers what it answers, and whether the log has the group's line. */
export async function withMachine({ machine: { key, value }, log }, work) {
  const path = fileOf(key)
  const old = read(path)
  const lines = () => count().split(log).length
  const before = lines()
  const restore = spawn('sh', ['-c', `cat >/dev/null; echo ${old} >${path}`], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  try {
    writeFileSync(path, String(value))
    const result = await work()
    return { result, logged: lines() > before }
  } finally {
    restore.stdin.end()
    await new Promise((done) => restore.on('close', done))
    if (read(path) !== old) writeFileSync(path, old)
  }
}
