/** What `echo` and `printf` print. Models dash 0.5.12's and bash 5.2's echo, and printf(1) as POSIX.1-2024 has it. */

/** The characters that one command may print. */
const TEXT_MAX = 1_048_576

/** `dash` always reads escapes and knows `-n`; `bash` (and /bin/echo) reads them after `-e`. */
export function echoText(args: readonly string[], dialect: 'dash' | 'bash'): string {
  let i = 0
  let newline = true
  let escapes = dialect === 'dash'
  if (dialect === 'dash') {
    if (args[0] === '-n') {
      newline = false
      i = 1
    }
  } else {
    while (/^-[neE]+$/.test(args[i] ?? '')) {
      for (const c of args[i]!.slice(1)) {
        if (c === 'n') newline = false
        else escapes = c === 'e'
      }
      i++
    }
  }
  const text = args.slice(i).join(' ')
  if (!escapes) return newline ? `${text}\n` : text
  const result = unescaped(text, true)
  return result.stop || !newline ? result.text : `${result.text}\n`
}

/** `bad`: arguments that are no numbers. The format is used again while arguments are left. */
export function printfText(format: string, args: readonly string[]): { text: string; bad: string[] } {
  const bad: string[] = []
  let text = ''
  let next = 0
  do {
    const before = next
    let stopped = false
    text += format.replace(
      /\\([abfnrtv\\"']|[0-7]{1,3}|x[0-9a-fA-F]{1,2})|%%|%([-+ #0]*)(\*|[0-9]{1,4})?(?:\.(\*|[0-9]{0,4}))?([bcdiouxXsq])/g,
      (whole: string, _escape: string, flags = '', width = '', precision = undefined, kind = '') => {
        if (stopped) return ''
        if (whole.startsWith('\\')) return unescaped(whole, false).text
        if (whole === '%%') return '%'
        const w = width === '*' ? Number(args[next++] ?? 0) : Number(width || 0)
        const p =
          precision === '*' ? Number(args[next++] ?? 0) : precision === undefined ? -1 : Number(precision)
        const arg = args[next++]
        const one = convert(kind, arg ?? '', flags, p, bad)
        if (kind === 'b' && unescaped(arg ?? '', true).stop) stopped = true
        return pad(one, Math.min(Math.abs(w), 4096), flags, kind, p)
      },
    )
    if (next === before || stopped) break
  } while (next < args.length && text.length < TEXT_MAX)
  return { text, bad }
}

function convert(kind: string, arg: string, flags: string, precision: number, bad: string[]): string {
  if (kind === 's') return precision >= 0 ? arg.slice(0, precision) : arg
  if (kind === 'c') return arg.slice(0, 1)
  if (kind === 'b') return unescaped(arg, true).text
  if (kind === 'q') return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`
  let value = 0
  if (/^["']./.test(arg)) value = arg.codePointAt(1)!
  else if (/^\s*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(arg)) {
    const digits = arg.trim().replace(/^[+-]/, '')
    value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
    if (arg.trim().startsWith('-')) value = -value
  } else if (arg !== '') {
    bad.push(arg)
    value = Number.parseInt(arg, 10) || 0
  }
  const radix = kind === 'o' ? 8 : kind === 'x' || kind === 'X' ? 16 : 10
  const unsigned = radix !== 10 || kind === 'u'
  const n =
    unsigned && value < 0
      ? BigInt.asUintN(64, BigInt(Math.trunc(value)))
      : BigInt(Math.trunc(Math.abs(value)))
  let digits = n.toString(radix).padStart(Math.max(0, precision), '0')
  if (kind === 'X') digits = digits.toUpperCase()
  if (flags.includes('#') && radix === 16 && value !== 0) digits = (kind === 'X' ? '0X' : '0x') + digits
  if (flags.includes('#') && radix === 8) digits = `0${digits}`
  if (!unsigned && value < 0) return `-${digits}`
  if (unsigned) return digits
  return flags.includes('+') ? `+${digits}` : flags.includes(' ') ? ` ${digits}` : digits
}

function pad(text: string, width: number, flags: string, kind: string, precision: number): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0') || 'scbq'.includes(kind) || precision >= 0) return text.padStart(width)
  const sign = /^[+ -]?(0[xX])?/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}

/** Escapes as echo -e and `%b` (zero-led octal) or as a printf format reads them. `\c` stops. */
function unescaped(text: string, zero: boolean): { text: string; stop: boolean } {
  const plain: Record<string, string> = {
    a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\',
  } // biome-ignore format: one line
  let result = ''
  for (let i = 0; i < text.length; i++) {
    const next = text[i + 1]
    if (text[i] !== '\\' || next === undefined) {
      result += text[i]
      continue
    }
    const rest = text.slice(i + 1, i + 6)
    const octal = (zero ? /^0[0-7]{0,3}/ : /^[0-7]{1,3}/).exec(rest)?.[0]
    const hex = /^x[0-9a-fA-F]{1,2}/.exec(rest)?.[0]
    if (zero && next === 'c') return { text: result, stop: true }
    if (octal !== undefined) result += String.fromCharCode(Number.parseInt(octal, 8) & 255)
    else if (hex !== undefined) result += String.fromCharCode(Number.parseInt(hex.slice(1), 16))
    else result += plain[next] ?? (!zero && (next === '"' || next === "'") ? next : `\\${next}`)
    i += octal?.length ?? hex?.length ?? 1
  }
  return { text: result, stop: false }
}
