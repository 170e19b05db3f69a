/** The people of the tests must be right before anything they say about Postern counts. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { gpgPerson, type Person, sqPerson } from '../../support/people.ts'
import { describeWith } from '../../support/requires.ts'

describeWith(['gpg', 'sq'], 'people of the tests', () => {
  let alice: Person
  let bob: Person

  beforeAll(async () => {
    alice = await gpgPerson({
      name: 'Älice Ångström',
      address: 'alice@example.org',
      passphrase: 'open'
    })
    bob = await sqPerson({ name: 'Bob', address: 'bob@example.org' })
    await alice.importKey(await bob.exportPublicKey())
    await bob.importKey(await alice.exportPublicKey())
  })
  afterAll(async () => {
    await alice.close()
    await bob.close()
  })

  it('reads in Sequoia what GnuPG sealed, signed and attached, with a hidden subject', async () => {
    const content = Buffer.from([0, 1, 2, 255])
    const raw = await alice.write({
      to: 'bob@example.org',
      subject: 'Lücke im Parser',
      text: 'Grüße\n-- \nA.',
      attachments: [{ filename: 'poc é.bin', contentType: 'application/octet-stream', content }]
    })

    const mail = await bob.decryptMail(raw)

    expect(raw.toString()).not.toContain('Parser')
    expect(raw.toString()).toMatch(/^Subject: \.\.\.\r$/m)
    expect(mail).toMatchObject({
      encrypted: true,
      verified: alice.fingerprint,
      subject: 'Lücke im Parser'
    })
    expect(mail.encryptedTo).toHaveLength(1)
    expect(mail.text.trimEnd()).toBe('Grüße\n-- \nA.')
    expect(mail.attachments).toMatchObject([{ filename: 'poc é.bin' }])
    expect(Buffer.from(mail.attachments[0]?.content ?? [])).toEqual(content)
    expect(mail.header('from')).toBe('Älice Ångström <alice@example.org>')
  })

  it('keeps the thread and quotes in a reply from Sequoia that GnuPG reads', async () => {
    const first = await alice.write({ to: 'bob@example.org', subject: 'Hello', text: 'one\ntwo' })

    const reply = await bob.reply(first, 'three')
    const mail = await alice.decryptMail(reply)

    const id = (await bob.decryptMail(first)).header('message-id')
    expect(mail).toMatchObject({ verified: bob.fingerprint, subject: 'Re: Hello' })
    expect(mail.header('in-reply-to')).toBe(id)
    expect(mail.header('references')).toBe(id)
    expect(mail.text).toMatch(/^three\n\nOn .*, Älice Ångström wrote:\n> one\n> two\n/)
  })

  it.each(['alice', 'bob'])(
    'verifies a mail that %s only signed, and no changed one',
    async (who) => {
      const [writer, reader] = who === 'alice' ? [alice, bob] : [bob, alice]
      const raw = await writer.write(
        { to: reader.address, subject: 'Signed', text: 'words', attachments: [] },
        { encrypt: false }
      )
      const changed = Buffer.from(raw.toString('latin1').replace('d29yZHM', 'd29yZHg'), 'latin1')

      expect((await reader.decryptMail(raw)).verified).toBe(writer.fingerprint)
      expect((await reader.decryptMail(changed)).verified).toBeNull()
      expect((await reader.decryptMail(changed)).text).not.toContain('words')
    }
  )

  it('reports an unsigned message or an unknown signature as not verified', async () => {
    const stranger = await gpgPerson({ name: 'S', address: 's@example.org' })
    const key = await bob.exportPublicKey()
    const draft = { to: 'bob@example.org', subject: 'x', text: 'y' }

    const unsigned = await stranger.encryptSignedMime(key, draft, { sign: false })
    const unknown = await stranger.encryptSignedMime(key, draft)
    await stranger.close()

    expect((await bob.decryptMail(unsigned)).verified).toBeNull()
    expect((await bob.decryptMail(unknown)).verified).toBeNull()
  })
})
