/**
 * What to type so that a machine that ran the old lines is as if it had run the new ones, where that is simple:
 * namespaces, devices and addresses that are no longer made go, and new lines at the end run. Anything else: build anew.
 */
import type { ExecModel } from './exec-model.ts'
import { createExecModel, readLine } from './exec-model.ts'

/** Commands, or undefined where a difference is more than that. `ifnames` are the machine's cards. */
export function undoCommands(before: string[], after: string[], ifnames: string[]): string[] | undefined {
  const kept = commonPart(before, after)
  if (kept === undefined) return undefined
  const old = modelOf(before, ifnames)
  const now = modelOf(after.slice(0, kept.length), ifnames)
  const lines: string[] = []
  for (const ns of old.netns) {
    if (!ns.alive) continue
    if (!now.netns.some((n) => n.alive && n.name === ns.name)) lines.push(`ip netns del ${ns.name}`)
  }
  const gone = new Set<number>()
  old.devices.forEach((device, i) => {
    if (!device.alive || device.kind === 'loopback' || gone.has(device.peer)) return
    const same = now.devices.some((d) => d.alive && d.netns === device.netns && d.name === device.name)
    const roomGone = device.netns !== '' && !now.netns.some((n) => n.alive && n.name === device.netns)
    if (same) return
    gone.add(i)
    const peer = old.devices[device.peer]
    const peerGone =
      peer !== undefined && peer.netns !== '' && !now.netns.some((n) => n.alive && n.name === peer.netns)
    if (device.kind === 'phys') return
    if (!roomGone && !peerGone) lines.push(`${ipIn(device.netns)} link del ${device.name}`)
  })
  for (const device of old.devices) {
    const same = now.devices.find((d) => d.alive && d.netns === device.netns && d.name === device.name)
    if (!device.alive || same === undefined) continue
    const where = `dev ${device.name}`
    for (const { cidr } of device.addrs) {
      if (!same.addrs.some((a) => a.cidr === cidr))
        lines.push(`${ipIn(device.netns)} addr del ${cidr} ${where}`)
    }
    for (const { cidr } of same.addrs) {
      if (!device.addrs.some((a) => a.cidr === cidr))
        lines.push(`${ipIn(device.netns)} addr add ${cidr} ${where}`)
    }
    const master = old.devices[device.master]?.name
    const wanted = now.devices[same.master]?.name
    if (master !== wanted && (wanted !== undefined || same.master < 0)) {
      const to = wanted === undefined ? 'nomaster' : `master ${wanted}`
      if (
        master === undefined ||
        now.devices.some((d) => d.alive && d.name === master) ||
        wanted !== undefined
      ) {
        lines.push(`${ipIn(device.netns)} link set ${device.name} ${to}`)
      }
    }
  }
  return [...lines, ...after.slice(kept.length)]
}

/**
 * The new lines that stand for old ones: each is an old line, in order, perhaps with commands missing or an address
 * changed; what stands behind them is new. Undefined where a line that went or changed is not one of those whose
 * effect is known.
 */
function commonPart(before: string[], after: string[]): string[] | undefined {
  const kept: string[] = []
  let at = 0
  for (const line of before) {
    const next = after[at]
    if (next === line) {
      kept.push(line)
      at++
    } else if (next !== undefined && isVariant(line, next)) {
      kept.push(next)
      at++
    } else if (!isKnown(line)) return undefined
  }
  // A line that is behind its place, or a new one between old ones, shows as an old line that was not met.
  const rest = after.slice(at)
  return rest.some((line) => before.includes(line)) ? undefined : kept
}

/** The same line with another address, or with fewer of its commands. */
function isVariant(old: string, now: string): boolean {
  if (!isKnown(old) || !isKnown(now)) return false
  const bare = (line: string) => line.replaceAll(/[0-9a-fA-F:.]+\/\d+/g, 'X')
  if (bare(old) === bare(now)) return /addr(ess)? add/.test(old)
  const commands = old.split(';').map((c) => c.trim())
  const fewer = now.split(';').map((c) => c.trim())
  return fewer.length < commands.length && fewer.every((c) => commands.includes(c))
}

/** Only commands whose effect the model follows: making, joining, moving and raising devices, and addresses. */
function isKnown(line: string): boolean {
  return line.split(';').every((command) => {
    const words = command.trim().split(/\s+/)
    let at = 1
    if (words[0] !== 'ip') return false
    if (words[at] === '-n' || words[at] === '-netns') at += 2
    const rest = words.slice(at).join(' ')
    return /^(netns add \S+|link add .*|link set .* (up|netns \S+|master \S+)|addr(ess)? add .*)$/.test(rest)
  })
}

function modelOf(lines: string[], ifnames: string[]): ExecModel {
  const model = createExecModel(ifnames, '')
  for (const line of lines) readLine(model, line, '')
  return model
}

function ipIn(netns: string): string {
  return netns === '' ? 'ip' : `ip -n ${netns}`
}
