/**
 * `kill -9` again and again while a notice leaves to 200 members (G1, G2, G5, G7): each gets it, at or after its instant; only what
 * was on a connection at a kill comes twice, as the same message; and the last one has it soon after the last start (14).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { addMs, msOf } from '../../src/domain/time.ts'
import { systemClock } from '../../src/effects/system.ts'
import { seeded } from '../fuzz/random.ts'
import { type Daemon } from '../support/daemon.ts'
import { headerOf, splitPart } from '../support/mail-parts.ts'
import { ADA, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { databaseOf, seedMember, seedNotice, settingsOf } from '../support/seeded.ts'
import { type Taken } from '../support/smtp-sink.ts'
import { someone } from '../support/world.ts'

const [MEMBERS, KILLS, CONNECTIONS] = [200, 10, 8]
const MINUTE_MS = 60_000
const SEED = Number(process.env['POSTERN_TEST_SEED'] ?? Date.now() % 1_000_000)
const isMember = ({ to }: Taken): boolean => to.endsWith('@list.example')

describeWith(['dovecot', 'gpg'], `a release under kills (seed ${SEED})`, async () => {
  const { sink, desk } = await givenOffice({ grace: gpgPerson(GRACE), ada: gpgPerson(ADA) })
  const settings = await settingsOf(desk)
  const releaseAt = addMs(systemClock.now(), 20_000)
  {
    using db = databaseOf(desk)
    for (let index = 0; index < MEMBERS; index += 1) {
      const { secret, ...member } = await someone(`m${index}`, `m${index}@list.example`)
      const exportPublicKey = () => Promise.resolve(secret.toPublic().armor())
      await seedMember(db, member.id, { ...member, exportPublicKey })
    }
    db.transact((tx) => seedNotice(tx, settings, releaseAt))
  }
  const taken = () => sink.taken.filter(isMember)

  it('misses nobody, sends only what was on a connection twice, and is soon over', async () => {
    const random = seeded(SEED)
    let daemon: Daemon = await desk.start()
    await sink.waitFor((all) => all.some(isMember), 60_000)
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = taken().length
      const more = Math.floor(random() * (MEMBERS / KILLS))
      await sink.waitFor(
        () => taken().length >= before + more || taken().length >= MEMBERS,
        MINUTE_MS
      )
      await delay(Math.floor(random() * 30))
      await daemon.kill9()
      daemon = desk.spawn()
    }
    const names = () => new Set(taken().map(({ to }) => to))
    await sink.waitFor(() => names().size === MEMBERS, MINUTE_MS)
    await delay(3000)
    expect((await daemon.stop()).status).toBe(0)

    expect(names().size).toBe(MEMBERS)
    expect(taken().length).toBeLessThanOrEqual(MEMBERS + KILLS * CONNECTIONS)
    const idOf = ({ raw }: Taken) => headerOf(splitPart(raw), 'message-id')
    for (const name of names()) {
      const mine = taken().filter(({ to }) => to === name)
      expect(new Set(mine.map(idOf)).size).toBe(1)
      expect(new Set(mine.map(({ raw }) => raw.toString('latin1'))).size).toBe(1)
    }
    for (const { at } of taken()) expect(at).toBeGreaterThanOrEqual(msOf(releaseAt))
    const open = "SELECT id FROM outbox WHERE state <> 'sent'"
    expect(desk.rows(open)).toEqual([])
    expect(desk.rows('SELECT state FROM notices')).toEqual([{ state: 'released' }])
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0, stderr: '' })
  })
})
