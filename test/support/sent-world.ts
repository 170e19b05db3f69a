/**
 * A desk that has sent one message of every kind, to people whose keys were made by GnuPG, RNP and Sequoia: a desk world in which
 * everything happens that makes the desk write. All of it lies a few days back, so that programs with a clock of their own
 * find keys and signatures in their past. Says nothing of what the messages must be.
 */
import { readPrivateKey } from 'openpgp'
import { BY_DESK, event, NO_EVIDENCE } from '../../src/domain/event.ts'
import { addMs, type Instant, instantFromMs, msOf } from '../../src/domain/time.ts'
import * as events from '../../src/store/events.ts'
import { gpgPerson, type Person, rnpPerson, sqPerson } from './people.ts'
import {
  type Accepted,
  codeOf,
  deskCertificate,
  openWorld,
  refIn,
  type Someone,
  someone,
  type World
} from './world.ts'

const ALICE = { name: 'Alice', address: 'alice@people.example' }
const EVE = { name: 'Eve', address: 'eve@people.example' }
const DEBIAN = { name: 'Debian', address: 'security@debian.example' }
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Stands in the subject and the text of every report, and in what maintainers write among themselves. */
export const SECRET = 'QSECRETQ'

/** A message that left the desk. `to` has a key unless the message is in clear. */
export type Sent = {
  readonly kind: string
  readonly form: 'sealed' | 'clear'
  readonly to: string
  /** The number that its recipient knows the case by: a reporter's own, whatever it was merged into (B14); null for no case. */
  readonly number: string | null
  readonly raw: Uint8Array
}

export type SentWorld = Awaited<ReturnType<typeof openSentWorld>>

type Cast = Awaited<ReturnType<typeof makeCast>>

/** Takes some seconds: six keys, RSA ones among them. */
export async function openSentWorld() {
  const startsAt = instantFromMs(Math.floor(Date.now() / DAY) * DAY - 11 * DAY + 12 * HOUR)
  const cast = await makeCast(new Date(msOf(startsAt) - DAY))
  const { grace, linus, ada, alice, eve, debian, mo } = cast.people
  const people = [grace, linus, ada, alice, eve, debian]
  const texts = new Set<string>()
  const { world, sent } = await everyMail(cast, startsAt, texts)
  const readers = { gpg: grace, sq: ada, rnp: linus }
  const deskKey = await deskCertificate()
  for (const reader of Object.values(readers)) {
    await reader.importKey(deskKey)
    for (const other of people)
      if (other !== reader) await reader.importSecretKey(await other.exportSecretKey())
  }
  const keyIds = new Map<string, string>()
  for (const { address, secret } of Object.values(cast.as)) {
    const key = await secret.getEncryptionKey(undefined, new Date(msOf(startsAt))).catch(() => null)
    if (key !== null) keyIds.set(address, key.getKeyID().toHex().toUpperCase())
  }
  const deskFingerprint = world.desk.settings.desk.fingerprint
  world.close()
  return {
    sent,
    /** Names of the message texts that were written. */
    texts,
    /** Key ids (upper-case, 16 digits) to which mail to this address may be encrypted. */
    keyIds,
    deskFingerprint,
    /** Three readers, each with another program, the desk's key and everybody's secret keys. */
    readers,
    close: async () => {
      for (const person of [...people, mo]) await person.close()
    }
  }
}

async function makeCast(madeAt: Date) {
  const people = {
    grace: await gpgPerson({ name: 'Grace', address: 'grace@acme.example', madeAt }),
    linus: await rnpPerson({ name: 'Linus', address: 'linus@acme.example', madeAt }),
    ada: await sqPerson({ name: 'Ada Größe', address: 'ada@acme.example', madeAt }),
    // No key of his can be used when the desk begins.
    mo: await gpgPerson({ name: 'Mo', address: 'mo@acme.example', madeAt, lastsSeconds: 3600 }),
    alice: await sqPerson({ ...ALICE, madeAt, algorithm: 'rsa3k' }),
    eve: await gpgPerson({ ...EVE, madeAt, algorithm: 'nistp384' }),
    debian: await gpgPerson({ ...DEBIAN, madeAt, algorithm: 'rsa3072' })
  }
  const as: Record<string, Someone> = {}
  for (const [id, person] of Object.entries(people)) as[id] = await asSomeone(id, person)
  return { people, as }
}

