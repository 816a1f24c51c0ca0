/** `ip netns`. Models ip/ipnetns.c of iproute2 6.1. Refused by name: set, attach, monitor, and -all. */
import { nsidOf } from '../../net/link/nsid.ts'
import { findNetns } from '../../net/world.ts'
import { machineNetnsAdd, machineNetnsDel, netnsByName, netnsEntries } from '../../run/machine.ts'
import { spawnIn } from '../../run/process.ts'
import { nsNameOf } from '../print/names.ts'
import { both, closeArray, closeObject, openArray, openObject, put } from '../print/writer.ts'
import type { IpRun } from './ipctx.ts'
import type { Words } from './iproute2.ts'
import { giveUp, matches, more, noSuchCommand, notModelled, quit, word } from './iproute2.ts'

export function ipNetns(run: IpRun, words: Words): void {
  if (!more(words)) {
    netnsList(run)
    return
  }
  const command = word(words)
  if (run.all) notModelled('ip -all netns')
  const named = words.list[words.at + 1]
  if (named !== undefined && (named === '.' || named === '..' || named.includes('/') || named === '')) {
    quit(`Invalid netns name "${named}"\n`)
  }
  words.at++
  if (matches(command, 'list') || matches(command, 'show') || matches(command, 'lst')) netnsList(run)
  else if (matches(command, 'list-id')) netnsListId(run)
  else if (matches(command, 'help')) netnsUsage()
  else if (matches(command, 'add')) netnsAdd(run, words)
  else if (matches(command, 'set')) notModelled('ip netns set')
  else if (matches(command, 'delete')) netnsDelete(run, words)
  else if (matches(command, 'identify')) netnsIdentify(run, words)
  else if (matches(command, 'pids')) netnsPids(run, words)
  else if (matches(command, 'exec')) netnsExec(run, words)
  else if (matches(command, 'monitor')) notModelled('ip netns monitor')
  else if (matches(command, 'attach')) notModelled('ip netns attach')
  else noSuchCommand(command, 'ip netns')
}

/** Names, newest first as the directory lists them, with the number that the namespace is known by. */
function netnsList(run: IpRun): void {
  const { w } = run
  openArray(w)
  for (const [name, ns] of netnsEntries(run.machine).reverse()) {
    openObject(w)
    both(w, 'name', name, name)
    const id = nsidOf(run.ns, ns)
    if (id >= 0) both(w, 'id', id, ` (id: ${id})`)
    put(w, '\n')
    closeObject(w)
  }
  closeArray(w)
}

function netnsListId(run: IpRun): void {
  const { w } = run
  openArray(w)
  for (const [id, ns] of (run.ns.nsids ?? []).entries()) {
    if (findNetns(run.world, ns) === undefined) continue
    openObject(w)
    both(w, 'nsid', id, `nsid ${id} `)
    const name = nsNameOf(run.machine, ns)
    if (name !== '') both(w, 'name', name, `(iproute2 netns name: ${name})`)
    put(w, '\n')
    closeObject(w)
  }
  closeArray(w)
}

function netnsAdd(run: IpRun, words: Words): void {
  if (!more(words)) giveUp('No netns name specified\n')
  const name = word(words)
  const bad = machineNetnsAdd(run.world, run.machine.id, name)
  if (bad === null) return
  if (bad.errno === 'EEXIST') giveUp(`Cannot create namespace file "/run/netns/${name}": File exists\n`)
  giveUp(`${bad.message}\n`)
}

function netnsDelete(run: IpRun, words: Words): void {
  if (!more(words)) giveUp('No netns name specified\n')
  const name = word(words)
  if (machineNetnsDel(run.world, run.machine.id, name) === null) return
  giveUp(`Cannot remove namespace file "/run/netns/${name}": No such file or directory\n`)
}

/** Names of the namespace that a process lives in: its own without a pid. */
function netnsIdentify(run: IpRun, words: Words): void {
  const text = more(words) ? word(words) : String(run.ctx.proc.pid)
  if (!/^[0-9]{1,9}$/.test(text)) giveUp(`Specified string '${text}' is not a pid\n`)
  const id = run.machine.pids.get(Number(text))
  if (id === undefined) giveUp('Cannot open network namespace: No such file or directory\n')
  put(run.w, `${nsNameOf(run.machine, id)}\n`)
}

function netnsPids(run: IpRun, words: Words): void {
  if (!more(words)) giveUp('No netns name specified\n')
  const id = netnsByName(run.machine, word(words))
  if (id === undefined) giveUp('Cannot open network namespace: No such file or directory\n')
  for (const [pid, ns] of run.machine.pids) if (ns === id) put(run.w, `${pid}\n`)
}

/** The command runs as a child in the namespace; `ip` ends as it ends. */
function netnsExec(run: IpRun, words: Words): void {
  if (!more(words)) giveUp('No netns name specified\n')
  const name = word(words)
  words.at++
  if (!more(words)) giveUp('No command specified\n')
  const id = netnsByName(run.machine, name)
  if (id === undefined) quit(`Cannot open network namespace "${name}": No such file or directory\n`)
  const argv = words.list.slice(words.at)
  const command = argv[0] ?? ''
  const program = command.slice(command.lastIndexOf('/') + 1)
  if (!run.ctx.programs.has(program)) giveUp(`exec of "${command}" failed: No such file or directory\n`)
  const pid = spawnIn(run.ctx, id, program, [...argv])
  if (pid === 0) giveUp('fork: Resource temporarily unavailable\n')
  run.waiting = true
}

function netnsUsage(): never {
  quit(
    'Usage:\tip netns list\n\tip netns add NAME\n\tip netns delete NAME\n\tip netns identify [PID]\n' +
      '\tip netns pids NAME\n\tip netns exec NAME cmd ...\n\tip netns list-id\n',
  )
}
