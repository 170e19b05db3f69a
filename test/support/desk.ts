/**
 * The desk of the running test, in the words of a test: who is there, what they write to it, what they get from it, what it has
 * on record. What is given here has no meaning of its own; what a test is about stands in the test.
 */
import { onTestFinished } from 'vitest'
import { readPolicy } from '../../src/config/policy-file.ts'
import { type EventKind } from '../../src/domain/event.ts'
import { type Policy } from '../../src/domain/settings.ts'
import { TAG } from '../unit/policy/samples.ts'
import {
  type Accepted,
  codeOf,
  type Letter,
  openWorld,
  refIn,
  type Someone,
  someone,
  type World,
  type WorldOptions
} from './world.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** Two maintainers, two reporters, and three members of the list. */
export const [grace, linus, alice, bob] = await Promise.all([
  givenMaintainer('grace'),
  givenMaintainer('linus'),
  givenReporter('alice'),
  givenReporter('bob')
])
export const [debian, freebsd, suse] = await Promise.all([
  someone('debian', 'security@debian.example'),
  someone('freebsd', 'security@freebsd.example'),
  someone('suse', 'security@suse.example')
])
export const members: readonly Someone[] = [debian, freebsd, suse]

/** Numbers of the cases, in the order of the reports. */
export const FIRST = TAG
export const SECOND = 'ACME-2026-0002'
export const THIRD = 'ACME-2026-0003'

/** The desk of the running test: the one that was given last. */
export let world: World

/** A maintainer with a fresh key; `days` is how long the key lasts, 0 for ever. */
export function givenMaintainer(id: string, days = 0): Promise<Someone> {
  return someone(id, `${id}@acme.example`, days)
}

/** A reporter with a fresh key. */
export function givenReporter(id: string, days = 0): Promise<Someone> {
  return someone(id, `${id}@reporter.example`, days)
}

/** A desk of these maintainers, closed when the test has finished. */
export async function givenDesk(
  maintainers: WorldOptions['maintainers'] = [grace, linus],
  options: Omit<WorldOptions, 'maintainers'> = {}
): Promise<World> {
  const opened = await openWorld({ maintainers, ...options })
  onTestFinished(() => {
    opened.close()
  })
  world = opened
  return opened
}

/** One of the policies that ship. */
export async function preset(name: string): Promise<Policy> {
  return (await readPolicy(name, '.')).policy
}

/** Somebody writes to the desk, which does everything that there is to do about it. */
export function givenMessage(from: Someone, letter: Letter): Promise<void> {
  return world.send(from, letter)
}

export type ReportOptions = Partial<Letter> &
  Partial<WorldOptions> & { readonly by?: readonly Someone[]; readonly list?: readonly Someone[] }

/** A desk with this list, and a report by each of these: encrypted and with their key, unless it says otherwise. */
export async function givenReport({
  maintainers = [grace, linus],
  by = [alice],
  list = [],
  ...more
}: ReportOptions = {}): Promise<void> {
  await givenDesk(maintainers, more)
  for (const member of list) await world.addMember(member)
  const letter = { subject: 'x', text: 'x', as: 'encrypted', autocrypt: true, ...more } as const
  for (const one of by) await givenMessage(one, letter)
}

/** After a while somebody writes about a case, the first one unless another is given; returns the last text that they got. */
export async function writes(
  from: Someone,
  text: string,
  { tag = FIRST, after = 0, ...letter }: Partial<Letter> & { tag?: string; after?: number } = {}
): Promise<string> {
  world.pass(after)
  await givenMessage(from, { subject: `Re: [${tag}] Report`, text, ...letter })
  return lastTo(from)
}

/** Grace writes about a case, a minute later; returns what the desk answers her. */
export function says(
  text: string,
  tag: string = FIRST,
  letter: Partial<Letter> = {}
): Promise<string> {
  return writes(grace, text, { tag, after: MINUTE, ...letter })
}

/** A mail server of ours that checks senders, for a desk that trusts it. */
export const AUTHENTICATION = { servers: ['mx.acme.example'], receivedHops: 1 }

