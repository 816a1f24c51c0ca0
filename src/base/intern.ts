/**
 * The one copy of a text that equal texts share. What a cluster writes again and again (a moment, `Started container c`, a
 * path in every pod) then stands in memory once. Only memory changes by it: engines keep the names of a record's fields
 * once, and give a name back when the fields are listed.
 */
export function interned(text: string): string {
  const record = Object.create(null) as Record<string, 0>
  record[text] = 0
  for (const name in record) return name
  return text
}
