/**
 * `postern cases` and `postern show CASE`: the cases and their history, for the operator. They print subjects and texts of
 * reports, because the operator asked for them; list members appear by id only (G5).
 */
import { contactOf } from '../domain/case.ts'
import { aboutCase, type DeskEvent } from '../domain/event.ts'
import { formatInstant } from '../domain/time.ts'
import { count } from '../domain/words.ts'
import { historyLine } from '../policy/history.ts'
import { stateWords } from '../policy/status.ts'
import { findCase, type ListedCase, listCases, listMessages } from '../store/cases.ts'
import { listEvents } from '../store/events.ts'
import { listOutbox, type OutboxRow } from '../store/outbox.ts'
import { type Call, requireCaseTag, withDatabase } from './context.ts'
import { maintainerNames, withoutMemberAddress } from './names.ts'
import { CommandError, printable, printJson, printTable } from './output.ts'

/** How many messages of the desk `show` lists at most. */
const MESSAGES_MAX = 10_000

export async function cases(call: Call, options: { readonly all: boolean }): Promise<void> {
  await withDatabase(call, (db, { config }) => {
    const rows = db.read((read) => listCases(read, options.all ? 'all' : 'open'))
    if (call.json) {
      printJson(call.streams, rows.map(summary))
      return
    }
    printTable(
      call.streams,
      ['CASE', 'STATE', 'PRODUCT', 'OWNER', 'DUE', 'REPORTER', 'SUBJECT'],
      rows.map((listed) => [
        listed.case.tag,
        listed.case.state,
        listed.case.product,
        listed.case.owner ?? '-',
        dueWords(listed, config.desk.timezone),
        contactOf(listed.case)?.address ?? '-',
        listed.case.subject
      ])
    )
  })
}

/** What is due and when; `-` when nothing is. */
function dueWords({ due }: ListedCase, timezone: string): string {
  return due === null ? '-' : `${due.clock} ${formatInstant(due.at, timezone)}`
}

function summary({ case: record, due }: ListedCase) {
  const { tag, product, state, receivedAt, answeredAt, owner, disclosureAt, subject } = record
  const reporter = contactOf(record)?.address ?? null
  return {
    tag,
    product,
    state,
    receivedAt,
    answeredAt,
    owner,
    disclosureAt,
    due,
    reporter,
    subject
  }
}

type Found = {
  readonly case: NonNullable<ReturnType<typeof findCase>>
  readonly history: readonly DeskEvent[]
  readonly messages: ReturnType<typeof listMessages>
  readonly outbox: readonly OutboxRow[]
}

export async function show(call: Call, name: string): Promise<void> {
  const tag = requireCaseTag(name)
  await withDatabase(call, (db, { config }) => {
    const found = db.read((read): Found | null => {
      const record = findCase(read, tag)
      if (record === null) return null
      return {
        case: record,
        history: listEvents(read, aboutCase(tag)),
        messages: listMessages(read, record.id),
        outbox: listOutbox(read, { caseId: record.id, limit: MESSAGES_MAX }).reverse()
      }
    })
    if (found === null)
      throw new CommandError(`There is no case ${tag}; "postern cases --all" lists all cases.`)
    if (call.json)
      printJson(call.streams, { ...found, outbox: found.outbox.map(withoutMemberAddress) })
    else print(call, found, { timezone: config.desk.timezone, maintainer: maintainerNames(config) })
  })
}

function print(
  call: Call,
  { case: record, history, messages, outbox }: Found,
  names: { readonly timezone: string; readonly maintainer: (id: string) => string }
): void {
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
      : [`Disclosure: ${formatInstant(record.disclosureAt, timezone)}`]),
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
