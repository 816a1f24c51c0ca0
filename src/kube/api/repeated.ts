/** Fields that a JSON text gives twice. Models the strict decoder of sigs.k8s.io/json; JSON.parse keeps the last. */

export interface FieldOrder {
  /** Paths as in `spec.ports[0].port`, by their first place in the text: what is told first. */
  readonly places: ReadonlyMap<string, number>
  /** Each path once for every time too many, with that place. */
  readonly repeated: readonly { readonly path: string; readonly place: number }[]
}

/** Reads the paths of a text that JSON.parse takes. */
export function fieldOrder(text: string): FieldOrder {
  const places = new Map<string, number>()
  const repeated: { path: string; place: number }[] = []
  const state = { text, at: 0 }
  // What is open: the path so far, and of a list the index of its item.
  const open: { readonly path: string; readonly list: boolean; index: number }[] = []
  let path = ''
  while (state.at < text.length) {
    const c = text[state.at]
    const top = open[open.length - 1]
    if (c === '"') {
      const start = state.at
      const end = stringEnd(text, start)
      state.at = end
      if (top === undefined || top.list || !isKey(text, end)) continue
      const key = JSON.parse(text.slice(start, end)) as string
      path = top.path === '' ? key : `${top.path}.${key}`
      if (places.has(path)) repeated.push({ path, place: start })
      else places.set(path, start)
      continue
    }
    state.at++
    if (c === '{' || c === '[') {
      const here = top?.list === true ? `${top.path}[${top.index}]` : path
      open.push({ path: here, list: c === '[', index: 0 })
    } else if (c === '}' || c === ']') open.pop()
    else if (c === ',' && top?.list === true) top.index++
  }
  return { places, repeated }
}

/** Behind the closing quote of the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isKey(text: string, from: number): boolean {
  let at = from
  while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  return text[at] === ':'
}
