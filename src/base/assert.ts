// Checks that stay on: a failed one is a bug of ours and freezes the simulated world it happened in.

/** Throws an Error named AssertionError unless `condition` is truthy. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition) return
  const error = new Error(message)
  error.name = 'AssertionError'
  throw error
}

/** Marks the branch that the type checker knows to be impossible. Always throws. */
export function unreachable(value: never): never {
  const error = new Error(`unreachable: ${String(value)}`)
  error.name = 'AssertionError'
  throw error
}
