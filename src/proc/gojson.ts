/** JSON as Go's encoding/json reads it: the same mistakes, in its words. Objects keep `__proto__` as a key like any other. */

/** A parsed value, or the text of Go's error. Nesting beyond 10,000 is refused as Go does. */
export type GoJson =
  | { readonly value: unknown; readonly error: '' }
  | { readonly value: undefined; readonly error: string }

const MAX_DEPTH = 10_000

/** Parses a whole text. Models encoding/json scanner.go. */
export function parseGoJson(text: string): GoJson {
  const error = scan(text)
  if (error !== '') return { value: undefined, error }
  return { value: JSON.parse(text), error: '' }
}

/** '' for valid JSON, else what Go says of the first character that is wrong. */
function scan(text: string): string {
  let at = 0
  const stack: ('object' | 'array')[] = []
  // What may come next: a value, a key or the end of an object, and so on.
  let want: 'value' | 'value or ]' | 'key or }' | 'key' | ':' | 'after value' = 'value'
  for (;;) {
    while (at < text.length && ' \t\r\n'.includes(text[at]!)) at++
    if (at >= text.length) {
      return want === 'after value' && stack.length === 0 ? '' : 'unexpected end of JSON input'
    }
    const char = text[at]!
    const top = stack.at(-1)
    if (want === 'after value') {
      if (top === undefined) return bad(char, 'after top-level value')
      if (char === ',') want = top === 'object' ? 'key' : 'value'
      else if (char === (top === 'object' ? '}' : ']')) stack.pop()
      else return bad(char, top === 'object' ? 'after object key:value pair' : 'after array element')
      at++
      continue
    }
    if (want === ':') {
      if (char !== ':') return bad(char, 'after object key')
      want = 'value'
      at++
      continue
    }
    if (want === 'key' || want === 'key or }') {
      if (char === '}' && want === 'key or }') {
        stack.pop()
        want = 'after value'
        at++
        continue
      }
      if (char !== '"') return bad(char, 'looking for beginning of object key string')
      const end = scanString(text, at)
      if (typeof end === 'string') return end
      at = end
      want = ':'
      continue
    }
    if (char === ']' && want === 'value or ]') {
      stack.pop()
      want = 'after value'
      at++
      continue
    }
    if (char === '{' || char === '[') {
      stack.push(char === '{' ? 'object' : 'array')
      if (stack.length > MAX_DEPTH) return 'exceeded max depth'
      want = char === '{' ? 'key or }' : 'value or ]'
      at++
      continue
    }
    const end = scanScalar(text, at)
    if (typeof end === 'string') return end
    at = end
    want = 'after value'
  }
}

function scanScalar(text: string, at: number): number | string {
  const char = text[at]!
  if (char === '"') return scanString(text, at)
  for (const word of ['true', 'false', 'null']) {
    if (word[0] === char) return scanWord(text, at, word)
  }
  if (char === '-' || (char >= '0' && char <= '9')) return scanNumber(text, at)
  return bad(char, 'looking for beginning of value')
}

function scanWord(text: string, at: number, word: string): number | string {
  for (let i = 1; i < word.length; i++) {
    const char = text[at + i]
    if (char === undefined) return 'unexpected end of JSON input'
    if (char !== word[i]) return bad(char, `in literal ${word} (expecting ${quote(word[i]!)})`)
  }
  return at + word.length
}

function scanNumber(text: string, from: number): number | string {
  let at = from
  const digit = () => text[at] !== undefined && text[at]! >= '0' && text[at]! <= '9'
  const need = (where: string): string => {
    if (digit()) return ''
    return text[at] === undefined ? 'unexpected end of JSON input' : bad(text[at]!, where)
  }
  if (text[at] === '-') at++
  const wrong = need('in numeric literal')
  if (wrong !== '') return wrong
  if (text[at] === '0') at++
  else while (digit()) at++
  if (text[at] === '.') {
    at++
    const fraction = need('after decimal point in numeric literal')
    if (fraction !== '') return fraction
    while (digit()) at++
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at++
    if (text[at] === '+' || text[at] === '-') at++
    const exponent = need('in exponent of numeric literal')
    if (exponent !== '') return exponent
    while (digit()) at++
  }
  return at
}

function scanString(text: string, from: number): number | string {
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at]!
    if (char === '"') return at + 1
    if (char < ' ') return bad(char, 'in string literal')
    if (char !== '\\') continue
    at++
    const code = text[at]
    if (code === undefined) break
    if (code === 'u') {
      for (let i = 0; i < 4; i++) {
        at++
        const hex = text[at]
        if (hex === undefined) return 'unexpected end of JSON input'
        if (!/[0-9a-fA-F]/.test(hex)) return bad(hex, 'in \\u hexadecimal character escape')
      }
    } else if (!'"\\/bfnrt'.includes(code)) return bad(code, 'in string escape code')
  }
  return 'unexpected end of JSON input'
}

function bad(char: string, where: string): string {
  return `invalid character ${quote(char)} ${where}`
}

/** A character as Go's %q prints it in single quotes. */
function quote(char: string): string {
  const named: Record<string, string> = { "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }
  if (named[char] !== undefined) return `'${named[char]}'`
  const code = char.charCodeAt(0)
  return code < 32 || code === 127 ? `'\\x${code.toString(16).padStart(2, '0')}'` : `'${char}'`
}
