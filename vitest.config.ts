import { defineConfig } from 'vitest/config'

/** Files that measure the machine's own time, so that another file beside them could make them fail. */
const ALONE = ['test/integration/clock-back.test.ts', 'test/integration/containment.test.ts']
/** Test files share nothing; without this a machine with two processors would use one. */
const WORKERS = 2
const programs = { testTimeout: 120_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    projects: [
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
  }
})
