/** The demo is a story that newcomers play first: it must go on playing as the desk changes. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const DEMO = fileURLToPath(new URL('../demo/demo.ts', import.meta.url))

it('the demo plays to its end', () => {
  const { status, stdout, stderr } = spawnSync('npx', ['tsx', DEMO], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status, stdout.slice(-2000)).toBe(0)
})
