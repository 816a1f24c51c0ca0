// Rewind over random labs with people in them: 1,000 random seeks find the hashes of the straight run.
// A failure names its seed; that seed alone: RANDOM_SEED=N npx vitest run src/session/rewind.slow.test.ts
import { expect, it } from 'vitest'
import { rewindMistake } from './random-run.fixture.ts'

const SEEDS =
  process.env.RANDOM_SEED === undefined
    ? Array.from({ length: 25 }, (_, i) => 100 + i)
    : [Number(process.env.RANDOM_SEED)]

it.each(SEEDS)(
  'random lab %i: 40 random seeks, both ways, and the same run twice',
  (seed) => {
    const mistake = rewindMistake(seed, 40)
    expect(mistake, `RANDOM_SEED=${seed} npx vitest run src/session/rewind.slow.test.ts`).toBe('')
  },
  60_000,
)
