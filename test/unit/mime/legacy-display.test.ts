/** Only a copy of the protected subject, word for word, is left out of the text; everything else stays (RFC 9788 §5.2). */
import { describe, expect, it } from 'vitest'
import { type Content, readContent } from '../../../src/mime/content.ts'
import { parseTree } from '../../../src/mime/tree.ts'

const SUBJECT = 'Subject: a report of =?utf-8?Q?f=C3=BCr?= everybody'
const COPY = 'Subject: a report of für everybody'
const FIELDS = [SUBJECT, 'To: security@acme.example']

function read(lines: readonly string[]): Content {
  return readContent([parseTree(Buffer.from(lines.join('\r\n')))], true)
}

/** A payload of the older kind, whose first part has this body. */
async function older(body: string): Promise<string> {
  const { text } = await read([
    ...FIELDS,
    'Content-Type: multipart/mixed; boundary=m; protected-headers="v1"',
    ...['', '--m', 'Content-Type: text/plain; charset=utf-8; protected-headers="v1"', '', body],
    ...['--m', '', 'Hello.', '--m--']
  ])
  return text
}

/** A payload of RFC 9788 with `head` on top of its text. */
async function marked(head: string, fields = FIELDS, type = 'text/plain'): Promise<string> {
  const parameters = 'charset=utf-8; hp="cipher"; hp-legacy-display="1"'
  const { text } = await read([
    ...[...fields, `Content-Type: ${type}; ${parameters}`],
    ...['', head, '', 'Hello.']
  ])
  return text
}

describe('a copy of the protected subject, in a part of its own or above the text', () => {
  it.each([
    ['the decoded subject', COPY],
    ['the subject as it was sent', SUBJECT],
    ['a folded field', COPY.replace(' of', '\r\n of')]
  ])('is left out where it is %s', async (_, body) => {
    expect(await older(body)).toBe('Hello.\n')
    expect(await marked(body)).toBe('Hello.\n')
  })

  it.each([
    ['a sentence that looks like a field', 'Remember: it overflows.'],
    ['a field with another value', 'Subject: it overflows.'],
    ['a field of another name', 'To: security@acme.example'],
    ['words folded onto a field', `${COPY}\r\n it overflows.`],
    ['a field and a sentence', `${COPY}\r\nIt: overflows.`],
    ['words that no field can be', `${COPY}\r\noverflows`]
  ])('is shown where it holds %s', async (_, body) => {
    const shown = `${body.replaceAll('\r\n', '\n')}\n\nHello.\n`
    expect(await older(body)).toBe(shown)
    expect(await marked(body)).toBe(shown)
  })

  it('is left out of HTML, too', async () => {
    expect(await marked(`<pre>${COPY}</pre><p>Hello.</p>`, FIELDS, 'text/html')).toBe(
      'Hello.\n\nHello.\n'
    )
  })

  it.each([
    ['is cut', [`Subject: ${'x'.repeat(180)} the exploit goes public on Monday`]],
    ['has characters that are taken out', ['Subject: a\u200bb the exploit goes public on Monday']],
    ['occurs twice', ['Subject: the exploit goes public on Monday', 'Subject: a report']]
  ])('stays when the subject is not shown completely: it %s', async (_, fields) => {
    expect(await marked(fields[0] ?? '', fields)).toContain('the exploit goes public on Monday')
  })

  it('is no named file, whatever its mark says', async () => {
    const { attachments } = await read([
      ...FIELDS,
      'Content-Type: multipart/mixed; boundary=m; protected-headers="v1"',
      ...['', '--m', 'Content-Type: text/plain; protected-headers="v1"; name=report.txt', '', COPY],
      ...['--m', '', 'Hello.', '--m--']
    ])
    expect(attachments.map(({ filename }) => filename)).toEqual(['report.txt'])
  })
})
