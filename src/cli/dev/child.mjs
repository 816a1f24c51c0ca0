// Child processes: one that is waited for, and one whose output is shown and kept and whose time is limited.
import { spawn, spawnSync } from 'node:child_process'

/** Runs a command to its end. Returns `{ code, output }`; output is empty unless `quiet`. */
export function runSync(command, args, { cwd, quiet = false, shell = false, env = process.env } = {}) {
  const done = spawnSync(command, args, {
    cwd,
    env,
    shell,
    encoding: 'utf8',
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  })
  const output = done.error ? `${done.error.message}\n` : `${done.stdout ?? ''}${done.stderr ?? ''}`
  return { code: done.status ?? 1, output }
}

/** Replaces this process as far as Node can: same terminal, same signals, same exit code. */
export function become(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(error.message)
    process.exit(127)
  })
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}

/**
 * Runs a command, shows its output as it comes and keeps it.
 * Resolves to `{ code, output, timedOut }`; after `minutes` the command and its children are killed.
 */
export function watch(command, args, { cwd, env = process.env, minutes }) {
  return new Promise((resolve) => {
    const grouped = process.platform !== 'win32'
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: grouped })
    const end = (signal) => {
      try {
        if (grouped) process.kill(-child.pid, signal)
        else child.kill(signal)
      } catch {
        // It has ended by itself.
      }
    }
    const stop = (signal) => {
      end(signal)
      process.exit(130)
    }
    let output = ''
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      end('SIGKILL')
    }, minutes * 60_000)
    const finish = (code) => {
      clearTimeout(timer)
      process.off('SIGINT', stop).off('SIGTERM', stop)
      resolve({ code, output, timedOut })
    }
    const keep = (stream) => (chunk) => {
      stream.write(chunk)
      output += chunk
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
    child.stdout.setEncoding('utf8').on('data', keep(process.stdout))
    child.stderr.setEncoding('utf8').on('data', keep(process.stderr))
    child.on('error', (error) => {
      output += `${error.message}\n`
      finish(127)
    })
    child.on('close', (code) => finish(code ?? 1))
  })
}
