/** The commands around netfilter. */
import type { Program } from '../../run/types.ts'
import { conntrack } from './conntrack.ts'
import { iptablesPrograms } from './iptables.ts'

export const nfPrograms: readonly Program[] = [...iptablesPrograms, conntrack]
