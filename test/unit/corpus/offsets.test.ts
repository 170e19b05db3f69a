/**
 * The MIME tree cuts the messages of `mail-parser` at exactly the bytes that are expected beside each of them, with LF and with
 * CRLF: what a signature covers hangs on it. Skipped where the folder is absent; nothing of it is copied here.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { type Part, parseTree, partsBelow } from '../../../src/mime/tree.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { filesBelow } from '../reading/material.ts'

/** Expected values of one message: its parts in document order; the parts of an attached message stand inside of its own part. */
const EXPECTED = z.object({
  parts: z.array(
    z.object({
      offset_header: z.number(),
      offset_body: z.number(),
      offset_end: z.number(),
      body: z.record(z.string(), z.unknown())
    })
  )
})

describeCorpus('the parts of a message', () => {
  const files = CORPUS === '' ? [] : filesBelow(join(CORPUS, 'mail-parser'), ['.eml'])

  it.each([
    { lineEnd: '\n', ending: '.json' },
    { lineEnd: '\r\n', ending: '.crlf.json' }
  ])('begin and end where it is expected ($ending)', ({ lineEnd, ending }) => {
    const different: string[] = []
    for (const file of files) {
      const sent = readFileSync(file).toString('latin1').replaceAll('\r\n', '\n')
      const raw = Buffer.from(sent.replaceAll('\n', lineEnd), 'latin1')
      const json: unknown = JSON.parse(readFileSync(file.replace(/\.eml$/, ending), 'utf8'))
      const expected = EXPECTED.parse(json).parts.map((part) =>
        placeOf(part.offset_header, part.offset_body, part.offset_end, 'Multipart' in part.body)
      )
      const found = partsBelow(parseTree(raw)).map(placeOfPart)
      if (found.join('\n') !== expected.join('\n')) different.push(file.slice(-7))
    }
    expect(files).toHaveLength(64)
    // The bare CR at its very end is a byte of the message, and was lost where the values were made.
    expect(different).toEqual(lineEnd === '\n' ? ['049.eml'] : [])
  })
})

function placeOfPart({ start, bodyStart, end, type }: Part): string {
  return placeOf(start, bodyStart, end, type.startsWith('multipart/'))
}

function placeOf(start: number, bodyStart: number, end: number, isMultipart: boolean): string {
  return `${start} ${bodyStart} ${end}${isMultipart ? ' multipart' : ''}`
}
