/** What is left out as a copy of protected fields is a copy of them, word for word; everything else stays (RFC 9788 §5.2). */
import { describe, expect, it } from 'vitest'
import { type Content, readContent } from '../../../src/mime/content.ts'
import { parseTree } from '../../../src/mime/tree.ts'

const SUBJECT = 'Subject: a report of =?utf-8?Q?f=C3=BCr?= everybody'
const FIELDS = [SUBJECT, 'To: security@acme.example', 'Cc: a@x.example,\r\n b@x.example']
const COPY = 'Subject: a report of für everybody'

function read(lines: readonly string[]): Promise<Content> {
  const tree = parseTree(Buffer.from(lines.join('\r\n')))
  return readContent(tree, tree.root, true)
}

/** A payload of the older kind, whose first part has these header fields and this body. */
function older(head: string, body: string): Promise<Content> {
  return read([
    ...FIELDS,
    'Content-Type: multipart/mixed; boundary=m; protected-headers="v1"',
    '',
    '--m',
    head,
    '',
    body,
    '--m',
    'Content-Type: text/plain',
    '',
    'the rest',
    '--m--'
  ])
}

/** A payload of RFC 9788 with a head on top of its text. */
function marked(type: string, body: string): Promise<Content> {
  const parameters = 'charset=utf-8; hp="cipher"; hp-legacy-display="1"'
  return read([...FIELDS, `Content-Type: ${type}; ${parameters}`, '', body])
}

const PLAIN = 'Content-Type: text/plain; charset=utf-8; protected-headers="v1"'
const HEADERS = 'Content-Type: text/rfc822-headers; charset=utf-8; protected-headers="v1"'
const FILE = 'Content-Disposition: attachment; filename=report.txt'

const COPIES = [
  ['the decoded subject', COPY],
  ['the subject as it was sent', SUBJECT],
  ['a folded field', `${COPY}\r\nCC: a@x.example,\r\n  b@x.example`],
  ['fields with empty lines around', `\r\n${COPY}\r\n\r\nTo: security@acme.example\r\n`]
]
const WORDS = [
  ['a sentence that looks like a field', 'Remember: it overflows.'],
  ['a field with another value', 'Subject: it overflows.'],
  ['a field of another name', 'Keywords: a report of für everybody'],
  ['words folded onto a field', `${COPY}\r\n it overflows.`],
  ['words folded onto a field behind an empty line', `${COPY}\r\n\r\n it overflows.`],
  ['a field and a sentence', `${COPY}\r\nIt: overflows.`],
  ['words that no field can be', `${COPY}\r\noverflows`]
]

describe('a part marked as a copy of protected fields', () => {
  it.each(COPIES)('is left out where it is %s', async (_, body) => {
    for (const head of [PLAIN, HEADERS]) {
      expect(await older(head, body)).toMatchObject({ text: 'the rest\n', attachments: [] })
    }
  })

  it.each(WORDS)('is shown where it holds %s', async (_, body) => {
    const shown = body.replaceAll('\r\n', '\n')
    expect((await older(PLAIN, body)).text).toBe(`${shown}\n\nthe rest\n`)
  })

  it.each(WORDS)('stays an attachment where it is one and holds %s', async (_, body) => {
    const { attachments } = await older(HEADERS, body)
    expect(attachments.map(({ content }) => Buffer.from(content).toString())).toEqual([body])
  })

  it('stays an attachment when it is a named file, whatever it contains', async () => {
    for (const body of [COPY, 'the exploit']) {
      const { attachments } = await older(`${PLAIN}\r\n${FILE}`, body)
      expect(attachments.map(({ filename }) => filename)).toEqual(['report.txt'])
    }
  })

  it('stays an attachment when it could not be read completely', async () => {
    const { attachments } = await older(HEADERS, `${`${COPY}\r\n`.repeat(40_000)}the exploit`)
    expect(attachments).toHaveLength(1)
  })
})

describe('the head of a text marked as a copy of protected fields', () => {
  it('is left out when it is only a copy', async () => {
    const body = `${COPY}\r\nTo: security@acme.example\r\n\r\nHello.`
    expect((await marked('text/plain', body)).text).toBe('Hello.\n')
  })

  it.each(WORDS)('is shown where it holds %s', async (_, body) => {
    const shown = body.replaceAll('\r\n', '\n')
    const { text } = await marked('text/plain', `${body}\r\n\r\nHello.`)
    const isCopyFirst = body.includes('\r\n\r\n')
    expect(text).toBe(isCopyFirst ? ' it overflows.\n\nHello.\n' : `${shown}\n\nHello.\n`)
  })

  it('is treated the same in HTML, with the mark, the class or both', async () => {
    const page = (words: string): string =>
      `<div class="header-protection-legacy-display"><pre>${words}</pre></div><p>Hello.</p>`
    expect((await marked('text/html', page(COPY))).text).toBe('Hello.\n')
    const hidden = page('Remember: it overflows.')
    const shown = 'Remember: it overflows.\n\nHello.\n'
    expect((await marked('text/html', hidden)).text).toBe(shown)
    expect((await read(['Content-Type: text/html', '', hidden])).text).toBe(shown)
  })
})

describe('the copy of a protected field stays when the field is not shown completely', () => {
  const PS = 'the exploit goes public on Monday'
  const LONG = 'x'.repeat(180)
  const read = (...fields: readonly string[]): Promise<Content> => {
    const type = 'Content-Type: text/plain; charset=utf-8; hp="cipher"; hp-legacy-display="1"'
    const lines = [...fields, type, '', ...fields, '', 'Hello.']
    const tree = parseTree(Buffer.from(lines.join('\r\n')))
    return readContent(tree, tree.root, true)
  }

  it.each([
    ['of a name that is not shown', `PS: ${PS}`],
    ['that is not shown of a header inside', `Sender: ${PS} <a@x.example>`],
    ['that is cut', `Subject: ${LONG} ${PS}`],
    ['with characters that are taken out', `Subject: a\u200bb ${PS}`],
    ['in a comment of a date', `Date: Mon, 21 Oct 2019 07:30:00 -0700 (${PS})`],
    ['in a comment of an address', `To: a@x.example (${PS})`],
    ['as the name of a group', `To: ${PS}: a@x.example;`],
    ['in a name that is cut', `Cc: ${LONG} ${PS} <a@x.example>`],
    ['beside an address', `To: a@x.example, ${PS}`],
    ['behind an address', `To: <a@x.example> ${PS}`],
    ['as a second sender', `From: a@x.example, ${PS} <b@x.example>`],
    [
      'behind more mailboxes than are read',
      `To: ${'a@x.example, '.repeat(200)} ${PS} <b@x.example>`
    ]
  ])('words %s', async (_, field) => {
    expect((await read(field)).text).toContain(PS)
    expect((await read('Subject: a report', field)).text).toContain(PS)
  })

  it('a field that occurs twice', async () => {
    expect((await read('Subject: a report', `Subject: ${PS}`)).text).toContain(PS)
    expect((await read(`Subject: ${PS}`, 'subject: a report')).text).toContain(PS)
  })

  it('but copies of completely shown fields are left out', async () => {
    const shown = [
      'Subject: a =?utf-8?Q?f=C3=BCr?= b',
      'From: "Alice L." <alice@Reporter.example>',
      'Reply-To: <alice@reporter.example>',
      'To: security@acme.example, Bob <bob@x.example>',
      'Date: Mon, 21 Oct 2019 07:30:00 -0700'
    ]
    expect((await read(...shown)).text).toBe('Hello.\n')
  })
})
