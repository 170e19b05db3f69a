/**
 * `postern cases` and `postern show CASE`: the record, for the operator. Prints the content of a case only on `show`, which
 * asks for it.
 */
import { aboutCase, type DeskEvent } from '../domain/event.ts'
import { formatInstant } from '../domain/time.ts'
import { findCase, listCases, listMessages } from '../store/cases.ts'
import { listEvents } from '../store/events.ts'
import { listOutbox } from '../store/outbox.ts'
import { type Call, requireCaseTag, withDatabase } from './context.ts'
import { CommandError, printable, printJson, printTable } from './output.ts'

const CASES_MAX = 1000

export async function cases(call: Call, options: { readonly all: boolean }): Promise<void> {
  await withDatabase(call, (db) => {
    const rows = db.read((read) =>
      listCases(read, { which: options.all ? 'all' : 'open', limit: CASES_MAX })
    )
    if (call.json) {
      printJson(
        call.streams,
        rows.map(
          ({ tag, product, state, receivedAt, answerDueAt, answeredAt, owner, disclosureAt }) => ({
            tag,
            product,
            state,
            receivedAt,
            answerDueAt,
            answeredAt,
            owner,
            disclosureAt
          })
        )
      )
      return
    }
    printTable(
      call.streams,
      ['CASE', 'STATE', 'PRODUCT', 'RECEIVED', 'ANSWERED', 'OWNER'],
      rows.map((row) => [
        row.tag,
        row.state,
        row.product,
        row.receivedAt,
        row.answeredAt ?? '-',
        row.owner ?? '-'
      ])
    )
  })
}

export async function show(call: Call, name: string): Promise<void> {
  const tag = requireCaseTag(name)
  await withDatabase(call, (db, { config }) => {
    const found = db.read((read) => {
      const record = findCase(read, tag)
      if (record === null) return null
      return {
        case: record,
        messages: listMessages(read, record.id),
        mails: listOutbox(read, { caseId: record.id, limit: CASES_MAX }).reverse(),
        record: listEvents(read, aboutCase(tag))
      }
    })
    if (found === null)
      throw new CommandError(`There is no case ${tag}; "postern cases --all" lists them.`)
    if (call.json) printJson(call.streams, found)
    else print(call, found, config.desk.timezone)
  })
}

function print(
  call: Call,
  found: {
    readonly case: NonNullable<ReturnType<typeof findCase>>
    readonly messages: ReturnType<typeof listMessages>
    readonly mails: ReturnType<typeof listOutbox>
    readonly record: readonly DeskEvent[]
  },
  timezone: string
): void {
  const { out } = call.streams
  const record = found.case
  out(`${record.tag}  ${record.state}  ${record.product}\n`)
  out(`Subject:    ${printable(record.subject)}\n`)
  out(
    `Reporter:   ${record.reporter === null ? 'not known' : printable(`${record.reporter.name} <${record.reporter.address}>`.trim())}\n`
  )
  out(`Received:   ${formatInstant(record.receivedAt, timezone)}\n`)
  if (record.answerDueAt !== null)
    out(`Due:        ${formatInstant(record.answerDueAt, timezone)}\n`)
  if (record.disclosureAt !== null)
    out(`Disclosure: ${formatInstant(record.disclosureAt, timezone)}\n`)
  for (const message of found.messages) {
    out(
      `\n-- ${message.at}  ${message.author}${message.authorId === '' ? '' : ` ${message.authorId}`} (${message.audience})\n`
    )
    out(`${printable(message.text)}\n`)
  }
  out('\n-- mails\n')
  for (const mail of found.mails) {
    out(
      `${mail.createdAt}  ${mail.kind} to ${mail.audience}${mail.recipientId === '' ? '' : ` ${mail.recipientId}`}: ${mail.state}, ${mail.attempts} attempts\n`
    )
  }
  out('\n-- record\n')
  for (const { at, actor, kind, about } of found.record) {
    out(
      `${at}  ${actor.kind}${actor.id === '' ? '' : ` ${actor.id}`}  ${kind}  ${JSON.stringify(about)}\n`
    )
  }
}
