/**
 * (D17, D18) What is sealed anywhere in a message is opened, because only the desk holds the key, and shown apart: nothing proves
 * that it belongs to the rest. What stays closed says why.
 */
import * as openpgp from 'openpgp'
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import {
  encryptedEntity,
  filePart,
  givenCorrespondence,
  HEAD,
  lines,
  mixed,
  signedEntity,
  textPart
} from './material.ts'

const alice = await givenCorrespondence()
const SECRET = 'The stack is smashed at parser.c:412.'
const sealed = await alice.seal(SECRET)
const sealedEntity = await alice.seal(textPart(SECRET).replace('Type: ', 'Type: '), 0)
const html = (body: string): string => `Content-Type: text/html; charset=utf-8\r\n\r\n${body}`
const VERSION = 'Content-Type: application/pgp-encrypted; name=ATT00001.bin\r\n\r\nVersion: 1'
const data = (armored: string, name = 'encrypted.asc'): string =>
  `Content-Type: application/octet-stream; name=${name}\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(armored).toString('base64')}`
const openIt = (body: string): Promise<OpenedMail> => alice.open(lines(...HEAD) + body)
const textIn = (...parts: readonly string[]): Promise<OpenedMail> => openIt(mixed(parts))

describe('one sealed part in a message', () => {
  it.each([
    ['armor below a greeting', lines('', 'Hello,', '', sealed), 'inline', 'Hello,'],
    ['armor with words around it', lines('', 'Hi', sealed, 'Bye'), 'inline', 'Hi\n\nBye'],
    [
      'indented armor',
      lines('', 'Hi', ...sealed.split('\r\n').map((line) => `  ${line}`)),
      'inline',
      'Hi'
    ],
    ['armor in HTML', html(`<p>Hello</p><pre>${sealed}</pre>`), 'inline', 'Hello'],
    [
      'armor in HTML, a line each, without the empty one',
      html(
        sealed
          .split('\r\n')
          .filter((line) => line !== '')
          .map((line) => `<div>${line}</div>`)
          .join('')
      ),
      'inline',
      ''
    ],
    [
      'PGP/MIME below a banner in HTML',
      mixed([html('<p>Banner'), VERSION, data(sealedEntity)]),
      'pgp-mime-mangled',
      'Banner'
    ],
    ['PGP/MIME without a text part', mixed([VERSION, data(sealedEntity)]), 'pgp-mime-mangled', ''],
    [
      'PGP/MIME with an empty fourth part',
      mixed([textPart(''), VERSION, data(sealedEntity), textPart(' ')]),
      'pgp-mime-mangled',
      ''
    ],
    [
      'PGP/MIME with a renamed version part',
      mixed([filePart('Version.txt', 'Version: 1'), filePart('Message.pgp', sealedEntity)]),
      'pgp-mime-mangled',
      ''
    ],
    [
      'PGP/MIME without its version part',
      mixed([textPart('Hi'), data(sealedEntity)]),
      'pgp-mime-mangled',
      'Hi'
    ],
    [
      'PGP/MIME with a banner in HTML above',
      mixed([html('<p>Banner'), encryptedEntity(sealedEntity)]),
      'pgp-mime-mangled',
      'Banner'
    ],
    [
      'PGP/MIME further below',
      mixed([textPart('Hi'), mixed([encryptedEntity(sealedEntity)], 'n')]),
      'pgp-mime-mangled',
      'Hi'
    ],
    [
      'a file beside HTML',
      mixed([html('<p>Hi'), filePart('report.txt.asc', sealed)]),
      'attachment',
      'Hi'
    ],
    [
      'a file beside an empty text in two versions',
      mixed([
        `Content-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\n${textPart('')}\r\n--a\r\n${html('<div><br></div>')}\r\n--a--`,
        filePart('report.txt.asc', sealed)
      ]),
      'attachment',
      ''
    ]
  ])('%s', async (_, body, structure, outsideText) => {
    const opened = await openIt(body)
    expect(opened).toMatchObject({ structure, encrypted: true, decrypted: true, failure: null })
    expect(opened).toMatchObject({ text: `${SECRET}\n`, outsideText, sealedParts: [] })
    expect(opened.warnings).not.toContain('errant-crypto')
    // Never as signed with what stands around it.
    const isWhole = opened.signatures.some(({ coversWhole }) => coversWhole)
    expect(isWhole && outsideText !== '').toBe(false)
  })

  it('(G2) a file inside the envelope that was added to PGP/MIME is covered by no signature', async () => {
    const signed = encryptedEntity(await alice.seal(textPart(SECRET)))
      .trimEnd()
      .replace(/--e--$/, '')
    const opened = await openIt(`${signed}--e\r\n${filePart('key.asc', 'added')}\r\n--e--\r\n`)
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['key.asc'])
    expect(opened.signatures).toMatchObject([{ state: 'valid', coversWhole: false }])
  })

  it('a file that was added to PGP/MIME stays outside', async () => {
    const opened = await textIn(encryptedEntity(sealedEntity), filePart('logo.png', 'png'))
    expect(opened).toMatchObject({ structure: 'pgp-mime-mangled', text: `${SECRET}\n` })
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['logo.png'])
  })

  it('quoted armor is not the sender’s, and stays closed', async () => {
    const quoted = sealed.split('\r\n').map((line) => `> ${line}`)
    const opened = await openIt(lines('', 'See:', ...quoted))
    expect(opened).toMatchObject({ structure: 'clear', encrypted: false, sealedParts: [] })
    expect(opened.warnings).toContain('errant-crypto')
  })

  it('inline PGP around a MIME entity shows its text and its files', async () => {
    const entity = mixed([textPart(SECRET), filePart('poc.txt', 'AAAA')], 'z')
    const opened = await openIt(lines('', await alice.seal(entity, 0)))
    expect(opened).toMatchObject({ structure: 'inline', text: `${SECRET}\n` })
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['poc.txt'])
  })

  it('what is armored and signed but not encrypted shows its text, with the signature judged', async () => {
    const message = await openpgp.createMessage({ text: SECRET })
    const armored = (await openpgp.sign({ message, signingKeys: alice.alice })).trim()
    const opened = await openIt(lines('', armored.replaceAll('\n', '\r\n')))
    expect(opened).toMatchObject({ structure: 'inline', encrypted: false, decrypted: false })
    expect(opened).toMatchObject({ text: `${SECRET}\n`, sealedTo: 'nobody' })
    expect(opened.signatures).toMatchObject([{ state: 'valid', isInside: false }])
  })
})

