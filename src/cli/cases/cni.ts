/** CNI plugins: recorded calls, run in their order on one machine. */
import type { World } from '../../net/types.ts'
import { cniExec } from '../../proc/cni/exec.ts'
import { machineNamed } from '../../run/machine.ts'
import { readyLab, runLine } from './lab.ts'
import type { CaseResult } from './report.ts'
import { canonical, differs, runCase } from './report.ts'

interface Recorded {
  id: string
  plugin?: string
  env?: Record<string, string>
  config?: object | string
  exit?: number
  stdout: unknown
  stderr?: string
  host?: string
  cmd?: string
}

/** The machine and the namespaces of the recording; the plugins were Debian's, in /usr/lib/cni. */
const LAB = `name: cni
topology:
  nodes:
    h:
      kind: linux
      exec:
        - sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
        - ip netns add c1
        - ip netns add c2
        - ip netns add c3
        - ip netns exec c1 sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
        - ip netns exec c2 sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
        - ip netns exec c3 sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
`

/** 07-iptables-cni.json: `cni`. */
export function cniCases(data: unknown): CaseResult[] {
  const { recorded } = (data as { cni: { recorded: Recorded[] } }).cni
  const run = readyLab(LAB)
  const names = new Map<string, string>()
  return recorded.map((step) =>
    runCase('cni', step.id, () => {
      const before = BEFORE[step.id]
      if (before !== undefined) runLine(run, 'h', '', before)
      return step.plugin === undefined ? checkCommand(step, run, names) : checkCall(step, run.world, names)
    }),
  )
}

/** What happened between the recorded steps: time passed, the store was emptied, the nat table flushed. */
const BEFORE: Readonly<Record<string, string>> = {
  'after-add-host-addr': 'sleep 3',
  'hl2-alloc-1': 'rm /run/cnidata/hl/*',
  'portmap-add': 'iptables -t nat -F; iptables -t nat -X',
}

function checkCall(step: Recorded, world: World, names: Map<string, string>): string {
  const machine = machineNamed(world, 'h')!
  const env = new Map(Object.entries({ CNI_PATH: '/usr/lib/cni', ...step.env }))
  const given = typeof step.config === 'string' ? step.config : JSON.stringify(step.config)
  const stdin = rename(given, invert(names))
  const got = cniExec(world, machine.id, step.plugin!, env, stdin)
  const result: unknown = got.stdout === '' ? null : JSON.parse(got.stdout)
  learn(names, canonical(step.stdout), canonical(result))
  return (
    differs({ exit: step.exit, stderr: step.stderr ?? '' }, { exit: got.exit, stderr: got.stderr }) ||
    differs(canonical(step.stdout), rename(canonical(result), names))
  )
}

function checkCommand(
  step: Recorded,
  run: ReturnType<typeof readyLab>,
  names: Map<string, string>,
): string | undefined {
  const command = rename(step.cmd!, invert(names))
  const { stdout } = runLine(run, 'h', step.host === 'h' ? '' : step.host!, command)
  const expected = String(step.stdout)
  learn(names, expected, stdout)
  return differs(normalised(expected), normalised(rename(stdout, names)))
}

const RANDOM = /veth[0-9a-f]{8}|([0-9a-f]{2}:){5}[0-9a-f]{2}|fe80::[0-9a-f:]+/g

/** Random names of ours to those of the recording, in the order in which they appear. */
function learn(names: Map<string, string>, theirs: string, ours: string): void {
  const [a, b] = [theirs.match(RANDOM) ?? [], ours.match(RANDOM) ?? []]
  if (a.length !== b.length) return
  b.forEach((name, at) => {
    if (!names.has(name)) names.set(name, a[at]!)
  })
}

function rename(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(RANDOM, (name) => names.get(name) ?? name)
}

function invert(names: ReadonlyMap<string, string>): Map<string, string> {
  return new Map([...names].map(([ours, theirs]) => [theirs, ours]))
}

/** The namespace's name in a peer's line depends on how it was made. */
function normalised(text: string): string {
  return text.replace(/link-net(ns|nsid) \S+/g, 'link-netns X')
}
