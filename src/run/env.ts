/** Environments: what a process has of its own, and what it shares with others, as all pods of a namespace do. */

export interface Environment {
  /** Frozen: shared by all that inherit it. */
  env: ReadonlyMap<string, string>
  /** Variables behind those, but for names that `env` has: one frozen map for all containers that have the same. */
  links: ReadonlyMap<string, string>
}

export const NO_LINKS: ReadonlyMap<string, string> = Object.freeze(new Map())

/** All variables, in their order. */
export function environOf({ env, links }: Environment): ReadonlyMap<string, string> {
  if (links.size === 0) return env
  const all = new Map(env)
  for (const [name, value] of links) if (!all.has(name)) all.set(name, value)
  return all
}