describe('further sealed parts', () => {
  it('files beside inline text are each opened for themselves', async () => {
    const opened = await textIn(
      textPart(sealed),
      filePart('crash.bin.pgp', await alice.seal(Buffer.from([0, 1, 2]), 0)),
      filePart('trace.txt.asc', await alice.seal('trace', 1))
    )
    expect(opened).toMatchObject({ structure: 'inline', text: `${SECRET}\n`, attachments: [] })
    expect(opened.sealedParts).toMatchObject([
      { place: 'file', filename: 'crash.bin.pgp', decrypted: true, signatures: [] },
      {
        place: 'file',
        filename: 'trace.txt.asc',
        text: 'trace\n',
        signatures: [{ state: 'valid' }]
      }
    ])
    expect(opened.sealedParts[0]?.attachments.map(({ filename }) => filename)).toEqual([
      'crash.bin'
    ])
    expect(opened.warnings).toContain('sealed-parts')
    expect(opened.warnings).not.toContain('errant-crypto')
    // A signature of one covers nothing else.
    expect(opened.signatures).toMatchObject([{ state: 'valid', coversWhole: false }])
  })

  it('several blocks in one text are each opened', async () => {
    const other = await alice.seal('second', 0)
    const opened = await openIt(lines('', 'one', sealed, 'two', other, 'three'))
    expect(opened).toMatchObject({ text: `${SECRET}\n`, outsideText: 'one\n\ntwo\n\nthree' })
    expect(opened.sealedParts).toMatchObject([{ place: 'text', text: 'second\n' }])
  })

  it('a sealed message that was forwarded as a file is opened, with its own header', async () => {
    const message =
      lines('From: Bob <bob@x.example>', 'Subject: report') + encryptedEntity(sealedEntity)
    const opened = await textIn(
      textPart('please handle'),
      `Content-Type: message/rfc822\r\n\r\n${message}`
    )
    expect(opened).toMatchObject({
      structure: 'clear',
      text: 'please handle\n',
      sealedTo: 'unknown'
    })
    expect(opened.sealedParts).toMatchObject([
      { place: 'message', text: `${SECRET}\n`, header: { from: { address: 'bob@x.example' } } }
    ])
    const plain = await textIn(
      textPart('see'),
      'Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi'
    )
    expect([plain.sealedParts, plain.sealedTo]).toEqual([[], 'nobody'])
  })

  it('what is sealed twice is opened twice', async () => {
    const again = await alice.seal(encryptedEntity(sealedEntity), 0)
    const opened = await openIt(encryptedEntity(again))
    expect(opened).toMatchObject({ structure: 'pgp-mime', decrypted: true, text: '' })
    expect(opened.sealedParts).toMatchObject([{ place: 'part', text: `${SECRET}\n` }])
  })

  it('signed words stay as they were signed, whatever is sealed among them', async () => {
    const inner = mixed([textPart(`/close\r\n\r\n${sealed}`), filePart('x.asc', sealed)], 'i')
    const opened = await openIt(encryptedEntity(await alice.seal(inner)))
    expect(opened.text).toContain('-----BEGIN PGP MESSAGE-----')
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['x.asc'])
    expect(opened.sealedParts.map(({ text }) => text)).toEqual([`${SECRET}\n`, `${SECRET}\n`])
    expect(opened.warnings).not.toContain('errant-crypto')
  })

  it('a signature in a sealed part is judged like any other', async () => {
    const signed = signedEntity(textPart(SECRET), 'none')
    const opened = await textIn(textPart(sealed), data(await alice.seal(signed, 0), 'x.asc'))
    expect(opened.sealedParts).toMatchObject([
      { text: `${SECRET}\n`, signatures: [{ state: 'bad' }] }
    ])
  })

  it('(G9) there are at most 16, and one budget of session keys for the whole message', async () => {
    const files = Array.from({ length: 30 }, (_, index) => filePart(`${index}.asc`, sealedEntity))
    const opened = await textIn(...files)
    expect(opened.sealedParts.length).toBeLessThanOrEqual(16)
    const decrypted = [opened, ...opened.sealedParts].filter((part) => part.decrypted)
    expect(decrypted).toHaveLength(16)
    expect(opened.warnings).toContain('errant-crypto')
    // What was not opened is still there.
    expect(opened.attachments.length + opened.sealedParts.length).toBeGreaterThanOrEqual(29)
  })

  it('(G9) bytes after decompression count in total', async () => {
    const message = await openpgp.createMessage({ binary: Buffer.alloc(3 * 2 ** 20) })
    const encryptionKeys = await openpgp.readKey({ armoredKey: alice.desk.publicArmored })
    const config = { preferredCompressionAlgorithm: openpgp.enums.compression.zlib }
    const bomb = await openpgp.encrypt({ message, encryptionKeys, config })
    const opened = await textIn(
      filePart('a.asc', bomb),
      filePart('b.asc', bomb),
      filePart('c.asc', bomb)
    )
    expect([opened, ...opened.sealedParts].map(({ failure }) => failure)).toEqual([
      null,
      'limit',
      'limit'
    ])
  })
})

