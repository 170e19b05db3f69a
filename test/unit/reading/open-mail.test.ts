import { readKey, SignaturePacket } from 'openpgp'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openHeadersOnly } from '../../../src/reading/open-mail.ts'
import { type OpenPgpProgram } from '../../support/people.ts'
import { makeGnupg } from '../../support/people-gpg.ts'
import { makeSequoia } from '../../support/people-sq.ts'
import { describeWith } from '../../support/requires.ts'
import {
  certificateOf,
  DESK_ADDRESS,
  type Desk,
  encryptedEntity,
  encryptedMail,
  encryptedParts,
  filePart,
  HEAD,
  headWith,
  lines,
  makeDesk,
  mixed,
  open,
  signedEntity,
  textPart
} from './material.ts'

const SECRET = 'The parser reads past its buffer.'

describeWith(['gpg', 'sq'], 'opening a message', () => {
  let desk: Desk
  let gpg: OpenPgpProgram
  let sq: OpenPgpProgram
  let certificates: Uint8Array[]

  beforeAll(async () => {
    desk = await makeDesk()
    gpg = await makeGnupg({ name: 'Alice', address: 'alice@reporter.example' })
    sq = await makeSequoia({ name: 'Bob', address: 'bob@reporter.example' })
    for (const program of [gpg, sq]) await program.importKey(desk.publicArmored)
    certificates = await Promise.all(
      [gpg, sq].map(async (program) => certificateOf(await program.exportPublicKey()))
    )
  })
  afterAll(async () => {
    await gpg.close()
    await sq.close()
  })
  const openIt = (raw: string): ReturnType<typeof open> => open(raw, [desk.secret], certificates)
  const payload = (): Buffer => Buffer.from(textPart(SECRET))
  /** What gpg encrypted, and did not sign. */
  const openSealed = async (content: string, head = HEAD): ReturnType<typeof open> =>
    openIt(encryptedMail(await gpg.encrypt(Buffer.from(content), DESK_ADDRESS, false), head))

  it('reads encrypted and signed mail of GnuPG and of Sequoia', async () => {
    for (const program of [gpg, sq]) {
      const armored = await program.encrypt(payload(), DESK_ADDRESS, true)

      const opened = await openIt(encryptedMail(armored))

      expect(opened).toMatchObject({
        structure: 'pgp-mime',
        encrypted: true,
        decrypted: true,
        failure: null,
        sealedTo: 'desk',
        text: `${SECRET}\n`,
        signatures: [{ state: 'valid', fingerprint: program.fingerprint, coversWhole: true }],
        warnings: ['unprotected-subject']
      })
      expect(opened.sealedToKeyIds).toHaveLength(1)
    }
  })

  it('(B20) reads the intended recipients in a signature of Sequoia', async () => {
    const opened = await openIt(encryptedMail(await sq.encrypt(payload(), DESK_ADDRESS, true)))
    const key = await readKey({ armoredKey: desk.publicArmored })
    expect(opened.signatures[0]?.intendedRecipients).toEqual([key.getFingerprint()])
  })

  it('verifies a signed-only message with CRLF and with LF line ends', async () => {
    const content = textPart(`${SECRET}\r\ntwo`)
    const signature = await gpg.signDetached(Buffer.from(content))
    const mail = lines(...HEAD) + signedEntity(content, signature)

    for (const raw of [mail, mail.replaceAll('\r\n', '\n')]) {
      const opened = await openIt(raw)
      expect(opened).toMatchObject({
        structure: 'pgp-mime',
        encrypted: false,
        signatures: [{ state: 'valid', coversWhole: true }],
        text: `${SECRET}\ntwo\n`
      })
    }
  })

  it('reads the encapsulated form: a signed entity inside the encryption', async () => {
    const content = textPart(SECRET)
    const signed = signedEntity(content, await sq.signDetached(Buffer.from(content)))

    expect(await openSealed(signed)).toMatchObject({
      text: `${SECRET}\n`,
      signatures: [{ state: 'valid', fingerprint: sq.fingerprint, coversWhole: true }]
    })
  })

  it('reports that a signature around the ciphertext covers nothing', async () => {
    const armored = await gpg.encrypt(payload(), DESK_ADDRESS, false)
    const inner = encryptedEntity(armored).trimEnd()
    const outer = signedEntity(inner, await sq.signDetached(Buffer.from(inner)))

    const opened = await openIt(lines(...HEAD) + outer)

    expect(opened).toMatchObject({
      decrypted: true,
      text: `${SECRET}\n`,
      signatures: [{ state: 'valid', coversWhole: false }]
    })
    expect(opened.warnings).toContain('signature-does-not-cover-all')
  })

  it('shows the protected subject and keeps the outer one apart (RFC 9788 and the older form)', async () => {
    for (const mark of ['hp="cipher"', 'protected-headers="v1"']) {
      const inner = lines(
        `Content-Type: text/plain; charset=utf-8; ${mark}`,
        'From: Alice <alice@reporter.example>',
        'Subject: =?utf-8?Q?Pufferl=C3=BCcke?=',
        '',
        SECRET
      )
      const opened = await openSealed(inner, headWith('Subject', '...'))

      expect(opened.subjectProtected).toBe(true)
      expect(opened.protected?.subject).toBe('Pufferlücke')
      expect(opened.outer.subject).toBe('...')
      expect(opened.warnings).toEqual([])
    }
  })

  it.each([
    ['hp="cipher"', 'HP-Outer: Subject: Overflow', 'readable'],
    ['hp="cipher"', 'HP-Outer: subject: =?utf-8?Q?Overflow?=', 'readable'],
    ['hp="cipher"', 'HP-Outer: Subject: [...]', 'hidden'],
    ['hp="cipher"', 'HP-Outer: Date: Sun, 22 Nov 2026 12:00:00 +0000', 'hidden'],
    ['hp="clear"', 'HP-Outer: Subject: Overflow', 'hidden'],
    ['protected-headers="v1"', 'HP-Outer: Subject: Overflow', 'hidden']
  ])(
    'knows from the record of the outer fields whether the subject was hidden (%s, %s: %s)',
    async (mark, record, was) => {
      const inner = lines(
        `Content-Type: text/plain; charset=utf-8; ${mark}`,
        'From: Alice <alice@reporter.example>',
        'Subject: Overflow',
        record,
        '',
        SECRET
      )
      // A list wrote its own name into what the writer had put outside.
      const opened = await openSealed(inner, headWith('Subject', '[list] Overflow'))

      expect(opened.subjectProtected).toBe(true)
      expect(opened.warnings).toEqual(was === 'readable' ? ['unprotected-subject'] : [])
    }
  )

  it('takes no header from a part below the root of the payload', async () => {
    const phony = 'Content-Type: text/plain; protected-headers="v1"\r\nSubject: phony\r\n\r\nhello'
    const opened = await openSealed(mixed([phony]))
    expect(opened).toMatchObject({ protected: null, subjectProtected: false })
  })

  it.each(['mallory@evil.example', '"alice"@victim.example'])(
    'warns when the protected sender is somebody else, or cannot be read: %s',
    async (from) => {
      const inner = lines(
        'Content-Type: text/plain; protected-headers="v1"',
        `From: ${from}`,
        'Subject: x',
        '',
        SECRET
      )
      expect((await openSealed(inner)).warnings).toContain('from-mismatch')
    }
  )

  it('takes a payload without MIME fields as plain text', async () => {
    const words = 'Note: just words\nline two'
    expect((await openSealed(words)).text).toBe(`${words}\n`)
  })

  it('repairs the rearranged form of Exchange', async () => {
    const armored = await gpg.encrypt(payload(), DESK_ADDRESS, true)
    const parts = (text: string): string =>
      mixed([
        textPart(text),
        'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
        `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(armored).toString('base64')}`
      ])

    const plain = await openIt(lines(...HEAD) + parts(''))
    expect(plain).toMatchObject({
      structure: 'pgp-mime-mangled',
      text: `${SECRET}\n`,
      outsideText: ''
    })
    expect(plain.warnings).toContain('mangled')

    const wrapped = await openIt(lines(...HEAD) + parts('Empty Message'))
    expect(wrapped).toMatchObject({ text: `${SECRET}\n`, outsideText: 'Empty Message' })
    expect(wrapped.warnings).toContain('outside-text')

    const nested = await openIt(lines(...HEAD) + mixed([parts('').trimEnd()], 'outer'))
    expect(nested).toMatchObject({ structure: 'pgp-mime-mangled', text: `${SECRET}\n` })
  })

  it('reports an encrypted message that was received empty', async () => {
    const head = [...HEAD, 'X-MS-Has-Attach: yes']
    expect(await openIt(lines(...head) + mixed([textPart('')]))).toMatchObject({
      failure: 'empty',
      encrypted: true
    })
    const bare = lines(...HEAD, 'Content-Type: multipart/encrypted; boundary=e', '', '--e--')
    expect(await openIt(bare)).toMatchObject({ failure: 'empty', encrypted: true, text: '' })
  })

  it('opens a block in a broken envelope beside a text (G1)', async () => {
    const armored = await gpg.encrypt(payload(), DESK_ADDRESS, true)
    const broken =
      'Content-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\n' +
      `Content-Type: application/octet-stream\r\n\r\n${armored}\r\n--e--`
    expect(await openIt(lines(...HEAD) + mixed([textPart('hello'), broken]))).toMatchObject({
      decrypted: true,
      failure: null,
      outsideText: 'hello'
    })
  })

  it('reads inline PGP, and shows words around the block separately', async () => {
    const armored = await gpg.encrypt(Buffer.from(SECRET), DESK_ADDRESS, true)
    const alone = await openIt(lines(...HEAD, '', armored))
    expect(alone).toMatchObject({
      structure: 'inline',
      text: `${SECRET}\n`,
      signatures: [{ state: 'valid' }]
    })

    const footer = await openIt(lines(...HEAD, '', armored, '-- ', 'list footer'))
    expect(footer).toMatchObject({
      structure: 'inline',
      text: `${SECRET}\n`,
      outsideText: '-- \nlist footer'
    })
    expect(footer.signatures).toMatchObject([{ coversWhole: false }])

    const before = await openIt(lines(...HEAD, '', 'Please decrypt:', '', armored))
    expect(before).toMatchObject({
      structure: 'inline',
      text: `${SECRET}\n`,
      outsideText: 'Please decrypt:',
      signatures: [{ coversWhole: false }]
    })
  })

  it('reads one encrypted file attached to plain text, and shows that text separately', async () => {
    const armored = await gpg.encrypt(Buffer.from(SECRET), DESK_ADDRESS, false)
    const file = filePart('report.txt.asc', armored)

    const opened = await openIt(lines(...HEAD) + mixed([textPart('see file'), file]))

    expect(opened).toMatchObject({
      structure: 'attachment',
      decrypted: true,
      text: `${SECRET}\n`,
      outsideText: 'see file',
      attachments: []
    })
  })

  it('shows the footer of a mailing list separately and says what is not covered', async () => {
    const content = textPart('I agree.')
    const signed = signedEntity(content, await gpg.signDetached(Buffer.from(content))).trimEnd()

    const opened = await openIt(lines(...HEAD) + mixed([signed, textPart('list footer')]))

    expect(opened).toMatchObject({
      structure: 'clear',
      text: 'I agree.\n',
      outsideText: 'list footer',
      signatures: [{ state: 'valid', coversWhole: false }]
    })
    expect(opened.warnings).toEqual(
      expect.arrayContaining(['outside-text', 'signature-does-not-cover-all'])
    )
  })

  it('is read up to the limit, with the rest as one attachment: 5,000 parts side by side', async () => {
    const parts = Array.from({ length: 5000 }, (_, index) => textPart(`part ${index}`))

    const opened = await openIt(lines(...HEAD) + mixed(parts))

    expect(opened.text).toContain('part 100\n')
    const rest = Buffer.from(opened.attachments.at(-1)?.content ?? []).toString()
    expect(rest).toContain('part 4999')
    expect(opened.warnings).toContain('too-many-parts')
  })

  it('shows cleartext-signed text with a warning about its form', async () => {
    const text = 'line one\r\n- dashed \r\nthree'
    const signature = await gpg.signDetached(Buffer.from('line one\r\n- dashed\r\nthree'))
    const body = lines(
      '-----BEGIN PGP SIGNED MESSAGE-----',
      'Hash: SHA512',
      '',
      text.replace('- dashed', '- - dashed'),
      signature
    )

    const opened = await openIt(lines(...HEAD, '') + body)

    expect(opened).toMatchObject({
      structure: 'inline',
      encrypted: false,
      text: 'line one\n- dashed\nthree\n', // the blank that no signature covers is not shown
      signatures: [{ state: 'valid', coversWhole: true }]
    })
    expect(opened.warnings).toContain('cleartext-signature')

    const spoofed = body.replace('Hash: SHA512', 'Hash: SHA512\r\nComment: pay Mallory')
    expect((await openIt(lines(...HEAD, '') + spoofed)).signatures).toEqual([])
  })

  it.each([
    ['iso-8859-1', Buffer.from('Gr\u00fc\u00dfe', 'latin1'), 'Gr\u00fc\u00dfe'],
    ['utf-8', Buffer.from('Gr\u00fc\u00dfe\f'), 'Gr\u00fc\u00dfe\u240c'],
    ['', Buffer.from('page\f'), 'page\u240c'],
    ['iso-2022-jp', Buffer.from('\u001b$B7j\u001b(B'), '\u7a74']
  ])(
    '(D19) verifies a cleartext signature over the bytes as sent: charset %j',
    async (charset, bytes, text) => {
      const signature = await gpg.signDetached(bytes)
      const head =
        lines(...HEAD) + `Content-Type: text/plain${charset && `; charset=${charset}`}\r\n\r\n`
      const begin = '-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA512\r\n\r\n'
      const raw = Buffer.concat([Buffer.from(head + begin), bytes, Buffer.from(`\r\n${signature}`)])
      const opened = await open(raw, [desk.secret], certificates)
      expect(opened).toMatchObject({ text: `${text}\n`, signatures: [{ state: 'valid' }] })
    }
  )

  it('(D17) shows a cleartext signature below a greeting, which it does not cover; a quoted one stays text', async () => {
    const signature = await gpg.signDetached(Buffer.from('my words'))
    const signed = lines(
      '-----BEGIN PGP SIGNED MESSAGE-----',
      'Hash: SHA512',
      '',
      'my words',
      signature
    )
    const opened = await openIt(`${lines(...HEAD, '', 'Hello,', '')}${signed}`)
    expect(opened).toMatchObject({
      ...{ structure: 'inline', text: 'my words\n', outsideText: 'Hello,' },
      signatures: [{ state: 'valid', coversWhole: false }]
    })
    const quoted = signed.replaceAll(/^(?=.)/gm, '> ')
    const other = await openIt(`${lines(...HEAD, '', 'You wrote:', '')}${quoted}`)
    expect(other).toMatchObject({ structure: 'clear', signatures: [] })
  })

  it('offers the sender’s own key as a candidate, stripped of other names', async () => {
    const key = await gpg.exportPublicKey()
    const attached = filePart('key.asc', key, 'application/pgp-keys')
    const own = await openIt(lines(...HEAD) + mixed([textPart('hi'), attached]))
    expect(own.candidateKeys).toMatchObject([{ fingerprint: gpg.fingerprint, source: 'attached' }])

    const head = HEAD.map((field) => field.replace('alice@', 'carol@'))
    const fake = await openIt(lines(...head) + mixed([textPart('hi'), attached]))
    expect(fake.candidateKeys).toEqual([])
    expect(fake.warnings).toContain('fake-key')
  })

  it('reads the same key once, however often it is attached', async () => {
    const key = await gpg.exportPublicKey()
    const file = `Content-Type: application/pgp-keys; name=key.asc\r\n\r\n${key}`
    const verify = vi.spyOn(SignaturePacket.prototype, 'verify')
    const checks: number[] = []
    for (const count of [1, 8]) {
      verify.mockClear()
      const files = Array.from({ length: count }, () => file)
      const opened = await openIt(lines(...HEAD) + mixed([textPart('hi'), ...files]))
      expect(opened.candidateKeys).toHaveLength(1)
      checks.push(verify.mock.calls.length)
    }
    verify.mockRestore()
    expect(checks[0]).toBeGreaterThan(0)
    expect(checks[1]).toBe(checks[0])
  })

  it('reports both keys and prefers neither when a message has two for its sender', async () => {
    const other = await makeSequoia({ name: 'Alice', address: 'alice@reporter.example' })
    const keys = await Promise.all([gpg, other].map((program) => program.exportPublicKey()))
    await other.close()
    const parts = keys.map((key) => `Content-Type: application/pgp-keys\r\n\r\n${key}`)

    const opened = await openIt(lines(...HEAD) + mixed([textPart('hi'), ...parts]))

    expect(opened.candidateKeys).toHaveLength(2)
    expect(opened.warnings).toContain('several-keys')
  })
})

