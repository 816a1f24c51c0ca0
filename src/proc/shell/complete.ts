/** Completion of what is typed at a shell: commands, files, and what a command's own `complete` knows. */
import { listDir, resolvePath, statFile } from '../../run/files.ts'
import type { CompletionRequest } from '../../run/types.ts'
import { builtinNames } from './builtins.ts'

const PREFIXES: ReadonlySet<string> = new Set([
  'sudo',
  'exec',
  'time',
  'nohup',
  'watch',
  'env',
  'xargs',
  'command',
  '!',
])
const CANDIDATES_MAX = 500

/** Candidates for the last word of the line that `words[0]` holds. */
export function completeLine(request: CompletionRequest): string[] {
  const line = request.words[0] ?? ''
  const command = /[^;|&()]*$/.exec(line)?.[0] ?? ''
  const words = command.split(/\s+/).filter((word, i, all) => word !== '' || i === all.length - 1)
  while (words.length > 1 && (PREFIXES.has(words[0]!) || /^[A-Za-z_]\w*=/.test(words[0]!))) words.shift()
  const word = /[^\s;|&()<>=]*$/.exec(line)?.[0] ?? ''
  words[words.length - 1] = word
  const redirect = /[<>]\s*[^\s]*$/.test(line)
  if (words.length <= 1 && !redirect && !word.includes('/')) return commands(request, word)
  const own = redirect ? undefined : request.programs.get(words[0]!)?.complete?.({ ...request, words })
  return own === undefined ? files(request, word) : matching(own, word)
}

/** Names of interfaces in the namespace: for commands' own completion. */
export function linkNames(request: CompletionRequest): string[] {
  return request.ns.links.flatMap((link) => (link === undefined ? [] : [link.name]))
}

/** Names of the machine's namespaces. */
export function netnsNames(request: CompletionRequest): string[] {
  return [...request.machine.netns.keys()]
}

function commands(request: CompletionRequest, word: string): string[] {
  if (word === '') return []
  return matching(
    [...request.programs.keys(), ...builtinNames('bash').filter((name) => /^[a-z]/.test(name))],
    word,
  )
}

function files(request: CompletionRequest, word: string): string[] {
  const { world, ns, machine, cwd } = request
  const ctx = { world, ns, machine, proc: { cwd } }
  const slash = word.lastIndexOf('/')
  const dir = word.slice(0, slash + 1)
  const names = listDir(ctx, resolvePath(cwd, dir === '' ? '.' : dir)) ?? []
  const shown = names.filter((name) => !name.startsWith('.') || word.slice(slash + 1).startsWith('.'))
  const full = shown.map((name) => {
    return dir + name + (statFile(ctx, resolvePath(cwd, dir + name))?.kind === 'dir' ? '/' : '')
  })
  return matching(full, word)
}

function matching(names: readonly string[], word: string): string[] {
  return [...new Set(names.filter((name) => name.startsWith(word)))].sort().slice(0, CANDIDATES_MAX)
}
