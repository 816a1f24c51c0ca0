/** The commands that are about shells, files, text and processes. Those about networks are lists of their own. */
import type { Program } from '../../run/types.ts'
import { shellPrograms } from '../shell/shell.ts'
import { filesPrograms } from './files.ts'
import { grepPrograms } from './grep.ts'
import { launchPrograms } from './launch.ts'
import { linesPrograms } from './lines.ts'
import { sedPrograms } from './sed.ts'
import { systemPrograms } from './system.ts'
import { textPrograms } from './text.ts'

export const corePrograms: readonly Program[] = [
  ...shellPrograms,
  ...systemPrograms,
  ...filesPrograms,
  ...textPrograms,
  ...grepPrograms,
  ...linesPrograms,
  ...sedPrograms,
  ...launchPrograms,
]
