/** The programs that exist on every machine of a lab: the composition root names them, `run` only finds them. */
import { cniPrograms } from '../proc/cmd/cni.ts'
import { corePrograms } from '../proc/cmd/core.ts'
import { dockerPrograms } from '../proc/cmd/docker/docker.ts'
import { imagePrograms } from '../proc/cmd/docker/servers.ts'
import { dnsPrograms } from '../proc/cmd/dns.ts'
import { filesPrograms } from '../proc/cmd/files.ts'
import { grepPrograms } from '../proc/cmd/grep.ts'
import { launchPrograms } from '../proc/cmd/launch.ts'
import { linesPrograms } from '../proc/cmd/lines.ts'
import { netPrograms } from '../proc/cmd/net.ts'
import { nettoolsPrograms } from '../proc/cmd/nettools.ts'
import { nfPrograms } from '../proc/cmd/nf.ts'
import { probePrograms } from '../proc/cmd/probe.ts'
import { sedPrograms } from '../proc/cmd/sed.ts'
import { streamPrograms } from '../proc/cmd/stream.ts'
import { systemPrograms } from '../proc/cmd/system.ts'
import { textPrograms } from '../proc/cmd/text.ts'
import { tarProgram } from '../proc/cmd/tar.ts'
import { viProgram } from '../proc/cmd/vi.ts'
import { shellPrograms } from '../proc/shell/shell.ts'
import type { Program, Programs } from '../run/types.ts'

const ALL: readonly (readonly Program[])[] = [
  shellPrograms,
  corePrograms,
  filesPrograms,
  textPrograms,
  linesPrograms,
  grepPrograms,
  sedPrograms,
  systemPrograms,
  launchPrograms,
  netPrograms,
  nfPrograms,
  probePrograms,
  streamPrograms,
  dockerPrograms,
  imagePrograms,
  dnsPrograms,
  nettoolsPrograms,
  cniPrograms,
  [tarProgram],
  [viProgram],
]

/** Programs by name. */
export function labPrograms(): Programs {
  const programs = new Map<string, Program>()
  for (const program of ALL.flat()) programs.set(program.name, program)
  return programs
}
