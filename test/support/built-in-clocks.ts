/** The built-in clocks, as the configuration and as policies have them. */
import { deskClocks } from '../../src/config/clock-schema.ts'
import { type Clock } from '../../src/domain/clock.ts'

/** Of every kind of subject. */
export const BUILT_IN_CLOCKS: readonly Clock[] = deskClocks.parse({})

/** What a policy that states no clocks has. */
export const OF_CASES: readonly Clock[] = BUILT_IN_CLOCKS.filter(({ subjects }) =>
  subjects.includes('case')
).map((clock) => ({ ...clock, subjects: ['case'] }))
