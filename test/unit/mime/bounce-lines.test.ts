/**
 * Lines of a bounce that are made to take long: each of them is gone through once, however long its runs of blanks, marks and rules
 * are (issue part G). Where one is gone through once for each of its characters, these tests run into their time limit.
 */
import { describe, expect, it } from 'vitest'
import { readBounce } from '../../../src/mime/automatic.ts'
import { readHeader } from '../../../src/mime/header.ts'
import { parseTree } from '../../../src/mime/tree.ts'

function statusOf(...text: readonly string[]): string | undefined {
  const head = 'Return-Path: <>\nFrom: mailer-daemon@x.example\nSubject: Undelivered mail\n\n'
  const tree = parseTree(Buffer.from(head + text.join('\n')))
  return readBounce(tree, readHeader(tree.root.fields).facts)?.status
}

describe('a bounce of the older form', () => {
  it('is read in one go over each of its lines', () => {
    const runs = [' ', '\t', '> ', ' >', ' \t', '>', '-', '=*']
    for (const run of [...runs, ...runs, ...runs]) {
      const line = run.repeat(60_000 / run.length)
      expect(statusOf('550 5.1.1 unknown', line, 'Message-ID: <k7f@acme.example>')).toBe('5.1.1')
    }
  })

  it.each([
    [' Subject: 5.5.5'],
    ['> Subject: 5.5.5'],
    ['> > 5.5.5'],
    ['>\t5.5.5'],
    ['X-Any: 5.5.5'],
    ['----------- Original message -----------', '5.5.5'],
    ['__-* a copy of it', '5.5.5']
  ])('takes no status from the copy in it: %s', (...copy) => {
    expect(statusOf('550 unknown', ...copy, 'Message-ID: <k7f@acme.example>')).toBe('')
  })

  it.each(['>5.5.5', '5.5.5 unknown', '>', '-- 5.5.5', `--${'x'.repeat(61)} copy 5.5.5`])(
    'has the status of the server above the copy: %s',
    (line) => {
      const expected = line.includes('5.5.5') ? '5.5.5' : '5.1.1'
      expect(statusOf(line, '5.1.1', 'Message-ID: <k7f@acme.example>')).toBe(expected)
    }
  )
})
