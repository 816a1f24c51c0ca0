/** Programs that send or watch packets to find out what a network does. */
import type { Program } from '../program.ts'
import { arping } from './arping.ts'
import { ping } from './ping.ts'
import { tcpdump } from './tcpdump.ts'
import { tracepath } from './tracepath.ts'
import { traceroute } from './traceroute.ts'

export const probePrograms: readonly Program[] = Object.freeze([
  arping,
  ping,
  { ...ping, name: 'ping4' },
  { ...ping, name: 'ping6' },
  tcpdump,
  tracepath,
  traceroute,
])
