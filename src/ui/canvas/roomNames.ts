/** Names of rooms on the drawing: how they break, and the room that they take. */

const HEAD = 28
const LONG = 18
export const NAME_LINE = 19

/** A name on one line, or on two where it is long and has a hyphen to break at: pods are called after what made them. */
export function nameLines(name: string): string[] {
  if (name.length <= LONG) return [name]
  const longer = (at: number) => Math.max(at + 1, name.length - at - 1)
  const breaks = [...name.matchAll(/-(?=.)/g)].map((found) => found.index)
  const best = breaks.toSorted((a, b) => longer(a) - longer(b))[0]
  return best === undefined ? [name] : [name.slice(0, best + 1), name.slice(best + 1)]
}

/** Width that a name takes at its room's upper left. */
export function headWidth(name: string): number {
  const lines = nameLines(name)
  // Long ones are measured closely: beside theirs a Service's line may end.
  if (lines.length === 1) return name.length * 8 + 20
  return Math.max(...lines.map((line) => line.length)) * 8.6 + 30
}

/** Height of what stands above a room's ports: its name. */
export function headHeight(name: string): number {
  return HEAD + (nameLines(name).length - 1) * NAME_LINE
}