describe('what stays closed says why', () => {
  const SMIME =
    'Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\r\n\r\nAAEC'

  it('S/MIME alone is encrypted in a form that the desk cannot open', async () => {
    expect(await openIt(SMIME)).toMatchObject({
      encrypted: true,
      decrypted: false,
      failure: 'unsupported',
      sealedTo: 'unknown'
    })
    const other = 'Content-Type: multipart/encrypted; protocol="application/x-other"; boundary=o'
    const parts = lines(other, '', '--o', 'Content-Type: application/x-other', '', 'x', '--o--')
    expect(await openIt(parts)).toMatchObject({ encrypted: true, failure: 'unsupported' })
  })

  it('S/MIME beside words leaves the words to read', async () => {
    const opened = await textIn(textPart('words'), SMIME)
    expect(opened).toMatchObject({ structure: 'clear', failure: null, text: 'words\n' })
    expect(opened.sealedTo).toBe('unknown')
    expect(opened.sealedParts).toMatchObject([
      { place: 'file', encrypted: true, failure: 'unsupported', text: '' }
    ])
  })

  it('a part for somebody else, and a damaged one', async () => {
    const stranger = await openpgp.generateKey({ userIDs: [{ name: 'x' }], format: 'object' })
    const message = await openpgp.createMessage({ text: 'x' })
    const foreign = await openpgp.encrypt({ message, encryptionKeys: stranger.publicKey })
    const damaged = sealed
      .split('\r\n')
      .map((line, index) => (index === 5 ? `AAAAAAAA${line.slice(8)}` : line))
      .join('\r\n')
    const opened = await textIn(
      textPart(sealed),
      filePart('a.asc', foreign),
      filePart('b.asc', damaged)
    )
    expect(opened.sealedParts.map(({ failure }) => failure)).toEqual(['not-for-us', 'damaged'])
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['a.asc', 'b.asc'])
    expect(opened.warnings).toContain('errant-crypto')
  })

  it('(D18) what is packed and cannot be unpacked is not said to have come in clear', async () => {
    const packed = Buffer.of(0xc8, 5, 1, 0xff, 0xff, 0xff, 0xff)
    const armor = openpgp.armor(openpgp.enums.armor.message, packed)
    const closed = { encrypted: true, decrypted: false, failure: 'damaged', sealedTo: 'unknown' }
    expect(await openIt(`\r\n${armor}`)).toMatchObject({ ...closed, text: '' })
    const notes = filePart('notes.txt', lines('My notes', '', armor), 'text/plain; name=notes.txt')
    const beside = await textIn(textPart('See my notes.'), notes)
    expect(beside).toMatchObject({ encrypted: false, failure: null, text: 'See my notes.\n' })
    expect(beside.sealedTo).toBe('unknown')
    expect(beside.sealedParts).toMatchObject([{ ...closed, place: 'file', text: '' }])
  })
})

