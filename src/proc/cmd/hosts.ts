/** The way back from an address to a name, as getnameinfo(3) finds it in /etc/hosts. */
import type { Ip } from '../../base/addr.ts'
import { parseIp } from '../../base/addr.ts'
import { readFile } from '../../run/files.ts'
import type { ProcCtx } from '../program.ts'

/** The first name that /etc/hosts gives to an address; undefined for none. */
export function hostName(ctx: ProcCtx, ip: Ip): string | undefined {
  for (const line of readFile(ctx, '/etc/hosts').text.split('\n')) {
    const words = (line.split('#')[0] ?? '').split(/[ \t]+/).filter((word) => word !== '')
    if (words.length > 1 && parseIp(words[0]!) === ip) return words[1]
  }
  return undefined
}
