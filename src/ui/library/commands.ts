/** Commands in a lesson's text, and the room of the lab that each is meant for. */
import type { SceneState } from '../client/store.ts'
import type { Part } from './prose.ts'

const COMMANDS =
  'ip|bridge|ping|traceroute|tracepath|sysctl|iptables|ip6tables|iptables-save|conntrack|tcpdump|ss|arp|arping|curl|wget|nc|telnet|route|netstat|ifconfig|cat|docker|kubectl|nslookup|dig'
const COMMAND = new RegExp(`^(${COMMANDS})( .*|)$`)
/** Alone these are the name of a thing, or ask for arguments. */
const ALONE = /^(ip6tables|iptables|netstat|arp|route|ifconfig|ss|iptables-save)$/

/** Whether a piece of code is a command that can be typed as it stands. */
export function isCommand(code: string): boolean {
  if (!COMMAND.test(code) || /…|\.\.\./.test(code)) return false
  return code.includes(' ') || ALONE.test(code)
}

/**
 * The room where `parts[at]` is to be typed: the one that the words beside it name ("on pc", "на pc", "在 pc 上"), else the
 * machine that holds the namespace which the command enters, else the first machine.
 */
export function roomFor(parts: readonly Part[], at: number, scene: SceneState): string {
  const rooms = scene.order.flatMap((id) => scene.machines[id]?.rooms ?? [])
  const named = (name: string | undefined) =>
    name && rooms.find((room) => room.id === name || room.name === name)?.id
  const after = /^\s*(?:on|in|at|на|в|у)(?: the)? ([\w-]+)/.exec(parts[at + 1]?.text ?? '')
  const before = /(?:(?:[Oo]n|[Ii]n|[Нн]а|[Вв]) |在 ?)([\w-]+)(?: ?上| ?里)?[^.,:，。：]{0,8}$/.exec(
    parts[at - 1]?.text ?? '',
  )
  const told = named(after?.[1]) || named(before?.[1])
  if (told) return told
  const entered = /^ip (?:netns exec|-n) ([\w-]+)/.exec(parts[at]?.text ?? '')?.[1]
  const holder = rooms.find((room) => room.name === entered && entered !== undefined)
  const machine = scene.order.find((id) => scene.machines[id]?.rooms.some((room) => room.id === holder?.id))
  return machine ?? scene.order[0] ?? ''
}
