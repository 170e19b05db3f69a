/** What the log may say. */
import { describe, expect, it } from 'vitest'
import { errorName } from '../../../src/effects/events.ts'
import { createLog, type DeskLog } from '../../../src/effects/log.ts'

type Line = Record<string, unknown>

function logTo(lines: string[], level: 'debug' | 'info' | 'warn' | 'error' = 'debug'): DeskLog {
  return createLog({ level, destination: { write: (line: string) => lines.push(line) } })
}

describe('log', () => {
  it('writes one JSON line an event, with only level, UTC time, event name and fields', () => {
    const lines: string[] = []

    logTo(lines)({ event: 'arrival.stored', arrival: 7, bytes: 99 })

    const line = JSON.parse(lines[0] ?? '') as Line
    expect(lines[0]?.endsWith('}\n')).toBe(true)
    expect(line).toEqual({
      level: 'info',
      time: line['time'],
      event: 'arrival.stored',
      arrival: 7,
      bytes: 99
    })
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  it('omits events below its level', () => {
    const lines: string[] = []
    const log = logTo(lines, 'warn')

    log({ event: 'imap.connected' })
    log({ event: 'bug', where: 'loop', error: 'Invariant' })

    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"level":"error"')
  })

  it('masks registered secrets in every field, also escaped ones', () => {
    const lines: string[] = []
    const log = logTo(lines)
    log.registerSecrets(['hunter-two', 'hunter-two-long', 'quo"te\\mark', 'abc'])

    log({ event: 'bug', where: 'hunter-two-long quo"te\\mark abc', error: 'hunter-two' })

    const line = JSON.parse(lines[0] ?? '') as Line
    expect(line).toMatchObject({ where: '[secret] [secret] abc', error: '[secret]' })
  })
})

describe('errorName', () => {
  it('says the class and the code of an error, never its message', () => {
    const refused = Object.assign(new TypeError('canary'), { code: 'ECONNREFUSED' })

    expect(errorName(refused)).toBe('TypeError/ECONNREFUSED')
    expect(errorName(new RangeError('canary'))).toBe('RangeError')
    expect(errorName(Object.assign(new Error('x'), { code: 'canary text\n' }))).toBe('Error')
    expect(errorName('canary')).toBe('string')
  })
})
