/** The commands that show and change the network's configuration. */
import type { Program } from '../../run/types.ts'
import { ARP } from './arp.ts'
import { BRIDGE } from './bridge.ts'
import { IP } from './ip.ts'
import { ROUTE } from './route.ts'
import { SS } from './ss.ts'
import { SYSCTL } from './sysctl.ts'

export const netPrograms: readonly Program[] = [IP, BRIDGE, ARP, ROUTE, SYSCTL, SS]
