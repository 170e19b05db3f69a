/**
 * Opens stored reports once more, where a maintainer asks to see them, and makes their copies. What fails at one costs no other.
 */
import { parseAddress } from '../domain/address.ts'
import { type Decision, type DecisionOf } from '../domain/decision.ts'
import { allFilesOf, type OpenedMail } from '../domain/mail.ts'
import { showReport } from '../policy/show-report.ts'
import { type BoundCase, type Moment } from '../policy/situation.ts'
import * as arrivals from '../store/arrivals.ts'
import * as cases from '../store/cases.ts'
import { type Desk } from './desk.ts'
import { isOfOneThing } from './faults.ts'
import { type Prepared, prepare } from './prepare.ts'
import { readBound } from './read-case.ts'
import { keysOf } from './read-keys.ts'
import { openArrival, readSituation } from './read-situation.ts'
import { rawOf } from './stored-files.ts'

/** What was prepared, with a copy of each report that the decisions ask for. */
export async function withShown(
  desk: Desk,
  decisions: readonly Decision[],
  { prepared, ...given }: Moment & { readonly prepared: Prepared }
): Promise<Prepared> {
  const all = [prepared]
  for (const decision of decisions)
    if (decision.kind === 'show-report')
      all.push(...(await copyOf(desk, decision, decisions, given)))
  return {
    ...prepared,
    messages: all.flatMap(({ messages }) => messages),
    refused: all.flatMap(({ refused }) => refused)
  }
}

async function copyOf(
  desk: Desk,
  asked: DecisionOf<'show-report'>,
  decisions: readonly Decision[],
  given: Moment
): Promise<Prepared[]> {
  const report = desk.db.read((read) => cases.findReport(read, asked.number))
  const bound = await readBound(desk, asked.number, null, given.now)
  if (report === null || bound === null) return []
  const copies: Prepared[] = []
  for (const id of [report, ...asked.further])
    copies.push(
      ...(await copyOfOne(desk, { ...asked, id, isReport: id === report, decisions }, bound, given))
    )
  return copies
}

async function copyOfOne(
  desk: Desk,
  asked: Parameters<typeof showReport>[2] & {
    readonly id: number
    readonly decisions: readonly Decision[]
  },
  bound: BoundCase,
  given: Moment
): Promise<Prepared[]> {
  const { now } = given
  const { id } = asked
  const arrival = desk.db.read((read) => arrivals.find(read, id))
  const raw = rawOf(desk, id)
  if (arrival === null || raw === null) return []
  const { opened, quarantined } = await reopened(desk, arrival, raw, given)
  const bodyMarks = arrival.part === 'whole' ? opened.bodyMarks : []
  // It is read as if it opened its case now.
  const facts = { ...given, quarantined, bodyMarks }
  const situation = await readSituation(desk, { ...arrival, caseId: null }, opened, facts)
  const files = { arrivalId: arrival.id, attachments: allFilesOf(opened), original: raw }
  return [await prepare(desk, showReport(situation, bound, asked, asked.decisions), now, files)]
}

/** A stored message is opened again; where that failed before, only its header is read. */
async function reopened(
  desk: Desk,
  { part, disposition, sender }: arrivals.Arrival,
  raw: () => Uint8Array,
  { now }: Moment
): Promise<{ readonly opened: OpenedMail; readonly quarantined: boolean }> {
  const quarantined = disposition === 'quarantined'
  if (!quarantined && part === 'whole')
    try {
      const as = { now, sender: parseAddress(sender) }
      const opened = await openArrival(desk.workers, raw, as, (from, issuers) =>
        desk.db.read((read) => keysOf(read, from, issuers))
      )
      return { opened, quarantined }
    } catch (error) {
      if (!isOfOneThing(error)) throw error
      return { opened: await desk.workers.openHeaders(raw()), quarantined: true }
    }
  return { opened: await desk.workers.openHeaders(raw()), quarantined }
}
