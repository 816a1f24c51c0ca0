/** resource.Quantity: 100m, 1.5, 64Mi, 1e3. Models apimachinery pkg/api/resource as far as comparing and adding go. */
import type { IntOrString } from '../objects.ts'

const units: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
}

/** The amount as a number; undefined where the text is none. */
export function parseQuantity(value: IntOrString): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)?|[eE]([+-]?\d+))$/.exec(String(value))
  if (match === null) return undefined
  const [, number, unit = '', exponent] = match
  return Number(number) * (exponent === undefined ? units[unit] : 10 ** Number(exponent))
}

/** Negative, 0 or positive; what cannot be read counts as 0. */
export function compareQuantity(a: IntOrString, b: IntOrString): number {
  return (parseQuantity(a) ?? 0) - (parseQuantity(b) ?? 0)
}
