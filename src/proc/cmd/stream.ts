/** Programs that speak over TCP. */
import type { Program } from '../program.ts'
import { curl } from './curl.ts'
import { apache, nginx, python, python2, python3 } from './httpd.ts'
import { nc } from './nc.ts'
import { netstat } from './netstat.ts'
import { telnet } from './telnet.ts'
import { wget } from './wget.ts'

export const streamPrograms: readonly Program[] = Object.freeze([
  apache,
  curl,
  nc,
  { ...nc, name: 'netcat' },
  netstat,
  nginx,
  python,
  python2,
  python3,
  telnet,
  wget,
])
