/**
 * What is equal is shared: the parts of a new object that stand just so in a frozen one that is there already (the labels
 * and volumes of pods of one set, what the events of a pod are about) are taken from it.
 */

type Plain = Record<string, unknown>

/**
 * The value, with `model`'s parts in the place of equal ones; the model itself where all is equal, keys in the same order.
 * The value's own records are changed by it, frozen ones are left as they are.
 */
export function shareParts(value: unknown, model: unknown): unknown {
  if (typeof value !== 'object' || value === null || typeof model !== 'object' || model === null) return value
  if (value === model || Array.isArray(value) !== Array.isArray(model)) return value
  const keys = Object.keys(value)
  const others = Object.keys(model)
  const fixed = Object.isFrozen(value)
  let equal = keys.length === others.length
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    if (key !== others[i]) {
      equal = false
      if (!Object.hasOwn(model, key)) continue
    }
    const own = (value as Plain)[key]
    const other = (model as Plain)[key]
    const shared = shareParts(own, other)
    if (shared !== other) equal = false
    if (shared !== own && !fixed) (value as Plain)[key] = shared
  }
  return equal ? model : value
}