async function asSomeone(id: string, person: Person): Promise<Someone> {
  const secret = await readPrivateKey({ armoredKey: await person.exportSecretKey() })
  const { name, address } = person
  return { ...(await someone(id, address)), name, secret, keyData: secret.toPublic().write() }
}

/** Lets everything happen that makes the desk write. */
async function everyMail(
  { as }: Cast,
  startsAt: Instant,
  texts: Set<string>
): Promise<{ readonly world: World; readonly sent: readonly Sent[] }> {
  const who = (id: string): Someone => {
    const one = as[id]
    if (one === undefined) throw new Error('nobody of this name')
    return one
  }
  const world = await openWorld({
    maintainers: ['grace', 'linus', 'ada', 'mo'].map(who),
    policy: { reporters: { cleartext: 'allow' } },
    digest: true,
    startsAt
  })
  noteTexts(world, texts)
  await world.addMember(who('debian'))
  keyWillExpire(world, who('debian'))
  await reportsCome(world, who)
  await maintainersAnswer(world, who)
  await noticeLeaves(world, who, startsAt)
  await manyReportsCome(world, who)
  await strangersFlood(world)
  await world.wait(DAY)
  return { world, sent: sentBy(world) }
}

function keyWillExpire(world: World, { id }: Someone): void {
  const { now } = world.clock
  const about = { fingerprint: null, expiresAt: addMs(now, 29 * DAY) }
  const seen = event('certificate-seen', { kind: 'member', id }, BY_DESK, about)
  world.desk.db.transact((tx) => events.append(tx, seen, { at: now, evidence: NO_EVIDENCE }))
}

type Who = (id: string) => Someone

function noteTexts(world: World, texts: Set<string>): void {
  const { render } = world.desk
  Object.assign(world.desk, {
    render: (...given: Parameters<typeof render>) => {
      texts.add(given[0].kind)
      return render(...given)
    }
  })
}

/** Five cases: two reporters with a key, two who write in clear, one who gives no key to answer to. */
async function reportsCome(world: World, who: Who): Promise<void> {
  const report = { subject: `Überlauf ${SECRET}`, text: `It is here: ${SECRET}\n` }
  const patch = { filename: 'beweis größe.txt', content: `proof ${SECRET}` }
  const carol = await someone('carol', 'carol@people.example')
  const dave = await someone('dave', 'dave@people.example')
  const fay = await someone('fay', 'fay@people.example')
  const letters = [
    await world.write(who('alice'), { ...report, autocrypt: true, patch }),
    await world.write(who('eve'), { ...report, autocrypt: true }),
    await world.write(carol, { ...report, as: 'clear' }),
    await world.write(dave, { ...report, text: '\n', as: 'encrypted' }),
    await world.write(fay, { ...report, as: 'clear' })
  ]
  for (const letter of letters) {
    await world.receive(letter)
  }
}

/** In one day, six reports from somebody with a key and six from somebody without; the first two of each become one case. */
async function manyReportsCome(world: World, who: Who): Promise<void> {
  const fay = await someone('fay', 'fay@people.example')
  for (let count = 1; count <= 6; count += 1) {
    const report = { subject: `Report ${count} ${SECRET}`, text: `Another one: ${SECRET}\n` }
    world.deliver(await world.write(who('alice'), { ...report, autocrypt: true }))
    await world.send(fay, { ...report, as: 'clear' })
    world.pass(2 * HOUR)
  }
  await command(world, who('grace'), 8, '/merge ACME-2026-0006\n')
  await command(world, who('grace'), 9, '/merge ACME-2026-0007\n')
}

/** More strangers than one report an hour is forwarded of: the others stand in a list. */
async function strangersFlood(world: World): Promise<void> {
  Object.assign(world.desk.settings, { forwarding: { per_hour: 1, per_domain_hour: 1 } })
  for (const id of ['gus', 'hal']) {
    const one = await someone(id, `${id}@strangers.example`)
    await world.send(one, { subject: `Report ${SECRET}`, text: `Here: ${SECRET}\n`, as: 'clear' })
  }
  await world.wait(HOUR / 2)
}

