/** A command in a container over a WebSocket: the channels of v5.channel.k8s.io (and v4), as kubectl exec speaks them. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ExecFollow, LogFollow } from '../lab/cluster-streams.ts'
import { endExec, execInput, execMore, logMore } from '../lab/cluster-streams.ts'
import type { Run } from '../lab/headless.ts'
import type { WebSocketEnd } from './websocket.ts'
import { acceptWebSocket } from './websocket.ts'

export const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const

/** A command that somebody waits for at the other end. */
export interface ExecDoor {
  readonly follow: ExecFollow
  readonly end: WebSocketEnd
}

/** A container whose output somebody watches; its input is not modelled. */
export interface AttachDoor {
  readonly follow: LogFollow
  readonly end: WebSocketEnd
}

/** A connection that is to become a WebSocket. */
export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly protocol: string
}

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const ERROR = 3
const CLOSE = 255
const STREAMS_MS = 50

/** Takes the connection over. `gone` is called when it is over. */
export function openExecDoor(run: Run, follow: ExecFollow, at: Upgrade, gone: () => void): ExecDoor {
  const decoder = new TextDecoder()
  const end = acceptWebSocket(at.request, at.socket, at.head, at.protocol, {
    message: (bytes) => {
      const [channel] = bytes
      if (channel === STDIN) {
        execInput(run.world, follow, decoder.decode(bytes.subarray(1), { stream: true }), false)
      } else if (channel === CLOSE && bytes[1] === STDIN) execInput(run.world, follow, '', true)
    },
    closed: () => {
      endExec(run.world, follow)
      gone()
    },
  })
  return { follow, end }
}

/** Takes the connection over for a container's output, `text` being what there is already. */
export function openAttachDoor(follow: LogFollow, text: string, at: Upgrade, gone: () => void): AttachDoor {
  const handlers = { message: () => {}, closed: gone }
  const end = acceptWebSocket(at.request, at.socket, at.head, at.protocol, handlers)
  if (text !== '') end.send(onChannel(STDOUT, text))
  return { follow, end }
}

/** Sends what the container wrote. True: it has ended. */
export function pushAttach(run: Run, { follow, end }: AttachDoor): boolean {
  const { text, ended } = logMore(run.world, follow)
  if (text !== '') end.send(onChannel(STDOUT, text))
  if (!ended) return false
  end.send(onChannel(ERROR, JSON.stringify(exitStatus(0))))
  end.close()
  return true
}

/** Says that no command was started: `status` is the reason. */
export function failExec(at: Upgrade, status: unknown): void {
  const end = acceptWebSocket(at.request, at.socket, at.head, at.protocol, {
    message: () => {},
    closed: () => {},
  })
  // A client that is told before it has made its streams knows none for errors.
  setTimeout(() => {
    end.send(onChannel(ERROR, JSON.stringify(status)))
    end.close()
  }, STREAMS_MS)
}

/** Sends what the command wrote; at its end says how it ended. True: it has ended. */
export function pushExec(run: Run, { follow, end }: ExecDoor): boolean {
  const { out, err, code } = execMore(run.world, follow)
  if (out !== '') end.send(onChannel(STDOUT, out))
  if (err !== '') end.send(onChannel(STDERR, err))
  if (code < 0) return false
  end.send(onChannel(ERROR, JSON.stringify(exitStatus(code))))
  end.close()
  return true
}

function onChannel(channel: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([channel]), Buffer.from(text)])
}

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' }
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}
