/**
 * Keeps a storm of events from being written: a budget for each object, and one event for many that differ in their
 * message only. Models client-go tools/record events_cache.go (1.32): 25 events an object at once, then one in 300 s;
 * ten messages of one reason within 600 s, then they are combined. As there, the oldest of 4,096 memories are lost.
 */

import { packNumber, packText, readNumber, readText } from '../store/pack.ts'
import { packSaid, readSaid } from '../store/phrases.ts'

const BURST = 25
const REFILL_NS = 300_000_000_000
const MOST_MESSAGES = 10
const INTERVAL_NS = 600_000_000_000
const MEMORIES = 4096
/** Messages of one reason whose events are still counted up, apart from the combined one. */
const MOST_LOGGED = 20
const COMBINED = '(combined from similar events): '

/**
 * What an agent remembers of the events that it recorded about one object: a list; packed as a text where each type and
 * reason was told once, since there are as many as pods.
 */
export type EventMemory = string | MemoryList

/**
 * What is left of an object's budget, at which time (ns); then three places for each type and reason: its name, and where
 * it was told once, when (ns) and the message; else 0 and the record.
 */
type MemoryList = readonly (string | number | ReasonMemory)[]

interface ReasonMemory {
  /** The messages lately, and when the last one was (ns). */
  readonly messages: readonly string[]
  readonly at: number
  /**
   * Messages ('' for the combined one), each followed by when its event was first written (ns), by which it is named. No
   * record by message: engines would give each a class of its own.
   */
  readonly logged: readonly (string | number)[]
}

/** What to write of an event. */
export interface Told {
  /** The message, or the combined one. */
  readonly message: string
  /** When its event was first written; `world.now` where it is new. */
  readonly since: number
  readonly isNew: boolean
}

/** What to write of an event; undefined where its object has had too many. */
export function correlate(
  memories: Map<string, EventMemory>,
  object: string,
  reason: string,
  message: string,
  now: number,
): Told | undefined {
  const old = listOf(memories.get(object) ?? [BURST, now])
  const tokens = Math.min(BURST, (old[0] as number) + (now - (old[1] as number)) / REFILL_NS)
  const at = placeOf(old, reason)
  const was = reasonAt(old, at)
  const recent = was === undefined || now - was.at > INTERVAL_NS ? [] : was.messages
  const messages = recent.includes(message) ? recent : [...recent, message]
  const combined = messages.length >= MOST_MESSAGES
  const same = combined ? '' : message
  const known = was?.logged ?? []
  const place = known.indexOf(same)
  const isNew = place < 0
  const since = isNew ? now : (known[place + 1] as number)
  const logged = isNew ? Object.freeze(known.slice(2 - 2 * MOST_LOGGED).concat([same, now])) : known
  const once = messages.length === 1 && known.length === 0
  const kept = Object.freeze(combined ? messages.slice(1) : [...messages])
  const told = once ? [reason, now, message] : [reason, 0, Object.freeze({ messages: kept, at: now, logged })]
  const passes = tokens >= 1
  const memory = old
    .toSpliced(at, 3, ...told)
    .with(0, passes ? tokens - 1 : tokens)
    .with(1, now)
  memories.delete(object)
  memories.set(object, packed(memory))
  for (const oldest of memories.size > MEMORIES ? memories.keys() : []) {
    memories.delete(oldest)
    break
  }
  if (!passes) return undefined
  return { message: combined ? `${COMBINED}${message}` : message, since, isNew }
}

/** Where a reason stands, or would. */
function placeOf(memory: MemoryList, reason: string): number {
  for (let i = 2; i < memory.length; i += 3) if (memory[i] === reason) return i
  return memory.length
}

function reasonAt(memory: MemoryList, at: number): ReasonMemory | undefined {
  const what = memory[at + 2]
  if (typeof what !== 'string') return what as ReasonMemory | undefined
  const since = memory[at + 1] as number
  return { messages: [what], at: since, logged: [what, since] }
}

const NORMAL = 'Normal '

/** As a text where each reason was told once. */
function packed(memory: MemoryList): EventMemory {
  const pieces = [packText(String(memory[0])), packNumber(memory[1] as number)]
  for (let i = 2; i < memory.length; i += 3) {
    const [reason, since, message] = [memory[i] as string, memory[i + 1] as number, memory[i + 2]]
    if (typeof message !== 'string') return Object.freeze(memory)
    const isNormal = reason.startsWith(NORMAL)
    const bare = isNormal ? reason.slice(NORMAL.length) : reason
    pieces.push(packNumber(isNormal ? 1 : 0), packNumber(since), packSaid(bare, message, ''))
  }
  return pieces.join('')
}

function listOf(memory: EventMemory): MemoryList {
  if (typeof memory !== 'string') return memory
  const from = { text: memory, at: 0 }
  const list: (string | number)[] = [Number(readText(from)), readNumber(from)]
  while (from.at < memory.length) {
    const isNormal = readNumber(from) === 1
    const since = readNumber(from)
    const { reason, message } = readSaid(from, '')
    list.push(isNormal ? NORMAL + reason : reason, since, message)
  }
  return list
}

/** Whether an event stands for many whose messages differ. */
export function isCombined(message: string): boolean {
  return message.startsWith(COMBINED)
}