async function command(world: World, from: Someone, number: number, text: string): Promise<void> {
  world.pass(1000)
  const subject = `Re: [ACME-2026-000${number}] ${SECRET}`
  await world.send(from, { subject, text })
}

async function maintainersAnswer(world: World, who: Who): Promise<void> {
  const [grace, linus, ada] = [who('grace'), who('linus'), who('ada')]
  await command(world, linus, 1, `Only among us: ${SECRET}`)
  await command(world, grace, 1, '/accept\n')
  await command(world, grace, 1, `/reply\nWe repair it: ${SECRET}\n`)
  await command(world, linus, 2, '/reject upstream\n')
  await command(world, linus, 2, `/close\nThat is all of ${SECRET}.\n`)
  await command(world, linus, 2, `/reopen because ${SECRET}\n`)
  await command(world, ada, 3, '/accept\n')
  await command(world, ada, 3, '/reply\nThank you for writing.\n')
  await command(world, ada, 3, '/reject upstream\n')
  await command(world, ada, 3, '/close\nThat is all.\n')
  await command(world, ada, 3, '/reopen because there is more\n')
  await command(world, ada, 5, '/accept\n')
  await command(world, grace, 4, `/reply\n${SECRET}\n`)
  await command(world, grace, 4, '/ask\n')
  await world.send(grace, { subject: 'x', text: '/take\n', as: 'encrypted' })
}

async function noticeLeaves(world: World, who: Who, startsAt: Instant): Promise<void> {
  const disclosure = addMs(startsAt, 7 * DAY + 2 * HOUR)
  const fields = `description: ${SECRET}\naffected_versions: all\nremedy_steps: update\n`
  const patch = { filename: 'fix.patch', content: `--- a\r\n+++ ${SECRET}` }
  for (const number of [1, 5]) {
    await world.send(who('grace'), {
      subject: `Re: [ACME-2026-000${number}] x`,
      text: `/embargo ${disclosure} because the day may be a weekend\n/notice draft\n${fields}`,
      patch
    })
    await command(world, who('grace'), number, '/notice preview\n')
    await command(world, who('linus'), number, `/notice approve ${codeOf(world)}\n`)
  }
  // One of the two copies is put off until the issue is public.
  world.pass(2 * HOUR)
  while (await world.releaseOnce());
  const idsOf = (kind: string): string[] =>
    world.column('SELECT message_id FROM outbox WHERE kind = ? ORDER BY id', [kind])
  const late = idsOf('notice').at(-1)
  world.server.refuses = ({ messageId }) => messageId === late
  await world.settle()
  const notice = world.accepted.findLast(({ messageId }) => idsOf('notice').includes(messageId))
  const headers = [`In-Reply-To: <${notice?.messageId ?? ''}>`]
  const question = { subject: 'Re: a question', text: `question ${SECRET}?\n`, headers }
  await world.send(who('debian'), question)
  const forwarded = world
    .sentTo(who('grace'))
    .findLast(({ messageId }) => idsOf('relay').includes(messageId))
  const ref = forwarded === undefined ? '' : refIn(await world.read(who('grace'), forwarded))
  await command(world, who('grace'), 1, `/member\n${SECRET}\n\n> ${ref}\n`)
  await command(world, who('grace'), 1, `/files\n\n> ${ref}\n`)
  await world.wait(7 * DAY)
}

function sentBy(world: World): Sent[] {
  const rows = world.rows<{ id: string; kind: string; number: string | null }>(`
    SELECT message_id AS id, kind, coalesce(reporter.tag, cases.tag) AS number FROM outbox
    LEFT JOIN cases ON cases.id = case_id LEFT JOIN cases AS reporter ON reporter.tag = recipient_id`)
  const known = new Map(rows.map((row) => [row.id, row]))
  return world.accepted.map((mail: Accepted) => {
    const row = known.get(mail.messageId)
    if (row === undefined) throw new Error('a mail that is not in the outbox')
    const { kind, number } = row
    const isSealed = Buffer.from(mail.raw).includes('multipart/encrypted')
    return { kind, form: isSealed ? 'sealed' : 'clear', to: mail.to, number, raw: mail.raw }
  })
}
