/** Environments: what a process has of its own, and what it shares with others, as all pods of a namespace do. */
import { NO_ENTRIES } from '../base/entries.ts'

export interface Environment {
  /** Frozen: shared by all that inherit it. */
  env: ReadonlyMap<string, string>
  /** Variables behind those, but for names that `env` has: one frozen map for all containers that have the same. */
  links: ReadonlyMap<string, string>
  /** What the variable HOSTNAME stands for where `env` has it as OWN_HOSTNAME. */
  hostname: string
}

export const NO_LINKS: ReadonlyMap<string, string> = NO_ENTRIES

/** In the place of a value that would keep containers from sharing the others. */
export const OWN_HOSTNAME = '\u0000hostname'

/** All variables, in their order. */
export function environOf({ env, links, hostname }: Environment): ReadonlyMap<string, string> {
  const named = env.get('HOSTNAME') === OWN_HOSTNAME
  if (links.size === 0 && !named) return env
  const all = new Map(env)
  if (named) all.set('HOSTNAME', hostname)
  for (const [name, value] of links) if (!all.has(name)) all.set(name, value)
  return all
}
