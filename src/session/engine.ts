/** What the session asks of the composition root `lab`; tests put small worlds in its place. */
import type { DumpRequest, DumpResult } from '../lab/dump/onto.ts'
import type { Edited, Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import type { OpenFile } from '../proc/cmd/vi.ts'
import type { Rules } from '../sim/world.ts'
import type { ScenePlaces } from '../view/scene.ts'
import type { Core } from './core.ts'
import type { CheckResult, Diagnostic, EditOp } from './types.ts'

export interface ParsedLab {
  /** Undefined where the text holds an error. */
  lab: Lab | undefined
  diagnostics: Diagnostic[]
}

export interface Screen {
  /** What a terminal shows, and how much of its beginning was dropped. */
  text: string
  dropped: number
  /** The line that is being typed. */
  line: string
  /** The file that is open in its editor, null for none. */
  editing: OpenFile | null
  /** Its shell has ended: nobody reads what is typed. */
  ended: boolean
}

/** Functions that take `at` submit an input at that virtual time. */
export interface Engine {
  parse(text: string): ParsedLab
  /** The world of a lab after boot, with its first checkpoint; boot commands that failed are warnings. */
  build(lab: Lab, text: string, seed: number): { world: World; diagnostics: Diagnostic[] }
  rules(lab: Lab): Rules<World>
  places(lab: Lab): ScenePlaces
  /** Whether the world already is what the lab says (places and the lesson are not in the world). */
  sameWorld(core: Core, lab: Lab): boolean
  /** Makes the running world what the text says. */
  apply(core: Core, text: string, at: number): void
  edit(text: string, op: EditOp): Edited
  /** A pasted dump put onto a machine of the text (lab/dump/onto.ts, which the worker loads late). */
  readDump(text: string, request: DumpRequest): DumpResult
  exportAs(core: Core, format: 'yaml' | 'containerlab' | 'sh'): string
  check(core: Core): CheckResult[]
  /** Opens a terminal with a shell in a room (`MACHINE` or `MACHINE.NETNS`). Its target's id, 0 where there is no such room. */
  openTerminal(core: Core, room: string, at: number): number
  closeTerminal(core: Core, target: number, at: number): void
  /** Ends the editor of a terminal; null: nothing is saved. */
  endEdit(core: Core, target: number, text: string | null, at: number): void
  type(core: Core, target: number, keys: string, at: number): void
  /** Undefined where the terminal is not open at this moment. */
  screen(world: World, target: number): Screen | undefined
}
