/** Programs that speak over TCP. */
import type { Program } from '../program.ts'
import { curl } from './curl.ts'
import { nginx, python, python3 } from './httpd.ts'

export const streamPrograms: readonly Program[] = Object.freeze([curl, nginx, python, python3])
