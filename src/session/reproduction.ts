/**
 * The reproduction of a run: seed + lab + inputs. The same text is the bug report and what
 * `npm run -s lab -- replay FILE` reads.
 */
import type { Input } from '../sim/world.ts'
import type { Core } from './core.ts'

export const REPRODUCTION_VERSION = 1

export interface Reproduction {
  version: number
  seed: number
  /** The lab file's text, as it was opened; later changes are among the inputs. */
  lab: string
  inputs: Input[]
  /** The event to stop after: the one that failed. */
  event: number
}

/** This run up to `event` as JSON. Inputs that are still to come are left out. */
export function reproductionOf(core: Core, event: number): string {
  const { world } = core
  const inputs = world.inputs.slice(0, world.inputCursor)
  const reproduction: Reproduction = {
    version: REPRODUCTION_VERSION,
    seed: core.seed,
    lab: core.openedText,
    inputs,
    event,
  }
  return JSON.stringify(reproduction)
}

/** Reads a reproduction; a string is the reason why the text is none. */
export function parseReproduction(text: string): Reproduction | string {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return `not JSON: ${String(error)}`
  }
  if (typeof value !== 'object' || value === null) return 'not a reproduction'
  const { version, seed, lab, inputs, event } = value as Record<string, unknown>
  if (version !== REPRODUCTION_VERSION) return `reproduction version ${String(version)} is not known`
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(event)) return 'seed and event must be integers'
  if (typeof lab !== 'string') return 'lab must be the text of a lab file'
  if (!Array.isArray(inputs) || !inputs.every(isInput)) return 'inputs must be a list of inputs'
  return { version, seed: seed as number, lab, inputs, event: event as number }
}

function isInput(value: unknown): value is Input {
  if (typeof value !== 'object' || value === null) return false
  const { afterEvent, at, kind } = value as Record<string, unknown>
  return Number.isSafeInteger(afterEvent) && Number.isSafeInteger(at) && typeof kind === 'string'
}
