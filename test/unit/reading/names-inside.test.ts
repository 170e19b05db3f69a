/** Which header inside an encryption names somebody, although nothing marks it as protected (G6). */
import { expect, it } from 'vitest'
import { freshBudget } from '../../../src/mime/tree.ts'
import { parsePayload } from '../../../src/reading/envelope.ts'
import { readNamesInside } from '../../../src/reading/inner-names.ts'

const named = (...lines: readonly string[]): string | null =>
  readNamesInside(parsePayload(Buffer.from(lines.join('\r\n')), freshBudget()))?.from?.address ??
  null

it('a whole encrypted message without protected headers names its sender', () => {
  const date = 'Date: Sun, 22 Nov 2026 12:00:00 +0000'
  expect(named('From: alice@x.example', date, '', 'words')).toBe('alice@x.example')
  expect(named('From: alice@x.example', 'Content-Type: text/plain', '', 'x')).toBe(
    'alice@x.example'
  )
})

it.each([
  ['plain words', ['From: alice@x.example', '', 'said so']],
  [
    'a patch of git',
    [
      `From ${'0a'.repeat(20)} Mon Sep 17 00:00:00 2001`,
      'From: Dave <dave@else.example>',
      'Date: Sun, 22 Nov 2026 12:00:00 +0000',
      'Subject: [PATCH] Fix the overflow',
      '',
      '---'
    ]
  ],
  ['a transcript of SMTP', ['EHLO x', 'DATA', 'From: evil@x.example', 'MIME-Version: 1.0', '', 'x']]
])('%s names nobody: a report must not be hidden because of it (G1)', (_what, lines) => {
  expect(named(...lines)).toBeNull()
})