describe('the recipients of an encryption as outsiders see them', () => {
  const sealedTo = async (raw: string): Promise<string> => (await open(raw, [])).sealedTo
  const cipher = 'Content-Type: multipart/encrypted; boundary=e'

  it('are nobody only for a message that was read completely (G6)', async () => {
    expect(await sealedTo(lines(...HEAD, '', 'In clear.'))).toBe('nobody')
    expect(await sealedTo(lines(...HEAD) + mixed([textPart('hi'), textPart('ho')]))).toBe('nobody')
    const signedPdf = 'Content-Type: application/pdf; name=report.pdf.p7m\r\n\r\nAAEC'
    expect(await sealedTo(lines(...HEAD) + mixed([textPart('a'), signedPdf]))).toBe('nobody')
  })

  it.each([
    ['S/MIME', lines(...HEAD, 'Content-Type: application/pkcs7-mime; name=smime.p7m', '', 'AAEC')],
    [
      'S/MIME as a file of no type, signed or not',
      lines(...HEAD, 'Content-Type: application/octet-stream; name="smime.P7M"', '', 'AAEC')
    ],
    [
      '(D18) a file of no type that ends as S/MIME does',
      lines(...HEAD, 'Content-Type: application/octet-stream; name=message.p7m', '', 'AAEC')
    ],
    [
      'an S/MIME file beside a text',
      lines(...HEAD) +
        mixed([textPart('a'), 'Content-Type: text/plain; name=smime.p7m\r\n\r\nAAEC'])
    ],
    ['damaged encryption', encryptedMail('no armor at all')],
    ['emptied encryption', lines(...HEAD, cipher, '', '--e--')],
    [
      'encryption deeper inside',
      lines(...HEAD) +
        mixed([textPart('a'), textPart('b'), `${cipher}\r\n\r\n${encryptedParts('x')}`])
    ]
  ])('are unknown for %s, never nobody', async (_, raw) => {
    expect(await sealedTo(raw)).toBe('unknown')
  })

  it('are unknown from the header alone, which is read with the limit as its failure', () => {
    const types = ['text/plain', 'multipart/encrypted', 'application/pkcs7-mime']
    const heads = types.map((type) => lines(...HEAD, `Content-Type: ${type}; boundary=e`))
    for (const raw of [lines(...HEAD), lines(...HEAD, '', 'body'), ...heads]) {
      const opened = openHeadersOnly(Buffer.from(raw), DESK_ADDRESS)
      expect(opened).toMatchObject({
        ...{ sealedTo: 'unknown', sealedToKeyIds: [], ciphertextMark: null, failure: 'limit' },
        ...{ text: '', outer: { subject: 'a report' } },
        warnings: expect.arrayContaining(['too-large']) as unknown
      })
    }
  })
})
