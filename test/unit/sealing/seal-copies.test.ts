import { decrypt, generateKey, PublicKeyEncryptedSessionKeyPacket, readMessage } from 'openpgp'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Address } from '../../../src/domain/address.ts'
import { type Fingerprint, type MessageId } from '../../../src/domain/ids.ts'
import { type OutgoingHeaders, type Sealed, type SealTo } from '../../../src/domain/outgoing.ts'
import { addMs, instantFromMs, msOf } from '../../../src/domain/time.ts'
import { inspectKey } from '../../../src/openpgp/keyring.ts'
import { sealCopies, signClearMail } from '../../../src/sealing/seal-copies.ts'
import { type TestDesk, testDesk } from '../../support/desk-identity.ts'
import { decodeWords, headerOf, splitPart } from '../../support/mail-parts.ts'
import { gpgPerson, type Person, rnpPerson, sqPerson } from '../../support/people.ts'
import { tryRun } from '../../support/programs.ts'
import { describeWith } from '../../support/requires.ts'
import { tempFolder } from '../../support/temp.ts'
import { armorIn } from '../../support/world.ts'

const started = instantFromMs(Date.now())
const subject = '[ACME-2026-0007] Größenprüfung: Überlauf 🙂 in parse()'
const text = 'Liebe Leute,\n\nFrom here on: Größe \u2260 Länge.  \n.\n-- \nGrace'
const binary = Uint8Array.from({ length: 70_001 }, (_, index) => (index * 31) % 256)
const body = {
  text,
  attachments: [
    { filename: 'crash größe.bin', contentType: 'application/octet-stream', content: binary },
    { filename: 'fix.patch', contentType: 'text/x-diff', content: Buffer.from('--- a\n+++ b\n') }
  ],
  original: Buffer.from('From: a@b.example\r\nSubject: \xfc\r\n\r\n8bit \xff\0 body\r\n', 'latin1')
}

let desk: TestDesk
let grace: Person
let boris: Person

function headersFor(person: { name: string; address: string }): OutgoingHeaders {
  return {
    messageId: 'q5x2.unguessable@acme.example' as MessageId,
    date: addMs(started, 60_000),
    fromName: 'Alice Überbringer via ACME Security Team',
    to: { name: person.name, address: person.address as Address },
    subject,
    inReplyTo: 'root@acme.example' as MessageId,
    references: ['root@acme.example', 'second@acme.example'] as MessageId[],
    outerSubject: '[...]',
    autoSubmitted: 'auto-generated'
  }
}

async function copyFor(person: Person): Promise<SealTo> {
  const facts = await inspectKey(await person.exportPublicKey(), addMs(started, 60_000))
  if (facts === null) throw new Error('a key of the tests is unreadable')
  return {
    headers: headersFor(person),
    lastLine: '',
    fingerprint: facts.fingerprint,
    keyData: facts.keyData
  }
}

function rawOf(sealed: Sealed | undefined): Buffer {
  if (sealed?.kind !== 'sealed') throw new Error(`not sealed: ${sealed?.because ?? 'nothing'}`)
  return Buffer.from(sealed.raw)
}

const now = addMs(started, 60_000)

beforeAll(async () => {
  desk = await testDesk(addMs(started, -86_400_000))
})

