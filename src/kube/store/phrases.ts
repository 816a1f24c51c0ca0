/** What events say, in few characters where it is usual. */
import type { Reader } from './pack.ts'
import { packNumber, packText, readNumber, readText } from './pack.ts'

/** Of a reason: how its message begins and ends. `@` stands for NAMESPACE/NAME of what the event is about. */
const PHRASES: readonly (readonly [string, string, string])[] = [
  ['', '', ''],
  ['Scheduled', 'Successfully assigned @ to ', ''],
  ['Pulled', 'Container image "', '" already present on machine'],
  ['Created', 'Created container: ', ''],
  ['Started', 'Started container ', ''],
  ['SuccessfulCreate', 'Created pod: ', ''],
]

/** A reason and a message, of an event about `whose`. */
export function packSaid(reason: string, message: string, whose: string): string {
  const phrase = phraseOf(reason, message, whose)
  const [, head, tail] = PHRASES[phrase]!
  const rest = message.slice(headOf(head, whose).length, message.length - tail.length)
  return [packNumber(phrase), phrase === 0 ? packText(reason) : '', packText(rest)].join('')
}

export function readSaid(from: Reader, whose: string): { reason: string; message: string } {
  const [known, head, tail] = PHRASES[readNumber(from)]!
  const reason = known === '' ? readText(from) : known
  return { reason, message: headOf(head, whose) + readText(from) + tail }
}

/** The place of what fits among the phrases; 0 for any. */
function phraseOf(reason: string, message: string, whose: string): number {
  for (let i = 1; i < PHRASES.length; i++) {
    const [known, head, tail] = PHRASES[i]!
    if (known !== reason) continue
    const begins = headOf(head, whose)
    const isLong = message.length >= begins.length + tail.length
    return isLong && message.startsWith(begins) && message.endsWith(tail) ? i : 0
  }
  return 0
}

function headOf(head: string, whose: string): string {
  const at = head.indexOf('@')
  return at < 0 ? head : head.slice(0, at) + whose + head.slice(at + 1)
}
