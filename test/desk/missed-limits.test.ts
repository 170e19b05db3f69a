/** What making up for missed mails may cost, and whom it may be made up to: little, and nobody but the person (G9). */
import { reformatKey } from 'openpgp'
import { beforeEach, describe, expect, it } from 'vitest'
import { createMakeUp } from '../../src/desk/missed.ts'
import { parseAddress } from '../../src/domain/address.ts'
import { msOf } from '../../src/domain/time.ts'
import { inspectKey } from '../../src/openpgp/keyring.ts'
import { givenDesk, givenMaintainer, givenMessage, givenReporter } from '../support/given.ts'
import { type Someone, type World } from '../support/world.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const grace = await givenMaintainer('grace')
const linus = await givenMaintainer('linus', 24)
const renewed = await givenMaintainer('linus')
const greg = await givenMaintainer('greg')
const alice = await givenReporter('alice')
let world: World

beforeEach(async () => {
  world = await givenDesk([grace, linus])
  world.pass(3 * DAY)
})

async function reports(count: number): Promise<void> {
  for (let number = 1; number <= count; number += 1)
    await givenMessage(world, alice, { subject: 'x', text: `x ${number}`, as: 'encrypted' })
}
/** A delivery report about a mail that nobody sent. */
function report(number: number): Uint8Array {
  const lines = [
    'From: mailer-daemon@mx.example',
    'To: security@acme.example',
    'Subject: undeliverable',
    `Message-ID: <report-${number}@mx.example>`,
    'Date: Thu, 26 Nov 2026 12:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/report; report-type=delivery-status; boundary=r',
    '',
    '--r',
    'Content-Type: message/delivery-status',
    '',
    'Reporting-MTA: dns; mx.example',
    '',
    'Final-Recipient: rfc822; nobody@acme.example',
    'Action: failed',
    'Status: 5.1.1',
    '',
    '--r--',
    ''
  ]
  return Buffer.from(lines.join('\r\n'))
}
/** The operator changes who the maintainer `linus` is, and starts the desk again. */
async function configure(
  person: Pick<Someone, 'keyData' | 'address'>,
  id = 'linus'
): Promise<void> {
  const facts = await inspectKey(person.keyData, world.clock.now)
  if (facts === null) throw new Error('bad test data')
  const { fingerprint, keyData } = facts
  const maintainers = world.desk.settings.maintainers.map((one) =>
    one.id === 'linus' ? { ...one, id, address: person.address, fingerprint, keyData } : one
  )
  Object.assign(world.desk.settings, { maintainers })
  world.restart()
}
/** Sealed mails that say what was missed, by their recipients' addresses. */
function toldTo(): string[] {
  return world
    .rows<{ to: string }>(
      "SELECT envelope_to AS 'to' FROM outbox WHERE once LIKE 'alert:missed:%' ORDER BY id"
    )
    .map(({ to }) => to)
}
function missed(): number {
  return world.rows('SELECT id FROM missed_mails').length
}
/** Counts the mails about what was missed that are to be sealed; `is` says how one of them comes out. */
function onSeal(is: (text: string) => 'sealed' | 'refused' | 'bug'): { count: number } {
  const { workers } = world.desk
  const seal = workers.seal.bind(workers)
  const tries = { count: 0 }
  const watched: typeof seal = async (body, to, now) => {
    if (!body.text.includes('Your key works again')) return seal(body, to, now)
    tries.count += 1
    const outcome = is(body.text)
    if (outcome === 'bug') throw new TypeError('a bug at this mail')
    if (outcome === 'sealed') return seal(body, to, now)
    return to.map(() => ({ kind: 'refused', because: 'cannot-encrypt' }))
  }
  Object.assign(workers, { seal: watched })
  return tries
}