describeWith(['gpg', 'sq'], 'a sealed mail', () => {
  let mails: readonly { readonly person: Person; readonly raw: Buffer }[] = []

  beforeAll(async () => {
    grace = await gpgPerson({ name: 'Grace Hopper', address: 'grace@gnupg.example' })
    boris = await sqPerson({ name: 'Boris', address: 'boris@sequoia.example' })
    for (const person of [grace, boris]) await person.importKey(desk.publicArmored)
    const to = [await copyFor(grace), await copyFor(boris)]
    const [graces, boriss] = await sealCopies(body, to, desk.keys.desk, now)
    mails = [
      { person: grace, raw: rawOf(graces) },
      { person: boris, raw: rawOf(boriss) }
    ]
  })
  afterAll(async () => {
    await grace.close()
    await boris.close()
  })

  it('is opened and verified by GnuPG and by Sequoia, every byte of it', async () => {
    for (const { person, raw } of mails) {
      const read = await person.decryptMail(raw)
      expect(read.verified).toBe(desk.keys.desk.signer.fingerprint)
      expect(read.text).toBe(text)
      expect(read.subject).toBe(subject)
      const [first, patch, original] = read.attachments
      expect(Buffer.from(first?.content ?? []).equals(binary)).toBe(true)
      expect(patch).toMatchObject({ filename: 'fix.patch', contentType: 'text/x-diff' })
      expect(Buffer.from(patch?.content ?? []).toString()).toBe('--- a\n+++ b\n')
      expect(original?.contentType).toBe('message/rfc822')
      expect(Buffer.from(original?.content ?? []).equals(body.original)).toBe(true)
      expect(read.payload.raw.toString('latin1')).toContain(
        "filename*0*=utf-8''crash%20gr%C3%B6%C3%9Fe.bin"
      )
    }
  })

  it('carries all its headers inside', async () => {
    for (const { person, raw } of mails) {
      const { payload } = await person.decryptMail(raw)
      const inner = (name: string): string => decodeWords(headerOf(payload, name))
      expect(inner('From')).toBe('Alice Überbringer via ACME Security Team <security@acme.example>')
      expect(inner('To')).toBe(`${person.name} <${person.address}>`)
      expect(inner('Message-ID')).toBe('<q5x2.unguessable@acme.example>')
      expect(inner('References')).toBe('<root@acme.example> <second@acme.example>')
      expect(inner('In-Reply-To')).toBe('<root@acme.example>')
      expect(inner('Auto-Submitted')).toBe('auto-generated')
      expect(inner('Content-Type')).toMatch(
        /^multipart\/mixed; boundary="[^"]+"; protected-headers="v1"; hp="cipher"$/
      )
    }
  })

  it('shows neutral headers outside and nothing else', () => {
    for (const { person, raw } of mails) {
      const outer = splitPart(raw)
      expect(outer.headers.map(([name]) => name)).toEqual([
        'from',
        'reply-to',
        'to',
        'date',
        'message-id',
        'subject',
        'in-reply-to',
        'references',
        'auto-submitted',
        'x-auto-response-suppress',
        'x-postern-loop',
        'openpgp',
        'autocrypt',
        'mime-version',
        'content-type'
      ])
      expect(headerOf(outer, 'Subject')).toBe('[...]')
      // (B2) The name of the sender it speaks for stands inside only.
      expect(headerOf(outer, 'From')).toBe('ACME Security Team <security@acme.example>')
      expect(headerOf(outer, 'To')).toBe(person.address)
      expect(decodeWords(raw.toString('latin1'))).not.toMatch(/Hopper|Größe|fix\.patch/)
    }
  })

  it('carries the desk key for Autocrypt, fit for encrypting to the desk', () => {
    for (const { raw } of mails) {
      const value = headerOf(splitPart(raw), 'Autocrypt')
      expect(value).toMatch(/^addr=security@acme\.example; keydata= /)
      const keydata = Buffer.from(value.slice(value.indexOf('keydata=') + 8), 'base64')
      expect(keydata.equals(desk.keys.desk.publicKey)).toBe(true)
    }
  })

  it('is plain US-ASCII with CRLF line ends throughout', () => {
    for (const { raw } of mails) {
      const lines = raw.toString('latin1').split('\r\n')
      for (const line of lines) expect(line).toMatch(/^[\t\x20-\x7e]{0,998}$/)
      expect(lines.at(-1)).toBe('')
    }
  })

  it('is one text part inside when there is only text, and not marked automatic when a human wrote it', async () => {
    const copy = await copyFor(grace)
    const human = { ...copy, headers: { ...copy.headers, autoSubmitted: 'no' as const } }
    const alone = { text, attachments: [], original: null }
    const [sealed] = await sealCopies(alone, [human], desk.keys.desk, now)
    const raw = rawOf(sealed)
    const read = await grace.decryptMail(raw)
    expect(headerOf(read.payload, 'Content-Type')).toBe(
      'text/plain; charset=utf-8; protected-headers="v1"; hp="cipher"'
    )
    expect(read.text).toBe(text)
    expect(read.header('Auto-Submitted') + read.header('X-Auto-Response-Suppress')).toBe('')
  })
})

