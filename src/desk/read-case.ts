/** Reads the case that a message is about, and those that its commands name, with all that commands may read or change. */
import { type Address } from '../domain/address.ts'
import { addresseesOf, numbersOf } from '../domain/case.ts'
import { historyOf } from '../domain/case-machine.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { LISTED_MAX, splitCases } from '../policy/case-numbers.ts'
import { type ParsedCommands } from '../policy/commands.ts'
import { askedKey } from '../policy/reporter-mail.ts'
import {
  type BoundCase,
  type DatedCase,
  type ListedBound,
  type Moment
} from '../policy/situation.ts'
import { VERBS } from '../policy/verbs/index.ts'
import * as cases from '../store/cases.ts'
import * as deliveries from '../store/deliveries.ts'
import * as events from '../store/events.ts'
import * as members from '../store/members.ts'
import * as notices from '../store/notices.ts'
import * as outbox from '../store/outbox.ts'
import { type Read } from '../store/sql.ts'
import * as strangers from '../store/strangers.ts'
import { type Desk } from './desk.ts'
import { knownKeys, offeredKeys } from './read-keys.ts'

/** The cases in which the commands of a maintainer's message are to run, one line for all. */
export async function listedIn(
  desk: Desk,
  { commands }: ParsedCommands,
  opened: OpenedMail,
  given: Moment
): Promise<ListedBound[]> {
  const tags = commands.flatMap((command) => {
    const verb = VERBS.find(({ name }) => name === command.verb)
    return splitCases(command, verb, given)?.tags ?? []
  })
  const listed: ListedBound[] = []
  for (const tag of new Set(tags)) {
    if (listed.length === LISTED_MAX) break
    const bound = await readBound(desk, tag, opened, given.now)
    if (bound === null) continue
    const { tag: number } = bound.case
    const how = desk.db.read((read) => ({
      isUntouched: strangers.isUntouchedCase(read, number),
      isVerified: strangers.isVerified(read, cases.findReport(read, number))
    }))
    listed.push({ bound, ...how })
  }
  return listed
}

/** Everything that commands may read or change of a case. `commands` is a message that a maintainer signed. */
export async function readBound(
  desk: Desk,
  named: CaseTag,
  commands: OpenedMail | null,
  now: Instant
): Promise<BoundCase | null> {
  const record = desk.db.read((read) => cases.findNow(read, named))
  if (record === null) return null
  const { tag } = record
  const addresses = addresseesOf(record).map(({ contact }) => contact.address)
  const reporterKeys = await knownKeys(desk, record, now)
  const offered: BoundCase['offeredKeys'][number][] = []
  // Only a maintainer's message can accept a key, so only for theirs are any looked at.
  if (commands !== null)
    for (const address of addresses)
      for (const key of await offeredKeys(desk, address, commands, now))
        offered.push({ ...key, address })
  return desk.db.read((read) => {
    const happened = events.ofCase(read, record)
    const notice = notices.find(read, tag, happened)
    const heldAnswerTo = outbox.findHeldAnswer(read, numbersOf(record))?.envelopeTo ?? null
    return {
      case: record,
      history: historyOf(happened),
      events: happened,
      named,
      reporterKeys,
      offeredKeys: offered,
      waitingWords: cases.listKeptWords(read, addresses),
      dated: datedOf(read, addresses, tag),
      notice,
      patchFiles: notice === null ? [] : notices.readPatches(read, notice.id),
      clockJump: events.openDoubt(read),
      copies: deliveries.countCopies(read, notice?.id ?? null),
      unreached: notice === null ? 0 : deliveries.countUnreached(read, notice.id),
      noticed: notice === null ? [] : deliveries.listTold(read, notice.id),
      members: members.listActive(read, record.product),
      reported: commands !== null ? cases.listReported(read, record.id) : [],
      askedToday: numbersOf(record)
        .flatMap((id) => [askedKey('key-request', id, now), askedKey('resend-request', id, now)])
        .filter((once) => outbox.hasOnce(read, once)),
      heldAnswerTo
    }
  })
}

/** The open cases of these people that have a date. */
export function datedOf(read: Read, addresses: readonly Address[], but?: CaseTag): DatedCase[] {
  const dated = cases.listDated(read, addresses).filter(({ tag }) => tag !== but)
  return dated.map((record) => ({ record, events: events.ofCase(read, record) }))
}