describe('making up for what a maintainer missed of many cases', () => {
  it('tells of twenty at a time, so that other work has its turn', async () => {
    await reports(25)
    await configure(renewed)
    const makeUp = createMakeUp(world.desk)
    const rounds: [boolean, number][] = []
    for (let round = 0; round < 3; round += 1) rounds.push([await makeUp.tell(), toldTo().length])
    expect(rounds).toEqual([
      [true, 20],
      [true, 25],
      [false, 25]
    ])
    expect(missed()).toBe(0)
  })

  it('commits each case by itself: what was told before the process died is not told again', async () => {
    await reports(3)
    await configure(renewed)
    let seals = 0
    const tries = onSeal(() => {
      seals += 1
      if (seals === 3) world.dieAt(1)
      return 'sealed'
    })
    await expect(createMakeUp(world.desk).tell()).rejects.toThrow('died')
    world.restart()
    expect([toldTo().length, missed(), tries.count]).toEqual([2, 1, 3])
    await world.settle()
    expect([toldTo().length, missed(), tries.count]).toEqual([3, 0, 4])
  })
})

describe('a key that cannot be used', () => {
  it('is looked at every quarter of an hour at most', async () => {
    const { workers } = world.desk
    const inspect = workers.inspectKey.bind(workers)
    let looks = 0
    await reports(1)
    world.restart()
    Object.assign(workers, {
      inspectKey: (...args: Parameters<typeof inspect>) => {
        looks += 1
        return inspect(...args)
      }
    })
    for (let minutes = 0; minutes < 60; minutes += 1) {
      await world.settle()
      world.pass(MINUTE)
    }
    expect(looks).toBe(4)
  })

  it('is looked at again as soon as the clock is set, which may have been what was wrong', async () => {
    await reports(1)
    await world.settle()
    world.jump(-3 * DAY)
    await world.settle()
    expect(toldTo()).toEqual([linus.address])
  })

  it('is left alone longer and longer when it looks usable and is refused all the same (G9)', async () => {
    await reports(3)
    await configure(renewed)
    const tries = onSeal(() => 'refused')
    const counts: number[] = []
    for (let quarter = 0; quarter <= 8; quarter += 1) {
      await world.settle()
      counts.push(tries.count)
      world.pass(15 * MINUTE)
    }
    expect(counts).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4])
    for (let day = 0; day < 10; day += 1) {
      await world.settle()
      world.pass(DAY)
    }
    expect(tries.count).toBeGreaterThanOrEqual(13)
    expect([toldTo(), missed()]).toEqual([[], 3])
  })

  it('is told of the other cases when the mail about one shows a bug (G9)', async () => {
    await reports(3)
    await configure(renewed)
    onSeal((text) => (text.includes('ACME-2026-0001') ? 'bug' : 'sealed'))
    await world.settle()
    world.pass(15 * MINUTE)
    await world.settle()
    expect([toldTo().length, missed()]).toEqual([2, 1])
  })
})

describe('what was missed', () => {
  it('is counted once by its cause, as others were told of it once', async () => {
    for (let number = 1; number <= 3; number += 1) world.deliver(report(number))
    await world.settle()
    const cause = 'alert:bounce-unmatched:%'
    expect(world.rows('SELECT id FROM outbox WHERE once LIKE ?', [cause])).toHaveLength(1)
    expect(world.rows('SELECT id FROM missed_mails WHERE once LIKE ?', [cause])).toHaveLength(1)
    const held = "SELECT id FROM events WHERE kind = 'not-encrypted'"
    expect(world.rows(held)).toHaveLength(1)
  })

  it('is forgotten when nobody has the id any more', async () => {
    await reports(1)
    await configure(linus, 'torvalds')
    await world.settle()
    expect([toldTo(), missed()]).toEqual([[], 0])
  })

  it('is not told to somebody else who was given the id', async () => {
    await reports(1)
    await configure(greg)
    await world.settle()
    expect([toldTo(), missed()]).toEqual([[], 0])
  })

  it('is told to the person whose address changed but not the key', async () => {
    await reports(1)
    const address = parseAddress('linus@new.example')
    if (address === null) throw new Error('bad test data')
    const { privateKey } = await reformatKey({
      privateKey: linus.secret,
      userIDs: [{ name: linus.name, email: address }],
      keyExpirationTime: 0,
      date: new Date(msOf(world.clock.now)),
      format: 'object'
    })
    await configure({ address, keyData: privateKey.toPublic().write() })
    await world.settle()
    expect([toldTo(), missed()]).toEqual([[address], 0])
  })
})
