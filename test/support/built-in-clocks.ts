/** The built-in clocks as policies have them. */
import { BUILT_IN_CLOCKS } from '../../src/config/clock-schema.ts'
import { type Clock } from '../../src/domain/clock.ts'

/** What a policy that states no clocks has. */
export const OF_CASES: readonly Clock[] = BUILT_IN_CLOCKS.filter(({ subjects }) =>
  subjects.includes('case')
).map((clock) => ({ ...clock, subjects: ['case'] }))
