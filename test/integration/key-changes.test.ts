/**
 * Keys that change while a desk works, as GnuPG changes them: parts that are revoked, added or ended, a whole key that is revoked or
 * extended. What the desk sends is opened with what each person has then; what a revoked part signed commands nothing (G3, G4).
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Daemon, type LogLine } from '../support/daemon.ts'
import { DESK_ADDRESS, mailboxOf, ofKind, type Received } from '../support/desk-world.ts'
import { ADA, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson, type Person } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const REVOKED = ['y', '1', '', 'y'] as const
const reporter = (id: string) => gpgPerson({ name: id, address: `${id}@people.example` })

describeWith(['dovecot', 'gpg'], 'a key that changes', async () => {
  const office = await givenOffice({
    ...{ grace: gpgPerson(GRACE), ada: gpgPerson(ADA) },
    ...{ bob: reporter('bob'), eve: reporter('eve') }
  })
  const { desk, sink, grace, ada, bob, eve } = office
  let daemon: Daemon = await desk.start()
  const send = (raw: Uint8Array): Promise<LogLine> => office.handled(daemon, raw)
  const find = (person: Person, kind: string, words: string): Promise<Received> =>
    mailboxOf(person, sink).find(ofKind(desk, kind, words), `${kind} with ${words}`)
  /** Grace answers what was forwarded with these words. */
  const answers = async (words: string, text: string): Promise<LogLine> => {
    const kind = 'relay'
    const { taken } = await find(grace, kind, words)
    return send(await grace.reply(taken.raw, `/reply\n${text}\n`))
  }
  async function giveKeyOfAda(): Promise<void> {
    await daemon.stop()
    writeFileSync(join(desk.folder, 'keys/maintainers/ada.asc'), await ada.exportPublicKey())
    daemon = await desk.start()
  }

  it('of a reporter is written to by its new part once a message brings that, and never by the revoked one', async () => {
    await send(await bob.write({ to: DESK_ADDRESS, subject: 'BOB-ONE', text: 'a hole' }))
    const first = await find(bob, 'acknowledgement', 'Thank you')
    await bob.change('--edit-key', 'key 1', 'revkey', ...REVOKED)
    await bob.change('--quick-add-key', 'cv25519', 'encr', 'never')
    await send(await bob.reply(first.taken.raw, 'BOB-TWO'))
    await answers('BOB-TWO', 'To the new part.')
    const { read } = await find(bob, 'reply', 'To the new part.')
    expect(read.encryptedTo).toHaveLength(1)
    expect(read.encryptedTo).not.toEqual(first.read.encryptedTo)
  })

  it('of a reporter that they revoked gets no answer, though only the header says so (G3)', async () => {
    await send(await eve.write({ to: DESK_ADDRESS, subject: 'EVE-ONE', text: 'a hole' }))
    await find(eve, 'acknowledgement', 'Thank you')
    await eve.change('--edit-key', 'revkey', ...REVOKED)
    const stolen = { to: DESK_ADDRESS, subject: 'Re: EVE-ONE', text: 'EVE-TWO my key was stolen' }
    await send(await eve.write(stolen, { sign: false }))
    await find(grace, 'relay', 'cannot be used any more')
    await answers('EVE-TWO', 'For nobody.')
    await find(grace, 'transcript', 'cannot be answered yet')
    const told = await mailboxOf(eve, sink).all()
    expect(told.map(({ read }) => read.text).join()).not.toContain('For nobody.')
  })

  it('of a maintainer commands by a new part once the operator has it, and by a revoked one never (G4)', async () => {
    await ada.change('--quick-add-key', 'ed25519', 'sign', 'never')
    const { taken } = await find(ada, 'relay', 'BOB-ONE')
    const note = (words: string) => ada.reply(taken.raw, `/note ${words}\n`)
    const early = await note('signed before')
    expect(await send(early)).toMatchObject({ disposition: 'refused' })
    await find(ada, 'refusal', 'not registered')
    await giveKeyOfAda()
    expect(await send(await note('signed by it'))).toMatchObject({ disposition: 'commands' })
    const late = await note('signed by what is revoked then')
    await ada.change('--edit-key', 'key 2', 'revkey', ...REVOKED)
    await giveKeyOfAda()
    expect(await send(late)).toMatchObject({ disposition: 'refused' })
    await find(ada, 'refusal', 'is revoked')
    expect(await send(await note('by the primary key'))).toMatchObject({ disposition: 'commands' })
    expect((await daemon.stop()).status).toBe(0)
  })
})
