import { describe, expect, it } from 'vitest'
import { type Content, readContent, safeFilename, unflow } from '../../../src/mime/content.ts'
import { parseTree } from '../../../src/mime/tree.ts'

function read(raw: string | Buffer): Content {
  return readContent([parseTree(Buffer.from(raw))], false)
}

function container(subtype: string, ...parts: readonly string[]): string {
  const boundary = `b${parts.join('').length}`
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')
  return `Content-Type: multipart/${subtype}; boundary=${boundary}\r\n\r\n${body}--${boundary}--`
}
const plain = (text: string): string => `Content-Type: text/plain\r\n\r\n${text}`
const html = (text: string): string => `Content-Type: text/html; charset=utf-8\r\n\r\n${text}`
const file = (name: string, content: string, type = 'text/plain'): string =>
  `Content-Type: ${type}\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\n${content}`

describe('the content of a payload', () => {
  it('is the text leaves of a mixed mail, and files byte for byte', async () => {
    const patch = Buffer.from([0, 255, 13, 10, 13, 1])
    const part = `Content-Type: application/octet-stream; name=x.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n${patch.toString('base64')}`

    const content = await read(container('mixed', plain('one'), part, plain('two')))

    expect(content.text).toBe('one\n\ntwo\n')
    expect(Buffer.from(content.attachments[0]?.content ?? [])).toEqual(patch)
    expect(content.attachments[0]).toMatchObject({ filename: 'x.bin', size: 6 })
  })

  it('prefers plain text to HTML and keeps files inside the HTML alternative', async () => {
    const content = await read(
      container(
        'alternative',
        plain('words'),
        container('mixed', html('<p>words'), file('a.pdf', 'x', 'application/pdf'))
      )
    )
    expect(content.text).toBe('words\n')
    expect(content.attachments.map((each) => each.filename)).toEqual(['a.pdf'])
    expect(content.warnings).toEqual([])
  })

  it('converts HTML when there is nothing else, or only an empty plain version', async () => {
    for (const raw of [
      html('<p>a <b>bold</b> claim'),
      container('alternative', plain('  '), html('<p>a <b>bold</b> claim'))
    ]) {
      const content = await read(raw)
      expect(content.text).toBe('a bold claim\n')
      expect(content.warnings).toEqual(['html-only'])
    }
  })

  it.each([
    ['HTML that shows nothing in plain words', plain('\u00a0 '), html('<p>The whole claim.')],
    [
      'a stub that only points to the HTML',
      plain('This message requires an HTML viewer.'),
      html('<p>The crash is in the parser, at line 412, see there.')
    ],
    [
      'HTML beside a multipart without text',
      html('<p>The whole claim.'),
      container('mixed', file('poc.pdf', 'x', 'application/pdf'))
    ],
    [
      'plain words that say less than a quarter',
      plain('See below.'),
      html(`<p>${Array.from({ length: 40 }, (_, index) => `word${index}`).join(' ')}`)
    ]
  ])('(D19) shows the version that carries the text: %s', (_, ...versions) => {
    const { text, warnings } = read(container('alternative', ...versions))
    expect(text).toMatch(/whole claim|line 412|word39/)
    expect(warnings).toContain('html-only')
  })

  it('(D19) drops no version that says more: a plain one is shown, too, one in HTML is a file', () => {
    const two = read(container('alternative', plain('first words'), plain('second words')))
    expect([two.text, two.warnings]).toEqual(['first words\n\nsecond words\n', []])
    const more = html('<p>first words, and five more that the plain one has not')
    const one = read(container('alternative', plain('first words'), more))
    expect(one.text).toBe('first words\n')
    expect(one.attachments.map(({ contentType }) => contentType)).toEqual(['text/html'])
    expect(one.warnings).toEqual(['other-version'])
    const same = read(container('alternative', plain('the same words'), html('<p>the same words')))
    expect([same.attachments, same.warnings]).toEqual([[], []])
  })

  it('(D19) reads HTML words before, in and behind the body', () => {
    const raw = html('<div>above</div><html><title>t</title><body>inside</body></html><p>below')
    expect(read(raw).text).toBe('above\ninside\n\nbelow\n')
  })

  it('decodes a limited number of bytes for all its text, however little is shown', async () => {
    const blanks = plain(' '.repeat(600_000))
    const few = await read(container('mixed', plain('one'), blanks, plain('two')))
    expect([few.text, ...few.warnings]).toEqual(['one\n\ntwo\n'])
    const filled = Array.from({ length: 4 }, () => blanks)
    const many = await read(container('mixed', plain('one'), ...filled, plain('two')))
    expect([many.text, ...many.warnings]).toEqual(['one\n', 'text-truncated'])
    // Files are kept, as ever.
    const kept = await read(container('mixed', ...filled, file('a.txt', 'x')))
    expect(kept.attachments.map((each) => each.filename)).toEqual(['a.txt'])
  })

  it('makes a text with a file name an attachment', async () => {
    const named = 'Content-Type: text/plain; name=log.txt\r\nContent-Disposition: inline\r\n\r\nlog'
    const content = await read(container('mixed', plain('see log'), named))
    expect(content.text).toBe('see log\n')
    expect(content.attachments.map((each) => each.filename)).toEqual(['log.txt'])
  })

  it('keeps an attached message as a file', async () => {
    const content = await read(
      container('mixed', plain('fwd'), 'Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody')
    )
    expect(content.attachments[0]).toMatchObject({
      contentType: 'message/rfc822',
      filename: 'attachment-1.eml'
    })
    expect(Buffer.from(content.attachments[0]?.content ?? []).toString()).toBe(
      'Subject: x\r\n\r\nbody'
    )
  })

  it.each([
    ['by its type', file('a.bin', 'x', 'application/ms-tnef')],
    ['by its other type', file('a.bin', 'x', 'Application/VND.MS-TNEF')],
    ['by its name', file('WinMail.dat', 'x', 'application/octet-stream')]
  ])('keeps a file in the format of Outlook, with a warning: %s', async (_, part) => {
    for (const raw of [container('mixed', plain('words'), part), part]) {
      const content = await read(raw)
      expect(content.warnings).toEqual(['tnef'])
      expect(content.attachments).toMatchObject([{ content: Uint8Array.of(120) }])
    }
    const other = await read(
      container('mixed', plain('words'), file('winmail.dat.txt', 'x', 'application/pdf'))
    )
    expect(other.warnings).toEqual([])
  })

  it('leaves an encrypted part closed', async () => {
    const sealed = container(
      'encrypted',
      'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
      'Content-Type: application/octet-stream\r\n\r\ncipher'
    )
    const content = await read(container('mixed', plain('x'), sealed))
    expect(content.text).toBe('x\n')
    expect(content.attachments).toHaveLength(2)
    expect(content.warnings).toContain('errant-crypto')
    const bare = 'Content-Type: multipart/encrypted; boundary=gone\r\n\r\ncipher'
    const version = await read(container('alternative', plain('x'), bare))
    expect(version.warnings).toContain('errant-crypto')
  })

  it.each([
    ['iso-8859-1', Buffer.from('für', 'latin1'), 'für', false],
    ['utf-8', Buffer.from('für'), 'für', false],
    ['', Buffer.from('für'), 'für', false],
    ['us-ascii', Buffer.from('für', 'latin1'), 'für', true],
    ['utf-8', Buffer.from('für', 'latin1'), 'für', true],
    ['utf-8', Buffer.from('f\u00c3\u00bcr f\u00fcr', 'latin1'), 'für f\ufffdr', true],
    ['utf-7', Buffer.from('+AC8-close'), '+AC8-close', true],
    ['shift_jis', Buffer.from([0x83, 0x65]), 'テ', false],
    ['iso-2022-jp', Buffer.from('\u001b$B%F\u001b(B'), 'テ', false],
    ['no such charset', Buffer.from('für', 'latin1'), 'für', true]
  ])('decodes charset "%s"', async (charset, bytes, expected, isDamaged) => {
    const head = Buffer.from(`Content-Type: text/plain; charset="${charset}"\r\n\r\n`)
    const content = await read(Buffer.concat([head, bytes]))
    expect(content.text).toBe(`${expected}\n`)
    expect(content.warnings.includes('undecodable-text')).toBe(isDamaged)
  })

  it('keeps upper and lower case in HTML headings', async () => {
    expect((await read(html('<h1>getUserById</h1><h3>x</h3>'))).text).toBe('getUserById\n\nx\n')
  })

  it('shows the target of an HTML link after its text, and only once when both are equal', async () => {
    const link = (text: string): string => `<a href="https://x.example/a">${text}</a>`
    const shown = async (text: string): Promise<string> => (await read(html(text))).text
    expect(await shown(`<p>see ${link('<b>this</b>')}!`)).toBe('see this [https://x.example/a]!\n')
    expect(await shown(`<p>see ${link('https://x.example/a')}!`)).toBe('see https://x.example/a!\n')
    expect(await shown(`<pre>see ${link('https://x.example/a')}!</pre>`)).toBe(
      'see https://x.example/a!\n'
    )
    expect(await shown(`<p>${link('<img src=x>')}`)).toBe('[https://x.example/a]\n')
    expect(await shown('<a href="mailto:a@x.example">a@x.example</a>')).toBe('a@x.example\n')
  })

  it('decodes quoted-printable with soft breaks, padding and broken escapes', async () => {
    const raw =
      'Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc=C3=BC  \r\nd=zz=\r\n'
    expect((await read(raw)).text).toBe('a=bcü\nd=zz\n')
  })

  it('makes control characters in text visible and harmless', async () => {
    expect((await read('\r\na\u0000\u001b[2J\f/close\ttab\u007f')).text).toBe(
      'a\u2400\u241b[2J\u240c/close\ttab\u2421\n'
    )
  })

  it('shows at most 256 KiB of text and says so', async () => {
    const content = await read(`\r\n${'ü'.repeat(400_000)}`)
    expect(Buffer.byteLength(content.text)).toBeLessThanOrEqual(256 * 1024)
    expect(content.text).not.toContain('\ufffd')
    expect(content.warnings).toContain('text-truncated')
  })

  it('ends where HTML of quotes in one another makes too much text, and says so', async () => {
    const part = html(`${'<blockquote>'.repeat(24)}<pre>${'x\n'.repeat(11_000)}`)
    const content = await read(
      container('mixed', ...Array.from({ length: 150 }, () => part), plain('behind it'))
    )
    expect(content.text.length).toBeLessThanOrEqual(256 * 1024)
    expect(content.text).not.toContain('behind it')
    expect(content.warnings.toSorted()).toEqual(['html-only', 'text-truncated'])
  })

  it('converts a million characters of HTML and reports the rest; plain text after it is shown', async () => {
    const long = `<!--${'x'.repeat(190_000)}-->seen`
    const parts = Array.from({ length: 7 }, () => html(long))
    const content = await read(container('mixed', ...parts, plain('behind it')))
    expect(content.text).toBe(`${'seen\n\n'.repeat(6)}[HTML part not converted]\n\nbehind it\n`)
    expect(content.warnings).toEqual(['html-only', 'html-not-converted'])
  })

  it('decodes nothing beyond the limit of what is shown', async () => {
    const unreadable = 'Content-Type: text/plain; charset=utf-7\r\n\r\n+AC8-'
    const shown = await read(container('mixed', plain('x'.repeat(200_000)), unreadable))
    expect(shown.warnings).toEqual(['undecodable-text'])
    const parts = Array.from({ length: 3 }, () => plain('x'.repeat(100_000)))
    const content = await read(container('mixed', ...parts, unreadable))
    expect(content.warnings).toEqual(['text-truncated'])
  })

  it('is not slowed down by blanks in quoted-printable', async () => {
    const raw = `Content-Transfer-Encoding: quoted-printable\r\n\r\n${' '.repeat(1_000_000)}x`
    expect((await read(raw)).text.length).toBeLessThanOrEqual(256 * 1024)
  })
})