describe('(D17) PGP/MIME whose first part is not as it was is opened: nobody is told that a mail system removed it', () => {
  const encrypted = (...parts: readonly string[]): string =>
    `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b\r\n\r\n${parts
      .map((part) => `--b\r\n${part}\r\n`)
      .join('')}--b--\r\n`

  it.each([
    ['renamed', encrypted(filePart('ATT00001.bin', 'Version: 1'), data(sealedEntity)), []],
    ['a text', encrypted(textPart('Version: 1'), data(sealedEntity)), []],
    ['last', encrypted(data(sealedEntity), VERSION), ['ATT00001.bin']],
    ['not there', encrypted(data(sealedEntity)), []],
    ['a notice', encrypted(textPart('Notice'), VERSION, data(sealedEntity)), ['attachment-1.txt']],
    ['not there, nor a boundary', encrypted().replace(/--b--/, sealedEntity), []]
  ])('%s', async (_, body, files) => {
    const opened = await openIt(body)
    expect(opened).toMatchObject({ encrypted: true, failure: null, text: `${SECRET}\n` })
    expect(opened.structure).not.toBe('pgp-mime')
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(files)
  })

  it('a message that was attached as a file of no type is opened like any other', async () => {
    const { sealedParts } = await textIn(
      textPart('Hi'),
      filePart('report.eml', lines(...HEAD) + encryptedEntity(sealedEntity))
    )
    expect(sealedParts).toMatchObject([{ place: 'message', text: `${SECRET}\n` }])
  })
})

it.each([
  ['armor in a text', textPart('-----BEGIN AGE ENCRYPTED FILE-----\r\nYWdl')],
  ['a file', filePart('report.age', 'age-encryption.org/v1\n-> X25519 a')]
])('(D18) what age encrypted is not said to have come in clear: %s', async (_, part) => {
  const { sealedTo, warnings } = await textIn(textPart('Hi'), part)
  expect([sealedTo, warnings]).toEqual(['unknown', ['errant-crypto']])
})

describe('(D17, D19) what stands beside the sealed part of an attached message', () => {
  const attached = (...parts: readonly string[]): string =>
    `Content-Type: message/rfc822\r\n\r\n${lines(...HEAD)}${mixed(parts, 'i')}`

  it('is still to be read in that, where the message is opened beside another one', async () => {
    const { attachments, sealedParts, warnings } = await textIn(
      textPart(sealed),
      attached(encryptedEntity(sealedEntity), textPart('Words below.'))
    )
    expect(sealedParts).toMatchObject([{ place: 'message', text: `${SECRET}\n` }])
    expect(attachments.map(({ content }) => Buffer.from(content).toString())).toEqual([
      expect.stringContaining('Words below.')
    ])
    expect(warnings).not.toContain('errant-crypto')
  })

  it('is opened, too, and said to be from whom the attached message names', async () => {
    const { sealedParts } = await textIn(
      textPart('Hi'),
      attached(textPart(sealed), filePart('log.txt.asc', await alice.seal('The log.')))
    )
    const header = { from: { address: 'alice@reporter.example' } }
    expect(sealedParts).toMatchObject([
      { place: 'message', text: `${SECRET}\n`, header },
      { place: 'file', text: 'The log.\n', filename: 'log.txt.asc', header }
    ])
  })
})

describe('(D17) armor among the words of an attached text file', () => {
  const notes = (armor: string): string =>
    filePart('notes.txt', lines('My notes', '', armor, 'end'), 'text/plain; name=notes.txt')

  it('is opened apart, unverified; the message and the file stay what they are', async () => {
    const opened = await textIn(textPart('See my notes.'), notes(sealed))
    expect(opened).toMatchObject({ structure: 'clear', encrypted: false, text: 'See my notes.\n' })
    expect(opened.sealedParts).toMatchObject([
      { place: 'file', filename: 'notes.txt', decrypted: true, failure: null }
    ])
    expect(opened.sealedParts[0]?.text.trim()).toBe(SECRET)
    expect(opened.attachments.map(({ filename }) => filename)).toEqual(['notes.txt'])
  })

  it('that is damaged or quoted in a patch is only a file', async () => {
    for (const armor of ['-----BEGIN PGP MESSAGE-----\n\n?\n-----END PGP MESSAGE-----', quoted])
      expect((await textIn(textPart('See.'), notes(armor))).sealedParts).toEqual([])
  })
  const quoted = sealed.replaceAll(/^/gm, '+')
})
