/**
 * `postern cases` and `postern show CASE`: the cases and their history, for the operator. They print subjects and texts of
 * reports, because the operator asked for them; list members appear by id only (G5).
 */
import { sha256 } from '../app.ts'
import { readBound } from '../desk/read-situation.ts'
import { addresseesOf, answeredAt, type ListedCase } from '../domain/case.ts'
import { aboutCase, type DeskEvent } from '../domain/event.ts'
import { type CaseTag } from '../domain/ids.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { systemClock } from '../effects/system.ts'
import { inspectKey } from '../openpgp/keyring.ts'
import { promiseWords } from '../policy/clocks.ts'
import { type HistoryNames, historyLine } from '../policy/history.ts'
import { nextForAll } from '../policy/next.ts'
import { stateWords } from '../policy/status.ts'
import { VERBS } from '../policy/verbs/index.ts'
import { judgeKeys } from '../settings.ts'
import { findCase, listCases, listMessages } from '../store/cases.ts'
import { type Database } from '../store/database.ts'
import { listEvents } from '../store/events.ts'
import { findDue } from '../store/looks.ts'
import { listOutbox, type OutboxRow } from '../store/outbox.ts'
import {
  type Call,
  maintainerNames,
  requireCaseTag,
  withDatabase,
  withoutMemberAddress
} from './context.ts'
import { CommandError, printable, printJson, printRows } from './output.ts'

/** How many messages of the desk `show` lists at most. */
const MESSAGES_MAX = 10_000

export async function cases(call: Call<{ readonly all?: boolean }>): Promise<void> {
  await withDatabase(call, (db, { desk }) => {
    const rows = db.read((read) => listCases(read, call.options.all === true ? 'all' : 'open'))
    printRows(call, rows.map(summary), {
      CASE: (row) => row.tag,
      STATE: (row) => row.state,
      PRODUCT: (row) => row.product,
      OWNER: (row) => row.owner ?? '-',
      DUE: ({ due }) =>
        due === null ? '-' : `${due.clock} ${formatInstant(due.at, desk.timezone)}`,
      REPORTER: (row) => row.reporters.join(', ') || '-',
      SUBJECT: (row) => row.subject
    })
  })
}

function summary({ case: record, due }: ListedCase) {
  const { tag, product, state, receivedAt, owner, disclosureAt, subject } = record
  const reporters = addresseesOf(record).map(({ contact }) => contact.address)
  const dates = { receivedAt, answeredAt: answeredAt(record), owner, disclosureAt }
  return { tag, product, state, ...dates, due, reporters, subject }
}

type Found = {
  readonly case: NonNullable<ReturnType<typeof findCase>>
  /** The promise that is due first. */
  readonly due: ReturnType<typeof findDue>
  readonly history: readonly DeskEvent[]
  readonly messages: ReturnType<typeof listMessages>
  readonly outbox: readonly OutboxRow[]
}

export async function show(call: Call): Promise<void> {
  const tag = requireCaseTag(call)
  await withDatabase(call, async (db, config) => {
    const found = db.read((read): Found | null => {
      const record = findCase(read, tag)
      if (record === null) return null
      return {
        case: record,
        due: findDue(read, aboutCase(tag)),
        history: listEvents(read, aboutCase(tag)),
        messages: listMessages(read, record.id),
        outbox: listOutbox(read, { caseId: record.id, limit: MESSAGES_MAX }).reverse()
      }
    })
    if (found === null)
      throw new CommandError(`There is no case ${tag}; "postern cases --all" lists all cases.`)
    const now = systemClock.now()
    const { settings } = await judgeKeys(config, now)
    const next =
      settings === null
        ? null
        : found.case.mergedInto === null
          ? await whatIsNext({ db, settings }, tag, now)
          : []
    if (call.json) {
      const outbox = found.outbox.map(withoutMemberAddress)
      printJson(call.streams, { ...found, next, outbox })
      return
    }
    const names = { timezone: config.desk.timezone, maintainer: maintainerNames(config) }
    print(call, found, { next, settings: config, now }, names)
  })
}

