/**
 * Set-up in the words of a test: given these people, a desk of theirs, a message that it received, a report, a case. What is given
 * here has no meaning of its own; what a test is about stands in the test.
 */
import { onTestFinished } from 'vitest'
import { type EventKind } from '../../src/domain/event.ts'
import { TAG } from '../unit/policy/samples.ts'
import {
  type Letter,
  openWorld,
  type Someone,
  someone,
  type World,
  type WorldOptions
} from './world.ts'

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
  maintainers: WorldOptions['maintainers'],
  options: Omit<WorldOptions, 'maintainers'> = {}
): Promise<World> {
  const world = await openWorld({ maintainers, ...options })
  onTestFinished(() => {
    world.close()
  })
  return world
}

/** Somebody writes to the desk, which does everything that there is to do about it. */
export async function givenMessage(world: World, from: Someone, letter: Letter): Promise<void> {
  await world.receive(await world.write(from, letter))
}

/** A minute later a maintainer writes about a case, the first one unless another is given; what the desk answers. */
export async function givenCommand(
  world: World,
  from: Someone,
  text: string,
  { tag = TAG, ...letter }: Partial<Letter> & { readonly tag?: string } = {}
): Promise<string> {
  world.pass(60_000)
  await givenMessage(world, from, { subject: `Re: [${tag}] Report`, text, ...letter })
  return lastTo(world, from)
}

/** Makes a letter an answer to the newest message that `person` was sent. */
export function answering(world: World, person: Someone): Required<Pick<Letter, 'headers'>> {
  return { headers: [`In-Reply-To: <${world.sentTo(person).at(-1)?.messageId ?? ''}>`] }
}

/** The public key of somebody, as people attach it. */
export function attachedKey({ secret }: Someone): Pick<Letter, 'patch'> {
  return { patch: { filename: 'key.asc', content: secret.toPublic().armor() } }
}

/** The kinds of the messages that the desk made for `person`, oldest first. */
export function kindsTo(world: World, { address }: Someone): string[] {
  const sql = 'SELECT kind FROM outbox WHERE envelope_to = ? ORDER BY id'
  return world.rows<{ kind: string }>(sql, [address]).map(({ kind }) => kind)
}

/** The particulars of the events of these kinds, oldest first. */
export function recorded(world: World, ...kinds: readonly EventKind[]): object[] {
  const sql = 'SELECT about FROM events WHERE kind IN (SELECT value FROM json_each(?)) ORDER BY id'
  const rows = world.rows<{ about: string }>(sql, [JSON.stringify(kinds)])
  return rows.map(({ about }) => JSON.parse(about) as object)
}

/** The code of the newest preview of a notice; '' when there was none. */
export function previewCode(world: World): string {
  const sql = `SELECT about ->> 'code' AS code FROM events WHERE kind = 'notice-previewed' ORDER BY id DESC`
  return world.rows<{ code: string }>(sql)[0]?.code ?? ''
}

/** What `person` was sent, as they read it: decrypted, runs of blanks as one. */
export async function textsTo(world: World, person: Someone): Promise<string[]> {
  const texts = await Promise.all(world.sentTo(person).map((mail) => world.read(person, mail)))
  return texts.map((text) => text.replaceAll(/\s+/g, ' '))
}

/** The reference line in a message that `person` was sent, the newest unless another is given. */
export async function givenRef(
  world: Pick<World, 'accepted' | 'read'>,
  person: Someone,
  mail = world.accepted.findLast(({ to }) => to === person.address)
): Promise<string> {
  const words = mail === undefined ? '' : await world.read(person, mail)
  return /^Ref: .*$/m.exec(words)?.[0].trimEnd() ?? 'no reference line'
}

/** The last of what `person` was sent, as they read it, runs of blanks as one; nothing if they were sent nothing. */
export async function lastTo(world: World, person: Someone): Promise<string> {
  const mail = world.sentTo(person).at(-1)
  return mail === undefined ? '' : (await world.read(person, mail)).replaceAll(/\s+/g, ' ')
}
