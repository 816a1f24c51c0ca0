export function ObjectTree() {
  return null
}