type Next = ReturnType<typeof nextForAll>

/** The commands that a maintainer may send now. */
async function whatIsNext(
  { db, settings }: { readonly db: Database; readonly settings: Settings },
  tag: CaseTag,
  now: Instant
): Promise<Next> {
  const desk = { db, settings, workers: { inspectKey } }
  const bound = await readBound(desk, tag, { offered: null, isNotice: true }, now)
  const product = settings.products.find(({ id }) => id === bound?.case.product)
  if (bound === null || product === undefined) return []
  const nothing = { arrivalId: 0, openCases: [], answeredMember: null, files: [] }
  const message = { id: null, date: now }
  const conversation = { kind: 'one', with: '', isSigned: false } as const
  const tools = { sha256, code: '' }
  return nextForAll(
    { ...nothing, now, settings, product, bound, conversation, message, tools },
    VERBS
  )
}

/** What is due, and which commands lead on, each with who may send it. */
function nextLines(
  { case: record, due }: Pick<Found, 'case' | 'due'>,
  { next, settings, now }: About,
  { maintainer }: Names
): string[] {
  return [
    ...(due === null ? [] : [`Due:        ${promiseWords(due, { case: record, settings, now })}`]),
    ...(next === null
      ? ['Next:       not known, because a key cannot be used; run "postern check"']
      : []),
    ...(next === null || next.length === 0
      ? []
      : ['', 'What a maintainer can send next, in a reply to a message of the case']),
    ...(next ?? []).flatMap(({ command, help, by }) => [
      `  ${command}`,
      `      ${help} (${listed(by.map(maintainer))})`
    ])
  ]
}

type Names = Pick<HistoryNames, 'timezone' | 'maintainer'>
type About = {
  /** Null where the keys of the desk cannot be used. */
  readonly next: Next | null
  readonly settings: Parameters<typeof promiseWords>[1]['settings']
  readonly now: Instant
}

function print(call: Call, found: Found, about: About, names: Names): void {
  const { case: record, history, messages, outbox } = found
  const { out } = call.streams
  const { timezone, maintainer } = names
  const named = (id: string): string | null => {
    const contact = record.reporters.find((one) => one.id === id)?.contact ?? null
    return contact === null ? null : `${contact.name} <${contact.address}>`.trim()
  }
  const lines = [
    `${record.tag}  ${stateWords(record.state)}  ${record.product}`,
    ...(record.mergedInto === null ? [] : [`Merged into ${record.mergedInto}`]),
    `Subject:    ${record.subject}`,
    ...record.reporters.map(({ id }) => `Reporter:   ${named(id) ?? 'not known'}`),
    `Owner:      ${record.owner === null ? 'nobody' : maintainer(record.owner)}`,
    `Received:   ${formatInstant(record.receivedAt, timezone)}`,
    ...(record.disclosureAt === null
      ? []
      : [`Disclosure: ${formatInstant(record.disclosureAt, timezone, record.disclosureZone)}`]),
    ...nextLines(found, about, names),
    '',
    'History',
    ...history.map((event) => historyLine(event, { timezone, maintainer, reporter: named }))
  ]
  for (const { at, author, authorId, audience, text } of messages) {
    const who = author === 'maintainer' ? maintainer(authorId) : `${author} ${authorId}`.trim()
    const to = audience === 'internal' ? 'maintainers only' : 'shared with the reporter'
    lines.push('', `Message of ${formatInstant(at, timezone)}, by ${who} (${to})`, '', text)
  }
  const unsent = outbox.filter(({ state }) => state !== 'sent')
  if (unsent.length > 0) lines.push('', 'Not sent yet')
  for (const { id, kind, audience, recipientId, state, attempts } of unsent) {
    lines.push(
      `${id}  ${kind} to ${`${audience} ${recipientId}`.trim()}: ${state}, ${count(attempts, 'attempt', 'attempts')}`
    )
  }
  out(lines.map((line) => `${printable(line)}\n`).join(''))
}
