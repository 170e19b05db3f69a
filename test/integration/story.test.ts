/**
 * The main job from end to end, with parts nobody here wrote: the built daemon, Dovecot, an SMTP server, GnuPG and Sequoia.
 * One story, told once; each test states one rule that the story must have kept.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, expect, it } from 'vitest'
import { type Daemon } from '../support/daemon.ts'
import * as desks from '../support/desk-world.ts'
import { headerOf, splitPart } from '../support/mail-parts.ts'
import { ADA, ALICE, addMember, GRACE, givenOffice } from '../support/office.ts'
import { gpgPerson, type Person, sqPerson } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'

const DAY = 86_400_000
const POC = Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 7) % 256))
const PATCH = Buffer.from(
  '--- a/parser.c\n+++ b/parser.c\r\n@@ -1 +1 @@\n-caf\u00e9\n+\ttea \n\\ No newline',
  'latin1'
)
/** Words, as an operator chooses them: the database derives its key from them. */
const PASSPHRASE = 'correct horse battery'
const EXPIRED = { name: 'Delta Linux', address: 'security@delta.example' }

describeWith(['dovecot', 'gpg', 'sq'], 'the whole story of a report', async () => {
  const { dovecot, user, sink, desk, alice, grace, ada, alpha, beta, gamma } = await givenOffice(
    {
      alice: gpgPerson(ALICE),
      grace: gpgPerson(GRACE),
      ada: sqPerson(ADA),
      alpha: gpgPerson({ name: 'Alpha Linux', address: 'security@alpha.example' }),
      beta: sqPerson({ name: 'Beta OS', address: 'team@beta.example' }),
      gamma: gpgPerson({ name: 'Gamma Cloud', address: 'psirt@gamma.example' })
    },
    { passphrase: PASSPHRASE }
  )
  const members = [
    { id: 'alpha-linux', person: alpha },
    { id: 'beta-os', person: beta },
    { id: 'gamma-cloud', person: gamma }
  ]
  const everybody = [alice, grace, ada, alpha, beta, gamma]
  const seen = new Map<string, readonly desks.Received[]>()
  let daemon: Daemon
  let releaseAt = 0

  const send = (raw: Buffer): Promise<void> => dovecot.append(user, raw)
  const inbox = (person: Person) => desks.mailboxOf(person, sink)
  const got = (person: Person): readonly desks.Received[] => seen.get(person.address) ?? []
  const all = (): readonly desks.Received[] => [...seen.values()].flat()
  const is = (kind: string, words?: string) => desks.ofKind(desk, kind, words)

  beforeAll(async () => {
    for (const { id, person } of members)
      await addMember(desk, id, person, await person.exportPublicKey())
    const expiring = await desks.keyExpiringIn(EXPIRED, 40)
    await addMember(desk, 'delta-linux', EXPIRED, expiring.armored)
    daemon = await desk.start()
    await tell(expiring.expiresAt)
    for (const person of everybody) seen.set(person.address, await inbox(person).all())
    await daemon.stop()
  }, 180_000)

  async function tell(keyExpiresAt: number): Promise<void> {
    await send(
      await alice.write({
        to: desks.DESK_ADDRESS,
        subject: 'Heap overflow in the parser',
        text: 'Hello,\nthere is a heap overflow, see the file. Grüße\n',
        attachments: [
          { filename: 'poc.bin', contentType: 'application/octet-stream', content: POC }
        ]
      })
    )
    const relayed = await inbox(grace).find(is('relay', 'heap overflow, see'), 'relay')
    const relayedToAda = await inbox(ada).find(is('relay', 'heap overflow, see'), 'relay')
    await inbox(alice).find(is('acknowledgement'), 'acknowledgement')

    await send(await grace.reply(relayed.taken.raw, 'I can reproduce it on main.'))
    await inbox(ada).find(is('note', 'I can reproduce it on main.'), 'note')
    await inbox(grace).find(is('hint'), 'hint')

    await send(
      await ada.reply(relayedToAda.taken.raw, '/accept\n/reply\nDear Alice,\nthank you, we fix it.')
    )
    await inbox(alice).find(is('accepted', 'thank you, we fix it.'), 'answer')
    await inbox(grace).find(is('activity'), 'activity')

    // The fourth member's key must have expired by then; keys are judged at that instant.
    releaseAt = Math.ceil(Math.max(Date.now() + 15_000, keyExpiresAt + 3000) / 1000) * 1000
    const disclosure = new Date(releaseAt + 7 * DAY).toISOString().replace('.000Z', 'Z')
    await send(
      await grace.reply(
        relayed.taken.raw,
        [
          '/notice draft',
          'title: Heap overflow in the parser',
          'description: <<',
          'A crafted file overflows a heap buffer.',
          '',
          'An attacker runs code.',
          '>>',
          'affected_versions: 4.0 to 4.2',
          'remedy_steps: Apply the patch and rebuild.',
          `/embargo ${disclosure} because the day may be a weekend`,
          '/notice preview'
        ].join('\n'),
        { attachments: [{ filename: 'fix.patch', contentType: 'text/x-diff', content: PATCH }] }
      )
    )
    const previewed = await inbox(ada).find(is('preview'), 'preview')
    const code = /\/notice approve (\S+)/.exec(previewed.read.text)?.[1] ?? ''
    await send(await ada.reply(previewed.taken.raw, `/notice approve ${code}`))
    await inbox(ada).find(is('transcript', 'The notice leaves'), 'transcript of the approval')

    for (const { person } of members) {
      await inbox(person).find(is('notice'), 'notice', 60_000)
    }
    await inbox(alice).find(is('date-notice'), 'date mail')
    await inbox(grace).find(is('alert', 'The notice is leaving'), 'report')
    await inbox(ada).find(is('alert', 'The notice is leaving'), 'report')
    await inbox(grace).find(is('alert', 'delta-linux did not get the notice'), 'alarm')
    // Whatever should not have left has had time to.
    await delay(1500)
  }

  it('acknowledges the report sealed to the reporter, without anything of it (G6, M-02)', () => {
    const [acknowledgement] = got(alice)
    const text = (acknowledgement?.read.text ?? '').replaceAll(/\s+/g, ' ')
    expect(acknowledgement?.read.encrypted).toBe(true)
    expect(text).toMatch(/is\s+case\s+ACME-\d{4}-0001/)
    expect(text).toContain('A member of our team will reply by')
    expect(text.replaceAll(/\s/g, '').toLowerCase()).toContain(
      acknowledgement?.read.verified ?? 'unverified'
    )
    expect(text).not.toMatch(/heap|overflow|poc|reproduce|Alice/i)
    expect(acknowledgement?.read.subject).not.toMatch(/heap|overflow/i)
  })

  it('relays the report to each maintainer with the attachment byte for byte', () => {
    for (const person of [grace, ada]) {
      const relayed = got(person).find(is('relay', 'heap overflow, see'))
      expect(relayed?.read.text).toContain('Grüße')
      expect(relayed?.read.subject).toMatch(/^\[ACME-\d{4}-0001\] Report$/)
      expect(relayed?.read.text).toContain('Subject: Heap overflow in the parser')
      expect(relayed?.read.header('from')).toContain('Alice Reporter via ACME Security Team')
      const file = relayed?.read.attachments.find(({ filename }) => filename === 'poc.bin')
      expect(Buffer.from(file?.content ?? []).equals(POC)).toBe(true)
    }
  })

  it('keeps a plain reply among the maintainers and says once how to reach the reporter', () => {
    expect(
      all()
        .filter((mail) => desks.says(mail, 'I can reproduce it on main.'))
        .map(({ taken }) => taken.to)
    ).toEqual([ada.address])
    expect(got(grace).filter(is('hint'))).toHaveLength(1)
  })

  it('sends the reporter the answer of the maintainer and nothing internal', () => {
    const kinds = got(alice).map((mail) => desks.kindOf(desk, mail))
    const answer = got(alice).find((mail) => desks.says(mail, 'thank you, we fix it.'))
    // (B13) The decision and the words are one message.
    expect(kinds).toEqual(['acknowledgement', 'accepted', 'date-proposed', 'date-notice'])
    expect(answer?.read.header('auto-submitted')).toBe('')
    for (const { read } of got(alice)) {
      expect(read.text).not.toMatch(/reproduce|fix\.patch|\/accept|Grace|4\.0 to 4\.2/)
    }
  })

  it('gives the notice to each member alone, at or after its instant, with the patch as it was (G5, G7)', () => {
    for (const { person } of members) {
      const [notice, ...more] = got(person)
      expect(more).toEqual([])
      expect(notice?.read.text).toContain('A crafted file overflows a heap buffer.')
      expect(notice?.read.text).toContain('Apply the patch and rebuild.')
      expect(notice?.taken.at).toBeGreaterThanOrEqual(releaseAt)
      const patch = notice?.read.attachments.find(({ filename }) => filename === 'fix.patch')
      expect(Buffer.from(patch?.content ?? []).equals(PATCH)).toBe(true)
    }
  })

  it('holds the member whose key has expired and tells the maintainers (G3)', async () => {
    // That the key ends they learn, and nothing else.
    for (const { raw } of sink.taken.filter(({ to }) => to === EXPIRED.address)) {
      const to = headerOf(splitPart(raw), 'to')
      expect(to).toBe(EXPIRED.address)
      expect(raw.toString('latin1')).toContain('BEGIN PGP MESSAGE')
      expect(raw.toString('latin1')).not.toMatch(/ACME-\d{4}|heap/)
    }
    const alarm = got(grace).find(is('alert', 'delta-linux did not get the notice'))
    expect(alarm?.read.text).toContain('delta-linux')
    expect(alarm?.read.text).toContain('expired')
    expect(got(grace).filter(is('alert', 'The key of list member delta-linux expire'))).not.toEqual(
      []
    )
    const shown = await desk.cli('notice', 'list', '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject([
      { state: 'released', deliveries: { held: 1, sent: 3 } }
    ])
  })

  it('tells the reporter the date in the same job (M-30)', () => {
    const date = got(alice).find(is('date-notice'))
    expect(date?.read.encrypted).toBe(true)
    expect(date?.taken.at).toBeGreaterThanOrEqual(releaseAt)
    // That there is a list is no secret, who is on it is.
    expect(date?.read.text).not.toMatch(/member|\b(?:three|four|[34])\b|Alpha|Beta|Gamma|Delta/)
  })

  it('names no member to any other recipient, in no header, body or key id (G5)', () => {
    const list = [
      ...members.map(({ id, person }) => ({ id, ...person })),
      { id: 'delta-linux', ...EXPIRED, fingerprint: '' }
    ]
    for (const { taken, read } of [
      ...got(alice),
      ...members.flatMap(({ person }) => got(person))
    ]) {
      for (const member of list.filter(({ address }) => address !== taken.to)) {
        const traces = [member.id, member.name, member.address, member.fingerprint.slice(-16)]
        const everything = [
          taken.raw.toString('latin1'),
          read.payload.raw.toString('latin1'),
          read.text,
          read.subject
        ]
          .join('\n')
          .toLowerCase()
        for (const trace of traces.filter((text) => text !== '')) {
          expect(everything).not.toContain(trace.toLowerCase())
        }
      }
    }
    // Nobody but the maintainers learns how many they are.
    for (const { read } of members.flatMap(({ person }) => got(person))) {
      expect(read.text).not.toMatch(/\b(?:three|four|3|4) (?:members|recipients)/i)
    }
  })

  it('logs no name, address, subject or key of anybody (G5)', () => {
    const log = daemon.output().toLowerCase()
    for (const person of [...everybody, { ...EXPIRED, fingerprint: 'no-such-text' }]) {
      for (const trace of [person.name, person.address, person.fingerprint.slice(-16)]) {
        expect(log).not.toContain(trace.toLowerCase())
      }
    }
    expect(log).not.toMatch(/heap|overflow|alpha-linux|delta-linux/)
    expect(log).not.toContain(PASSPHRASE)
    expect(daemon.stderr()).toBe('')
  })

  it('marks every message that no human wrote (RFC 3834)', () => {
    for (const mail of all()) {
      const isHuman = desks.kindOf(desk, mail) === 'accepted'
      expect(headerOf(mail.read.outer, 'auto-submitted')).toMatch(
        isHuman ? /^$/ : /^auto-(?:replied|generated)$/
      )
    }
  })

  it('leaves the inbox empty and a record that is whole (G1, G8)', async () => {
    expect(await dovecot.messages(user)).toEqual([])
    expect(await dovecot.messages(user, 'Postern/Processed')).toHaveLength(5)
    expect(await desk.cli('audit', 'verify')).toMatchObject({ status: 0, stderr: '' })
    const shown = await desk.cli('show', `ACME-${new Date().getFullYear()}-0001`, '--json')
    expect(JSON.parse(shown.stdout)).toMatchObject({ case: { state: 'noticed', owner: 'ada' } })
  })
})
