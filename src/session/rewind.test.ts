// A little of rewind.slow.test.ts, for every check.
import { expect, it } from 'vitest'
import { rewindMistake } from './random-run.fixture.ts'

it.each([1, 2, 3])('random lab %i: 20 random seeks find the hashes of the straight run', (seed) => {
  const mistake = rewindMistake(seed, 20)
  expect(mistake, `RANDOM_SEED=${seed} npx vitest run src/session/rewind.slow.test.ts`).toBe('')
})
