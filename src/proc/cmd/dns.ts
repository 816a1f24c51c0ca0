/** Names: the commands that ask for them, and the server that answers. */
import { coredns } from '../dns/coredns.ts'
import type { Program } from '../program.ts'
import { dig } from './dig.ts'
import { getent } from './getent.ts'
import { host, nslookup } from './nslookup.ts'

export const dnsPrograms: readonly Program[] = Object.freeze([coredns, dig, getent, host, nslookup])