/** What that server writes on top of a message from outside: the outcome of DMARC for a domain, and that it received it. */
export function checked(domain: string, dmarc = 'pass'): readonly [claim: string, ours: string] {
  return [
    `Authentication-Results: mx.acme.example; dmarc=${dmarc} header.from=${domain}`,
    'Received: from outside.example by mx.acme.example; Mon, 23 Nov 2026 12:00:00 +0000'
  ]
}

/** Makes a letter an answer to the newest message that `person` was sent, unless another is given. */
export function answering(
  person: Someone,
  mail = world.sentTo(person).at(-1)
): Required<Pick<Letter, 'headers'>> {
  return { headers: [`In-Reply-To: <${mail?.messageId ?? ''}>`] }
}

/** The public key of somebody, as people attach it. */
export function attachedKey({ secret }: Someone): Pick<Letter, 'patch'> {
  return { patch: { filename: 'key.asc', content: secret.toPublic().armor() } }
}

/** The fingerprint of somebody's key, as the desk writes it. */
export function keyOf({ secret }: Someone): string {
  return secret.getFingerprint().toUpperCase()
}

/** The kinds of the messages that the desk made for `person`, oldest first. */
export function kindsTo({ address }: Someone): string[] {
  return world.column('SELECT kind FROM outbox WHERE envelope_to = ? ORDER BY id', [address])
}

/** The particulars of the events of these kinds, oldest first. */
export function recorded(...kinds: readonly EventKind[]): object[] {
  const sql = 'SELECT about FROM events WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY id'
  return world.column(sql, [JSON.stringify(kinds)]).map((about) => JSON.parse(about) as object)
}

/** A message as its reader reads it: decrypted, runs of blanks as one. */
export async function readBy(person: Someone, mail: Accepted | undefined): Promise<string> {
  return mail === undefined ? '' : (await world.read(person, mail)).replaceAll(/\s+/g, ' ')
}

/** The texts that `person` was sent, as they read them, without the first `from` messages of all that left the desk. */
export function textsTo(person: Someone, from = 0): Promise<string[]> {
  const mine = world.accepted.slice(from).filter(({ to }) => to === person.address)
  return Promise.all(mine.map((mail) => readBy(person, mail)))
}

/** All of these texts in one. */
export async function allTo(person: Someone, from = 0): Promise<string> {
  return (await textsTo(person, from)).join(' ')
}

/** The alarms among these texts. */
export async function alarmsTo(person: Someone, from = 0): Promise<string[]> {
  return (await textsTo(person, from)).filter((text) => text.includes('What to do:'))
}

/** The last text that `person` was sent; '' when there was none. */
export function lastTo(person: Someone): Promise<string> {
  return readBy(person, world.sentTo(person).at(-1))
}

/** The newest message that `person` was sent. */
export function latest(person: Someone): Accepted {
  const mail = world.sentTo(person).at(-1)
  if (mail === undefined) throw new Error('nobody wrote to them')
  return mail
}

/** A message of this conversation as it was forwarded to Grace. */
export function forwarded(conversation: string): Accepted {
  const sql = `SELECT message_id FROM outbox
    WHERE kind = 'relay' AND recipient_id = 'grace' AND conversation LIKE ?`
  const [id] = world.column(sql, [conversation])
  const mail = world.accepted.find(({ messageId }) => messageId === id)
  if (mail === undefined) throw new Error('not forwarded')
  return mail
}

/** The desk's words in a message, quoted as a client quotes them. */
export async function quoted(person: Someone, mail: Accepted): Promise<string> {
  const words = await world.read(person, mail)
  return words.slice(words.indexOf('-----8<-----')).replaceAll(/^/gm, '> ')
}

/** The recipients of all that left the desk, in order, without the first `from` messages. */
export function sentSince(from: number): string[] {
  return world.accepted.slice(from).map(({ to }) => to)
}

/** What left the desk, as everybody on the way sees it. */
export function onTheWay(mails: readonly Accepted[] = world.accepted): string {
  return mails.map(({ raw }) => Buffer.from(raw).toString('utf8')).join('\n')
}

