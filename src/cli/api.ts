/** `api`: serves a lab's API to a real kubectl, until it is stopped. */
import { writeFileSync } from 'node:fs'
import { setWallClock } from '../lab/cluster-api.ts'
import { startApiServer } from './api-server.ts'
import type { Args } from './args.ts'
import type { Io } from './io.ts'
import { EXIT_OK, EXIT_USAGE } from './io.ts'
import { openLab, typeCommands, written } from './lab-run.ts'

/** A boot takes at most so much virtual time: afterwards the cluster's clock is put forward to what it is. */
const BOOT_MS = 60_000

/** Types the commands, starts the server, and says where it is. The process lives on until SIGINT or SIGTERM. */
export function api(args: Args, io: Io): number {
  const opened = openLab(args, io, Date.now() - BOOT_MS)
  if (typeof opened === 'number') return opened
  if (opened.lab.cluster === undefined) {
    io.err(`${args.file}: the lab has no cluster: no document describes one\n`)
    return EXIT_USAGE
  }
  const ran = typeCommands(opened, args, io)
  if (typeof ran === 'number') return ran
  setWallClock(opened.world, Date.now())
  void startApiServer(opened, { port: args.port ?? 0, speed: args.speed ?? 1 }).then(
    (server) => {
      const text = kubeconfig(server.url)
      const { kubeconfig: path } = args
      const fine = path === '' || written(io, path, () => writeFileSync(path, text, { mode: 0o600 }))
      if (!fine) process.exitCode = EXIT_USAGE
      io.out(path === '' ? text : `export KUBECONFIG=${path}\n`)
      const end = () => void server.close()
      if (!fine) end()
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
    },
    (error: unknown) => {
      io.err(`port ${args.port ?? 0}: ${error instanceof Error ? error.message : String(error)}\n`)
      process.exitCode = EXIT_USAGE
    },
  )
  return EXIT_OK
}

/** A configuration for kubectl: over plain HTTP it sends no token, so the address holds the secret. */
export function kubeconfig(server: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: kubehop
  cluster:
    server: ${server}
contexts:
- name: kubernetes-admin@kubehop
  context:
    cluster: kubehop
    user: kubernetes-admin
current-context: kubernetes-admin@kubehop
preferences: {}
users:
- name: kubernetes-admin
  user: {}
`
}
