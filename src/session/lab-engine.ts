/** The engine that a session runs on: the composition root `lab`. */
import { diffLab } from '../lab/apply.ts'
import { buildWorld } from '../lab/build.ts'
import { runChecks } from '../lab/check.ts'
import { editLab } from '../lab/edit.ts'
import { exportContainerlab, exportYaml } from '../lab/export.ts'
import { exportShell } from '../lab/export-sh.ts'
import { parseLab } from '../lab/parse.ts'
import { labTextOf } from '../lab/record.ts'
import type { LabRules } from '../lab/rules.ts'
import { submitApply, submitClose, submitEdit, submitKeys, submitTty } from '../lab/rules.ts'
import type { Lab } from '../lab/types.ts'
import type { World } from '../net/types.ts'
import { openFileOf } from '../proc/cmd/vi.ts'
import { findMachine } from '../run/machine.ts'
import { findProcess } from '../run/process.ts'
import { findTty } from '../run/tty.ts'
import type { ScenePlace } from '../view/scene.ts'
import type { Engine, Screen } from './engine.ts'

/** The real thing. */
export function labEngine(rules: LabRules, readDump: Engine['readDump']): Engine {
  return {
    parse: parseLab,
    build: (lab, text, seed) => {
      const { world, diagnostics } = buildWorld(lab, text, seed, rules)
      return { world, diagnostics }
    },
    rules: () => rules,
    places: placesOf,
    sameWorld: (core, lab) => sameWorld(core.world, lab),
    apply: (core, text, at) => submitApply(core.world, core.rules, text, at),
    edit: editLab,
    readDump,
    exportAs: (core, format) => {
      if (format === 'containerlab') return exportContainerlab(core.text)
      return format === 'sh' ? exportShell(core.world) : exportYaml(core.text)
    },
    check: (core) => runChecks(core.lab, core.world, core.rules),
    openTerminal: (core, room, at) => submitTty(core.world, core.rules, room, at),
    closeTerminal: (core, target, at) => submitClose(core.world, core.rules, target, at),
    type: (core, target, keys, at) => submitKeys(core.world, core.rules, target, keys, at),
    endEdit: (core, target, text, at) => submitEdit(core.world, core.rules, target, text, at),
    screen: screenOf,
  }
}

function screenOf(world: World, target: number): Screen | undefined {
  const tty = findTty(world, target)
  if (tty === undefined) return undefined
  const machine = findMachine(world, tty.machine)
  const ended = machine === undefined || findProcess(world, machine, tty.shell) === undefined
  const editing = openFileOf(world, target) ?? null
  return { text: tty.text, dropped: tty.dropped, line: tty.line, editing, ended }
}

/** Whether the world already is what the lab says; what is not in the world (places, the lesson) does not count. */
function sameWorld(world: World, lab: Lab): boolean {
  const before = parseLab(labTextOf(world)).lab
  return before !== undefined && before.ipv6 === lab.ipv6 && diffLab(before, lab).length === 0
}

function placesOf(lab: Lab): Map<string, ScenePlace> {
  return new Map(lab.machines.map(({ name, role, x, y }) => [name, { role, x, y }]))
}
