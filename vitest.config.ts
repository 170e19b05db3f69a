import { defineConfig } from 'vitest/config'

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
          // Its files share nothing; without this a machine with two processors would use one.
          maxWorkers: 2,
          sequence: { groupOrder: 0 }
        }
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 }
        }
      }
    ]
  }
})
