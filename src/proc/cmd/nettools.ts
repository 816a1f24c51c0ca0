/** Commands about the machine's network of other packages: tc, ifconfig, nsenter, dmesg. */
import type { Program } from '../program.ts'
import { dmesg } from './dmesg.ts'
import { ifconfig } from './ifconfig.ts'
import { nsenter } from './nsenter.ts'
import { tc } from './tc.ts'

export const nettoolsPrograms: readonly Program[] = Object.freeze([dmesg, ifconfig, nsenter, tc])
