/** The commands that show and change the network's configuration. */
import type { Program } from '../../run/types.ts'
import { IP } from './ip.ts'

export const netPrograms: readonly Program[] = [IP]
