/**
 * The desk and other people's mail programs, both directions: neomutt driven on a terminal, and RNP, which Thunderbird has
 * inside. What they write is opened rightly, what the desk sends they open and verify (G4; every kind of it:
 * interop-sent.test.ts).
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { DESK_ADDRESS } from '../support/desk-world.ts'
import { makeMutt } from '../support/neomutt.ts'
import { givenOffice } from '../support/office.ts'
import { gpgPerson, rnpPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { type Taken } from '../support/smtp-sink.ts'

describeWith(['dovecot', 'gpg', 'rnp', 'neomutt'], 'other people’s mail programs', async () => {
  const { sink, desk, rupert, alice, nora, handled } = await givenOffice({
    rupert: rnpPerson({ name: 'Rupert', address: 'rupert@acme.example' }),
    alice: gpgPerson({ name: 'Alice', address: 'alice@people.example' }),
    nora: makeMutt({ name: 'Nora', address: 'nora@acme.example' })
  })
  const daemon = await desk.start()

  /** Puts a message into the inbox and returns what became of it. */
  async function arrive(raw: Uint8Array): Promise<{ disposition: unknown; case: string }> {
    const line = await handled(daemon, raw)
    return { disposition: line['disposition'], case: String(line['case']) }
  }
  async function latestTo(address: string, count: number): Promise<Taken> {
    const mine = (all: readonly Taken[]) => all.filter(({ to }) => to === address)
    const taken = mine(await sink.waitFor((all) => mine(all).length >= count, 30_000))
    const last = taken.at(-1)
    if (last === undefined) throw new Error('no mail')
    return last
  }
  function open(raw: Uint8Array): Promise<Record<string, unknown>> {
    const file = join(desk.folder, 'opened.eml')
    writeFileSync(file, raw)
    return desk
      .cli('open', '--json', file)
      .then(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>)
  }

  it('a message that neomutt wrote is opened with its protected subject, its file and its signature', async () => {
    const attach = join(desk.folder, 'beweis größe.txt')
    writeFileSync(attach, 'proof\n')
    const raw = await nora.write({
      to: DESK_ADDRESS,
      subject: 'Lücke im Parser',
      text: 'Körper: größer als gedacht.',
      attach
    })
    expect(raw.toString()).not.toMatch(/Lücke|Parser/)
    expect(await open(raw)).toMatchObject({
      structure: 'pgp-mime',
      encrypted: true,
      signatures: [{ state: 'valid' }],
      subject: 'Lücke im Parser',
      subjectProtected: true,
      text: expect.stringContaining('Körper: größer als gedacht.') as unknown,
      attachments: [{ filename: 'beweis größe.txt', size: 6 }]
    })
  })

  it('a message that neomutt only encrypted is opened, and nobody has signed it', async () => {
    const mail = {
      to: DESK_ADDRESS,
      subject: 'Überlauf',
      text: 'Größer.',
      as: 'encrypted'
    } as const
    const raw = await nora.write(mail)
    expect(raw.toString()).not.toContain('berlauf')
    expect(await open(raw)).toMatchObject({
      structure: 'pgp-mime',
      encrypted: true,
      decrypted: true,
      signatures: [],
      subject: 'Überlauf',
      subjectProtected: true,
      text: expect.stringContaining('Größer.') as unknown,
      attachments: []
    })
    const attach = join(desk.folder, 'dump größe.bin')
    writeFileSync(attach, Buffer.from([0, 13, 10, 255, 46, 10]))
    expect(await open(await nora.write({ ...mail, attach }))).toMatchObject({
      encrypted: true,
      signatures: [],
      text: expect.stringContaining('Größer.') as unknown,
      attachments: [{ filename: 'dump größe.bin', size: 6 }]
    })
  })

  it('a message that neomutt only signed is verified as a whole, and everybody could read it', async () => {
    const mail = { to: DESK_ADDRESS, subject: 'Überlauf', text: 'From here:  \nGrößer.' } as const
    const raw = await nora.write({ ...mail, as: 'signed' })
    const whole = [{ state: 'valid', coversWhole: true }]
    expect(await open(raw)).toMatchObject({
      structure: 'pgp-mime',
      encrypted: false,
      signatures: whole,
      subject: 'Überlauf',
      text: expect.stringContaining('Größer.') as unknown
    })
    const changed = Buffer.from(raw.toString('latin1').replace('here:', 'hers:'), 'latin1')
    expect(await open(changed)).toMatchObject({ signatures: [{ state: 'bad' }] })
  })

  it('the command of a maintainer with RNP runs, and its answer can be read there (G4)', async () => {
    const report = await alice.write({ to: DESK_ADDRESS, subject: 'A hole', text: 'It is here.\n' })
    const { case: tag } = await arrive(report)
    const relay = await latestTo(rupert.address, 1)
    const before = sink.taken.filter(({ to }) => to === rupert.address).length
    const done = await arrive(await rupert.reply(relay.raw, '/reply\nThank you, we look at it.\n'))
    expect(done).toEqual({ disposition: 'commands', case: tag })
    const transcript = await rupert.decryptMail((await latestTo(rupert.address, before + 1)).raw)
    expect(transcript.verified).not.toBeNull()
    expect(transcript.text).toContain('Done: 1 command.')
  })
})
