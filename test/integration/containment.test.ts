/**
 * A message that costs its worker more time than the daemon allows, against the built daemon: the worker is ended, the message is
 * held and told after three tries, all others are served, and nothing of it is left anywhere but in the database (G9, G10).
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readKey, readPrivateKey } from 'openpgp'
import { expect, it } from 'vitest'
import { layeredMail } from '../bench/open-mails.ts'
import { DESK_ADDRESS, mailboxOf } from '../support/desk-world.ts'
import { GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const MIB = 2 ** 20
const REPORT = { to: DESK_ADDRESS, subject: 'A hole', text: 'Here.\n' }

describeWith(['dovecot', 'gpg'], 'a message over the limit of time', async () => {
  const { dovecot, user, sink, desk, grace, alice } = await givenOffice(
    {
      grace: gpgPerson(GRACE),
      alice: gpgPerson({ name: 'Alice', address: 'alice@people.example' })
    },
    { changes: { limits: { open_seconds: 1 }, workers: 2 } }
  )

  /** It takes more than two seconds, of which the daemon gives it one. */
  async function poison(): Promise<Buffer> {
    const secret = await readPrivateKey({ armoredKey: await grace.exportSecretKey() })
    const key = await readKey({ armoredKey: desk.publicKey })
    const text = `POISON${'\n'.repeat(56 * MIB)}`
    const raw = await layeredMail({ keyData: key.write() }, { secret }, text)
    return Buffer.from(
      raw.toString('latin1').replace('Subject: worst', 'Subject: POISON'),
      'latin1'
    )
  }

  it('is held and told after three tries, the next message is served before that, and nothing of it leaks', async () => {
    await dovecot.append(user, await poison())
    const key = { filename: 'key.asc', contentType: 'application/pgp-keys' }
    const attachments = [{ ...key, content: Buffer.from(await alice.exportPublicKey()) }]
    const report = await alice.write({ ...REPORT, attachments })
    await dovecot.append(user, report)
    const daemon = await desk.start()
    const served = await daemon.waitForLog('arrival.done', { timeoutMs: 60_000 })
    expect(served).toMatchObject({ arrival: 2, disposition: 'case-opened' })
    await daemon.waitForLog('arrival.quarantined', { timeoutMs: 60_000 })
    const events = daemon.lines.map(({ event }) => event)
    expect(events.filter((event) => event === 'worker.killed').length).toBeGreaterThanOrEqual(3)
    expect(desk.rows('SELECT state, disposition, tries FROM arrivals ORDER BY id')).toMatchObject([
      { state: 'held', disposition: 'quarantined', tries: 3 },
      { state: 'done', disposition: 'case-opened' }
    ])
    const told = await mailboxOf(grace, sink).find(
      ({ read }) =>
        read.text.includes('could NOT be opened') || /quarantined|held folder/.test(read.text),
      'word of the held mail'
    )
    expect(told.read.encrypted).toBe(true)
    expect(JSON.stringify(daemon.lines)).not.toMatch(/POISON|eve@/)
    for (const { raw } of sink.taken) expect(raw.toString('latin1')).not.toContain('POISON')
    expect(
      readdirSync(join(desk.folder, 'data')).filter((name) => !/^postern\.db/.test(name))
    ).toEqual([])
  })

  it('is refused by "postern open" under the same limit, and another is read with the keys that the desk knows', async () => {
    const open = (name: string, mail: Uint8Array) => {
      const file = join(desk.folder, name)
      writeFileSync(file, mail)
      return desk.cli('open', file, '--json')
    }
    const refused = await open('poison.eml', await poison())
    expect([refused.status, refused.stdout]).toEqual([1, ''])
    expect(refused.stderr).toMatch(
      /^postern: [^\n]*took longer than limits\.open_seconds allows\n$/
    )
    const read = await open('again.eml', await alice.write(REPORT))
    expect(JSON.parse(read.stdout)).toMatchObject({
      subject: 'A hole',
      signatures: [{ state: 'valid', fingerprint: alice.fingerprint }]
    })
  })
})
