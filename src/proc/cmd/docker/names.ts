/** Names for containers that get none: two words, as docker joins them. */
import type { Rng } from '../../../base/rng.ts'
import { nextBelow } from '../../../base/rng.ts'
import type { Machine } from '../../../run/types.ts'

const MOODS =
  'bold brave busy calm clever cool eager fervent focused gifted happy jolly keen kind lucid quiet sharp sleepy sweet vibrant'.split(
    ' ',
  )
const PEOPLE =
  'banach bell bohr curie dijkstra euler fermi gauss hopper kepler lovelace moore newton noether pascal ritchie shannon tesla turing wozniak'.split(
    ' ',
  )

/** A name that no container of the machine has. */
export function boxName(rng: Rng, machine: Machine): string {
  const taken = new Set([...machine.containers.values()].map((box) => box.name))
  for (let n = 0; ; n++) {
    const name = `${MOODS[nextBelow(rng, MOODS.length)]}_${PEOPLE[nextBelow(rng, PEOPLE.length)]}${n > 5 ? n : ''}`
    if (!taken.has(name)) return name
  }
}
