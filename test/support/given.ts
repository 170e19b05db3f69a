/**
 * Set-up in the words of a test: given these people, a desk of theirs, a message that it received, a report, a case. What is given
 * here has no meaning of its own; what a test is about stands in the test.
 */
import { onTestFinished } from 'vitest'
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
