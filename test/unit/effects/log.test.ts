/** What the log may say. */
import { describe, expect, it } from 'vitest'
import { errorName, type LogEvent } from '../../../src/effects/events.ts'
import { createLog } from '../../../src/effects/log.ts'

/** What is written of one event. */
function written(event: LogEvent): string {
  const lines: string[] = []
  createLog({ write: (line) => void lines.push(line) })(event)
  return lines.join('')
}

describe('log', () => {
  it('writes one JSON line an event, with only level, UTC time, event name and fields', () => {
    const text = written({ event: 'arrival.stored', arrival: 7, bytes: 99 })

    expect(text).toMatch(/^[^\n]*\}\n$/)
    expect(JSON.parse(text)).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      event: 'arrival.stored',
      arrival: 7,
      bytes: 99
    })
    expect(written({ event: 'bug', where: 'loop', error: 'Invariant' })).toContain('"error"')
    expect(written({ event: 'junk.missing' })).toContain('"warn"')
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
