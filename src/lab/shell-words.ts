/**
 * Cuts a shell line into commands and words with their places, to find and change names in it. It does not expand
 * anything; `proc/shell` runs lines, this only looks at them.
 */

export interface ShellWord {
  /** The word without its quotes. */
  text: string
  from: number
  to: number
  /** Where `text` stands literally in the line: false when a quote or backslash lies inside the word. */
  literal: boolean
}

export interface ShellCommand {
  words: ShellWord[]
  from: number
  to: number
  /** What stands behind it: '' at the end, else `;`, `&&`, `||`, `|`, `&` or a line break. */
  separator: string
  /** Behind the separator and the spaces after it. */
  next: number
}

/** The simple commands of a line, in order. Compound commands come out as words; quotes that do not close end it. */
export function shellCommands(line: string): ShellCommand[] {
  const commands: ShellCommand[] = []
  let words: ShellWord[] = []
  let at = 0
  let from = 0
  const end = (to: number, separator: string, next: number): void => {
    if (words.length > 0) {
      commands.push({ words, from: words[0]!.from, to: words.at(-1)!.to, separator, next })
    } else if (commands.length > 0 && separator === '') commands.at(-1)!.next = to
    words = []
    from = next
  }
  while (at < line.length) {
    const two = line.slice(at, at + 2)
    const c = line[at]!
    if (c === ' ' || c === '\t') at++
    else if (c === '#') break
    else if (two === '&&' || two === '||') {
      const next = skipSpace(line, at + 2)
      end(at, two, next)
      at = next
    } else if (c === ';' || c === '|' || c === '\n' || (c === '&' && line[at - 1] !== '>')) {
      const next = skipSpace(line, at + 1)
      end(at, c, next)
      at = next
    } else {
      const word = readWord(line, at)
      words.push(word)
      at = word.to
    }
  }
  end(line.length, '', line.length)
  return from <= line.length ? commands : []
}

/** Several exec lines as containerlab can run them: a line that needs a shell becomes `sh -c '…'`. */
export function needsShell(line: string): boolean {
  const commands = shellCommands(line)
  if (commands.length !== 1 || commands[0]!.separator !== '') return true
  return /[$`<>()*?{}~]/.test(line) || /(^|\s)(if|for|while|case|!)\s/.test(line) || line.includes('#')
}

/** A word quoted for a POSIX shell where it needs to be. */
export function shellQuote(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** A line without some of its commands; null where nothing is left. */
export function withoutCommand(
  line: string,
  commands: { from: number; to: number; next: number }[],
  doomed: number[],
): string | null {
  let text = line
  for (const index of [...doomed].sort((a, b) => b - a)) {
    const command = commands[index]
    if (command === undefined) continue
    const previous = commands[index - 1]
    const last =
      index === commands.length - 1 ||
      commands.slice(index + 1).every((_, i) => doomed.includes(index + 1 + i))
    text =
      last && previous !== undefined && !doomed.includes(index - 1)
        ? text.slice(0, previous.to) + text.slice(Math.min(command.next, text.length))
        : text.slice(0, command.from) + text.slice(Math.min(command.next, text.length))
  }
  return text.trim() === '' ? null : text
}

function readWord(line: string, start: number): ShellWord {
  let at = start
  let text = ''
  let literal = true
  while (at < line.length && !/[\s;|&]/.test(line[at]!)) {
    const c = line[at]!
    if (c === "'" || c === '"') {
      const close = closing(line, at)
      text += line.slice(at + 1, close)
      literal = false
      at = Math.min(close + 1, line.length)
    } else if (c === '\\') {
      text += line[at + 1] ?? ''
      literal = false
      at = Math.min(at + 2, line.length)
    } else {
      text += c
      at++
    }
  }
  // An ampersand of a redirection (`2>&1`) reaches here as the start of a word.
  if (at === start) return { text: line[at]!, from: start, to: start + 1, literal: true }
  return { text, from: start, to: at, literal }
}

function closing(line: string, open: number): number {
  const quote = line[open]!
  let at = open + 1
  while (at < line.length && line[at] !== quote) at += quote === '"' && line[at] === '\\' ? 2 : 1
  return at
}

function skipSpace(line: string, at: number): number {
  let next = at
  while (next < line.length && (line[next] === ' ' || line[next] === '\t')) next++
  return next
}