/** The reference line in a message that `person` was sent, the newest unless another is given. */
export async function givenRef(person: Someone, mail = latest(person)): Promise<string> {
  return refIn(await world.read(person, mail))
}

/** The wall clock alone is set, as by a broken time service, and the desk does what it does then. */
export async function jumps(ms: number): Promise<void> {
  world.jump(ms)
  await world.settle()
}

/** The desk starts anew, and does what it does then. */
export async function restarts(): Promise<void> {
  world.restart()
  await world.settle()
}

/** The process dies one effect later each time and is started again, until nothing is left to do; returns how often it died. */
export async function diesAtEveryStep(): Promise<number> {
  for (let step = 1; ; step += 1) {
    world.dieAt(step)
    const died = await world.settle().then(
      () => false,
      () => true
    )
    world.restart()
    if (!died) return step - 1
  }
}

/** Promises that were rejected and that nobody took care of while `work` went on. */
export async function unhandledIn(work: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    await work()
  } finally {
    process.off('unhandledRejection', note)
  }
  return unhandled
}

/** Lets days pass one by one. */
export async function days(count: number): Promise<void> {
  for (let day = 0; day < count; day += 1) await world.wait(DAY)
}

/** The states of the cases, oldest first. */
export function caseStates(): string[] {
  return world.column('SELECT state FROM cases ORDER BY id')
}

/** All that a notice needs besides its date. */
export const FIELDS =
  'description: the hole\naffected_versions: all\nremedy_steps: update\nno_patches: they follow\n'
export const DISCLOSURE = '2026-12-04T12:00:00Z'
/** From the start of a world until notices for this disclosure are due under the sample policy. */
export const UNTIL_DUE = 4 * DAY

export type NoticeOptions = Omit<WorldOptions, 'maintainers'> & {
  readonly maintainers?: readonly [Someone, Someone]
  readonly reporter?: Someone
  readonly list?: readonly Someone[]
  readonly count?: number
  readonly fields?: string
  /** Whether the reporter's message brings their key. */
  readonly autocrypt?: boolean
}

/** Cases, one unless more are given, with approved notices that leave in {@link UNTIL_DUE}. */
export async function givenNotices({
  maintainers = [grace, linus],
  reporter = alice,
  list = members,
  count = 1,
  autocrypt = true,
  fields = FIELDS,
  ...options
}: NoticeOptions = {}): Promise<void> {
  await givenDesk(maintainers, options)
  for (const member of list) await world.addMember(member)
  for (let number = 1; number <= count; number += 1) {
    const tag = `ACME-2026-000${number}`
    await givenMessage(reporter, { subject: 'x', text: `x ${number}`, as: 'encrypted', autocrypt })
    const draft = `/accept\n/embargo ${DISCLOSURE}\n/notice draft\n${fields}`
    await writes(maintainers[0], draft, { tag })
    await approve(tag, maintainers)
  }
}

/** The code of the newest preview. */
export function code(): string {
  return codeOf(world)
}

/** The first maintainer previews the notice of a case, and the others approve it. */
export async function approve(
  tag: string = FIRST,
  [author, ...approvers]: readonly [Someone, ...Someone[]] = [grace, linus]
): Promise<void> {
  await writes(author, '/notice preview\n', { tag, after: 1000 })
  for (const one of approvers) await writes(one, `/notice approve ${code()}\n`, { tag })
}

/** State of each notice, in the order of the cases. */
export function noticeStates(): string[] {
  return world.column('SELECT state FROM notices ORDER BY id')
}

/** Ids of the members of {@link members} who got a notice of this case, sorted. */
export async function noticed(tag: string = FIRST): Promise<string[]> {
  const ids: string[] = []
  for (const member of members)
    for (const text of await textsTo(member))
      if (text.includes(`[${tag}] Notice`)) ids.push(member.id)
  return ids.sort()
}
export const ALL = ['debian', 'freebsd', 'suse']

/** Number of alarms whose cause begins so, one a maintainer. */
export function alarms(cause: string): number {
  return world.column('SELECT id FROM outbox WHERE once LIKE ?', [`alert:${cause}%`]).length
}
