/** Commands in a lesson's text, and the room of the lab that each is meant for. */
import type { SceneState } from '../client/store.ts'
import type { Part } from './prose.ts'

const COMMANDS =
  'ip|bridge|dmesg|ping|traceroute|tracepath|sysctl|iptables|ip6tables|iptables-save|conntrack|tcpdump|ss|arp|arping|curl|wget|nc|telnet|route|netstat|ifconfig|cat|docker|crictl|kubectl|pkill|nslookup|dig'
const COMMAND = new RegExp(`^(${COMMANDS})( .*|)$`)
/** Alone these are the name of a thing, or ask for arguments. */
const ALONE = /^(dmesg|ip6tables|iptables|netstat|arp|route|ifconfig|ss|iptables-save)$/

/** These ask for arguments, or are the name of a thing, with one word behind them too. */
const UNFINISHED =
  /^(docker (run( --network \S+)?|exec|network|inspect)|ip (route|rule|neigh|addr|link) (add|del|replace)|ip netns exec)$/

/** Whether a piece of code is a command that can be typed as it stands. */
export function isCommand(code: string): boolean {
  if (!COMMAND.test(code) || UNFINISHED.test(code) || /…|\.\.\./.test(code)) return false
  return code.includes(' ') || ALONE.test(code)
}

/** Whether the lab's boot has run this container already: its words stand, in order, in a line of the text. */
export function hasRun(code: string, lab: string): boolean {
  if (!code.startsWith('docker run ')) return false
  const words = code.split(' ')
  return lab.split('\n').some((line) => {
    const all = line.trim().split(/\s+/)
    if (all[0] !== '-' || all[1] !== 'docker') return false
    let at = 0
    for (const word of all) if (word === words[at]) at++
    return at === words.length
  })
}

const BEFORE =
  /(?:(?:(?:[Oo]n|[Ii]n|[Нн]а|[Вв]) |在 ?)([\w-]+)(?: ?上| ?里)?|(?<![\w-])([\w-]+) ?[上里])[^.,:，。：]{0,8}$/

/**
 * The room where `parts[at]` is to be typed: the one that the words beside it name ("on pc", "на pc", "在 pc 上"), else the
 * machine that holds the namespace which the command enters, else the room that its sentence named last, else the first
 * machine that is no switch.
 */
export function roomFor(parts: readonly Part[], at: number, scene: SceneState): string {
  const rooms = scene.order.flatMap((id) => scene.machines[id]?.rooms ?? [])
  const named = (name: string | undefined) =>
    name && rooms.find((room) => room.id === name || room.name === name)?.id
  const after = /^\s*(?:on|in|at|на|в|у)(?: the)? ([\w-]+)/.exec(parts[at + 1]?.text ?? '')
  const before = BEFORE.exec(parts[at - 1]?.text ?? '')
  const told = named(after?.[1]) || named(before?.[1] ?? before?.[2])
  if (told) return told
  const entered = /^ip (?:netns exec|-n) ([\w-]+)/.exec(parts[at]?.text ?? '')?.[1]
  const holder = rooms.find((room) => room.name === entered && entered !== undefined)
  const machine = scene.order.find((id) => scene.machines[id]?.rooms.some((room) => room.id === holder?.id))
  if (machine !== undefined) return machine
  const earlier = namesIn(sentenceBefore(parts, at)).map(named)
  const first = scene.order.find((id) => scene.machines[id]?.role !== 'switch')
  return earlier.findLast((room) => room) || (first ?? scene.order[0] ?? '')
}

function sentenceBefore(parts: readonly Part[], at: number): string {
  const text = parts.slice(0, at).map((part) => (part.code ? ' ' : part.text))
  return (
    text
      .join('')
      .split(/[.!?;]\s|[。！？；]/)
      .at(-1) ?? ''
  )
}

/** What stands behind "on" and its like. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/(?:(?<!\p{L})(?:[Oo]n|[Ii]n|[Нн]а|[Вв]) (?:the )?|在 ?)([\w-]+)/gu)].map(
    (found) => found[1]!,
  )
}
