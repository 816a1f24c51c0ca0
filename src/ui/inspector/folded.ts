/** Which tables the person has folded, remembered by kind of table. */
const KEY = 'kubehop.inspector.folded'
const FIRST = ['sysctl', 'processes', 'rule', 'counters', 'route6']

export function isFolded(table: string): boolean {
  return read().includes(table)
}

export function setFolded(table: string, folded: boolean): void {
  const others = read().filter((one) => one !== table)
  try {
    localStorage.setItem(KEY, JSON.stringify(folded ? [...others, table] : others))
  } catch {
    // Not remembered where storage is refused.
  }
}

function read(): string[] {
  try {
    const saved: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    return Array.isArray(saved) ? saved.map(String) : FIRST
  } catch {
    return FIRST
  }
}