describe('flowed text (RFC 3676)', () => {
  it('joins soft breaks within one quote depth', () => {
    expect(unflow('a \nb\n> q \n> r\n>> s \nt\n-- \nsig', false)).toBe(
      'a b\n> q r\n>> s \nt\n-- \nsig'
    )
    expect(unflow(' From here\n/close \nnow', false)).toBe('From here\n/close now')
    expect(unflow('ab \ncd', true)).toBe('abcd')
  })

  it('joins a paragraph of very many lines in linear time', () => {
    const count = 2 ** 17
    expect(unflow('x \n'.repeat(count), true)).toBe('x'.repeat(count))
    expect(unflow('> x \n> y', false)).toBe('> x y')
  })
})

describe('a file name', () => {
  it.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\evil\\run.exe', 'run.exe'],
    ['.bashrc', 'bashrc'],
    ['a\r\nBcc: x.txt', 'a Bcc_ x.txt'],
    ['r\u202etxt.exe', 'r txt.exe'],
    ['--help', 'help'],
    ["[v2] it's 😀 {a}.txt", "[v2] it's 😀 {a}.txt"],
    ['a;b`c`$(d)|e*.txt', 'a_b_c__(d)_e_.txt'],
    ['übersicht.pdf', 'übersicht.pdf'],
    ['', 'attachment-3.bin']
  ])('%j becomes %j', (sent, expected) => {
    expect(safeFilename(sent, 'application/octet-stream', 3)).toBe(expected)
  })

  it('is at most 120 characters and keeps its extension', () => {
    const name = safeFilename(`${'x'.repeat(500)}.patch`, 'text/x-patch', 1)
    expect(name).toHaveLength(120)
    expect(name.endsWith('.patch')).toBe(true)
  })
})
