import { defineConfig } from 'vitest/config'

/** Files that measure the machine's own time, so that another file beside them could make them fail. */
const ALONE = ['test/integration/clock-back.test.ts', 'test/integration/containment.test.ts']
/** Test files share nothing; without this a machine with two processors would use one. */
const WORKERS = 2
const programs = { testTimeout: 120_000, hookTimeout: 60_000 }
/** What is slow and repeats with other seeds or more of the same what the suite proves once: `npm run nightly`. */
const NIGHTLY = { ...programs, name: 'nightly', include: ['test/nightly/**/*.test.ts'] }

const SUITE = [
  {
    test: {
      name: 'unit',
      include: [
        'test/tidy.test.ts',
        'test/unit/**/*.test.ts',
        'test/desk/**/*.test.ts',
        'test/attacks/**/*.test.ts'
      ],
      testTimeout: 20_000,
      hookTimeout: 60_000,
      maxWorkers: WORKERS,
      sequence: { groupOrder: 0 }
    }
  },
  {
    test: {
      ...programs,
      name: 'integration',
      include: ['test/integration/**/*.test.ts'],
      exclude: ALONE,
      maxWorkers: WORKERS,
      sequence: { groupOrder: 0 }
    }
  },
  {
    test: {
      ...programs,
      name: 'alone',
      include: ALONE,
      fileParallelism: false,
      sequence: { groupOrder: 1 }
    }
  }
]

export default defineConfig(({ mode }) =>
  mode === 'nightly' ? { test: { ...NIGHTLY, maxWorkers: WORKERS } } : { test: { projects: SUITE } }
)
