export function TracesPanel() {
  return null
}
