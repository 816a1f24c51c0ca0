export function Player() {
  return null
}
