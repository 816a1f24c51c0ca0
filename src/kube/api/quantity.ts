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

const POWERS: Readonly<Record<string, readonly [base: number, exponent: number]>> = {
  n: [10, -9],
  u: [10, -6],
  m: [10, -3],
  '': [10, 0],
  k: [10, 3],
  M: [10, 6],
  G: [10, 9],
  T: [10, 12],
  P: [10, 15],
  E: [10, 18],
  Ki: [2, 10],
  Mi: [2, 20],
  Gi: [2, 30],
  Ti: [2, 40],
  Pi: [2, 50],
  Ei: [2, 60],
}

const NANO = 9

/**
 * The amount in the one form that the server keeps and prints: 1000m is 1, 0.5 is 500m, 1024Mi is 1Gi, 1000e3 is 1e6.
 * The text as it is where it is no quantity.
 */
export function canonicalQuantity(value: IntOrString): string {
  const text = String(value)
  const match = /^([+-]?)(\d*)\.?(\d*)(?:([numkMGTPE]|[KMGTPE]i)?|[eE]([+-]?\d+))$/.exec(text)
  if (match === null || parseQuantity(text) === undefined) return text
  const [, sign, whole = '', part = '', unit = '', exponent] = match
  const [base, power] = exponent === undefined ? POWERS[unit]! : [10, Number(exponent)]
  const nanos = inNanos(BigInt(`${whole}${part}` || '0'), part.length, base, power)
  if (nanos === undefined) return text
  if (nanos === 0n) return '0'
  const minus = sign === '-' ? '-' : ''
  const unity = 10n ** BigInt(NANO)
  if (base === 2 && nanos >= 1024n * unity && nanos % unity === 0n) return minus + binaryText(nanos / unity)
  return minus + decimalText(nanos, exponent !== undefined)
}

/** digits / 10^places * base^power in 10^-9; what is finer is rounded up. undefined: too large to be one. */
function inNanos(digits: bigint, places: number, base: number, power: number): bigint | undefined {
  if (power > 60 || power < -60) return undefined
  if (base === 2) return ceil(digits * 2n ** BigInt(power) * 10n ** BigInt(NANO), 10n ** BigInt(places))
  const shift = NANO + power - places
  return shift >= 0 ? digits * 10n ** BigInt(shift) : ceil(digits, 10n ** BigInt(-shift))
}

function ceil(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

function binaryText(amount: bigint): string {
  let n = amount
  let at = 0
  for (; at < 6 && n % 1024n === 0n; at++) n /= 1024n
  return `${n}${['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][at]}`
}

function decimalText(nanos: bigint, scientific: boolean): string {
  let n = nanos
  let at = -3
  for (; at < 6 && n % 1000n === 0n; at++) n /= 1000n
  if (scientific) return at === 0 ? String(n) : `${n}e${at * 3}`
  return `${n}${['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'][at + 3]}`
}