describeWith(['gpg', 'sq', 'rnp'], 'copies with one encrypted content', () => {
  const shared = { ...body, isShared: true }
  let people: readonly Person[] = []
  let copies: readonly SealTo[] = []
  let sealed: readonly Sealed[] = []

  beforeAll(async () => {
    people = await Promise.all([
      gpgPerson({ name: 'Grace Hopper', address: 'grace@gnupg.example' }),
      sqPerson({ name: 'Boris', address: 'boris@sequoia.example' }),
      // RSA: the packets in front are no whole groups of three bytes.
      rnpPerson({ name: 'Rita', address: 'rita@rnp.example' }),
      gpgPerson({ name: 'Rob', address: 'rob@gnupg.example', algorithm: 'rsa3072' })
    ])
    for (const person of people) await person.importKey(desk.publicArmored)
    copies = await Promise.all(people.map(copyFor))
    // RNP takes no signature from the future.
    sealed = await sealCopies(shared, copies, desk.keys.desk, instantFromMs(Date.now()))
  }, 60_000)
  afterAll(async () => {
    for (const person of people) await person.close()
  })

  it('(E20) are opened and verified by GnuPG, Sequoia and RNP, each with the key that it is to', async () => {
    for (const [index, person] of people.entries()) {
      const read = await person.decryptMail(wholeOf(sealed[index]))
      expect(read.verified).toBe(desk.keys.desk.signer.fingerprint)
      expect([read.text, read.subject]).toEqual([text, subject])
      expect(Buffer.from(read.attachments[0]?.content ?? []).equals(binary)).toBe(true)
    }
  })

  it('(E20, G5) say outside to whom they are, bring one session key to one key, and name nobody inside', async () => {
    for (const [index, person] of people.entries()) {
      const raw = wholeOf(sealed[index])
      expect(headerOf(splitPart(raw), 'To')).toBe(person.address)
      const { payload } = await person.decryptMail(raw)
      expect(payload.headers.map(([name]) => name)).not.toContain('to')
      expect(payload.headers.map(([name]) => name)).not.toContain('message-id')
      expect(payload.raw.toString('latin1')).not.toMatch(/gnupg\.example|sequoia\.example/)
      const packets = await packetsIn(raw)
      const sessions = packets.filter((one) => one instanceof PublicKeyEncryptedSessionKeyPacket)
      expect(sessions).toHaveLength(1)
      const other = people[(index + 1) % people.length]
      await expect(other?.decryptMail(raw)).rejects.toThrow()
    }
  })

  it('(E20) are made once, and a refused key spoils no other copy', async () => {
    const [first, ...others] = sealed.map((one) => (one.kind === 'sealed' ? one.shared : undefined))
    expect(others.every((one) => one?.bytes === first?.bytes && one?.id === first?.id)).toBe(true)
    expect(first?.bytes.byteLength).toBeGreaterThan(90_000)
    const [grace, boris, ...more] = copies
    if (grace === undefined || boris === undefined) throw new Error('no copies')
    const broken = { ...boris, keyData: Buffer.from('garbage') }
    const again = await sealCopies(shared, [grace, broken, ...more], desk.keys.desk, now)
    expect(again.map(({ kind }) => kind)).toEqual(['sealed', 'refused', 'sealed', 'sealed'])
    expect((await people[3]?.decryptMail(wholeOf(again[3])))?.text).toBe(text)
    // Nothing of it is made for nobody.
    const nobody = await sealCopies(shared, [broken], desk.keys.desk, now)
    expect(nobody).toEqual([{ kind: 'refused', because: 'unreadable' }])
  })

  it('(E20) leave the copy to a key that asks for another form to itself', async () => {
    const config = { aeadProtect: true }
    const userIDs = [{ name: 'V', email: 'v@v.example' }]
    const date = new Date(msOf(started))
    const { privateKey } = await generateKey({ userIDs, date, config, format: 'object' })
    const keyData = privateKey.toPublic().write()
    const [grace] = copies
    if (grace === undefined) throw new Error('no copies')
    const fingerprint = privateKey.getFingerprint() as Fingerprint
    const all = [grace, { ...grace, keyData, fingerprint }]
    const [one, other] = await sealCopies(shared, all, desk.keys.desk, now)
    expect([one, other].map((each) => each?.kind === 'sealed' && 'shared' in each)).toEqual([
      true,
      false
    ])
    const armoredMessage = armorIn(rawOf(other))
    const message = await readMessage({ armoredMessage })
    const { data } = await decrypt({
      message,
      decryptionKeys: privateKey,
      date: new Date(msOf(now))
    })
    expect(String(data)).toContain('filename=fix.patch')
  })
})

/** A copy as it is sent. */
function wholeOf(sealed: Sealed | undefined): Buffer {
  const raw = rawOf(sealed)
  if (sealed?.kind !== 'sealed' || sealed.shared === undefined) throw new Error('nothing is shared')
  const { at, bytes } = sealed.shared
  return Buffer.concat([raw.subarray(0, at), bytes, raw.subarray(at)])
}

async function packetsIn(raw: Buffer) {
  return (await readMessage({ armoredMessage: armorIn(raw) })).packets
}

describeWith(['gpg'], 'a signed clear mail', () => {
  it('names the hash algorithm that its signature has (RFC 3156 §5)', async () => {
    const folder = tempFolder()
    const raw = await signClearMail(text, headersFor(grace), desk.keys.desk, now)
    const outer = splitPart(raw)
    const micalg = /micalg="?([a-z0-9-]+)/.exec(headerOf(outer, 'Content-Type'))?.[1]
    const input = /-----BEGIN PGP SIGNATURE-----[^]*END PGP SIGNATURE-----/.exec(
      `${outer.body}`
    )?.[0]
    const args = ['--homedir', folder.path, '--batch', '--list-packets']
    const packets = (await tryRun('gpg', args, { input: input ?? '' })).stdout.toString()
    folder.remove()
    expect(/digest algo (\d+)/.exec(packets)?.[1]).toBe(
      { 'pgp-sha256': '8', 'pgp-sha384': '9', 'pgp-sha512': '10' }[micalg ?? '']
    )
  })
})
