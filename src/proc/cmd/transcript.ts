/**
 * For tests of commands: runs the command lines of a transcript on one machine and writes what they print in the same
 * form. A line `$ COMMAND`, then standard output, then `E: ` lines, then `rc=N` unless 0; every line ends in `$` and a tab
 * is `^I`, as `cat -A` shows them.
 */
import { Ev } from '../../net/events.ts'
import { fragTimer } from '../../net/ip/frag.ts'
import { neighTimer } from '../../net/ip/neigh.ts'
import { addr6Timer } from '../../net/ip6/addrconf.ts'
import { linkRx } from '../../net/link/rx.ts'
import { linkTx } from '../../net/link/xmit.ts'
import { bridgeTimer } from '../../net/link/stptimer.ts'
import { tcpTimer } from '../../net/sock/tcpexpire.ts'
import type { World } from '../../net/types.ts'
import type { Program } from '../../run/types.ts'
import type { Handler } from '../../sim/world.ts'
import type { Bench } from '../check.ts'
import { createBench, runLine } from '../check.ts'
import { shellPrograms } from '../shell/shell.ts'

/** A machine with the shell, these programs, and a network that works. */
export function createNetBench(list: readonly Program[]): Bench {
  const bench = createBench([...shellPrograms, ...list])
  const handlers = bench.rules.handlers as (Handler<World> | undefined)[]
  handlers[Ev.LinkRx] = linkRx as Handler<World>
  handlers[Ev.LinkTx] = linkTx as Handler<World>
  handlers[Ev.NeighTimer] = neighTimer as Handler<World>
  handlers[Ev.BridgeTimer] = bridgeTimer as Handler<World>
  handlers[Ev.FragTimer] = fragTimer as Handler<World>
  handlers[Ev.Addr6Timer] = addr6Timer as Handler<World>
  handlers[Ev.TcpTimer] = tcpTimer as Handler<World>
  return bench
}

/** What the transcript's commands print here, in the transcript's form. */
export function replay(bench: Bench, transcript: string): string {
  let text = ''
  for (const line of transcript.split('\n')) {
    if (!line.startsWith('$ ')) continue
    const { out, err, code } = runLine(bench, line.slice(2))
    text += `${line}\n${shown(out)}`
    for (const one of shown(err).split('\n')) if (one !== '') text += `E: ${one}\n`
    if (code !== 0) text += `rc=${code}\n`
  }
  return text
}

function shown(text: string): string {
  if (text === '') return ''
  const ended = text.replaceAll('\t', '^I').replaceAll('\x1b', '^[').replaceAll('\n', '$\n')
  return text.endsWith('\n') ? ended : `${ended}\n`
}
