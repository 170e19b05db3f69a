/**
 * Talking with the reporter about the date (M-22, M-30, B19): it is put to them when it is proposed, and what they answer is
 * shown to the maintainers as a suggestion. Never decides anything by an answer: a reporter has no commands.
 */
import { type CaseRecord } from '../domain/case.ts'
import { aboutCase, byMaintainer, event } from '../domain/event.ts'
import { formatInstant } from '../domain/time.ts'
import { dateProposed } from '../messages/to-reporters.ts'
import { type CommandContext, type Draft } from './draft.ts'
import { reporterPath } from './recipients.ts'
import { toReporter } from './send.ts'

/**
 * Asks the reporter about the date that this draft sets; a date that an earlier line of the message set is not asked about any
 * more. `says` is for the answer to the command: why the reporter is not asked.
 */
export function proposeDate(
  draft: Draft,
  { product, bound, settings, ...context }: CommandContext
): { readonly draft: Draft; readonly says: string } {
  const { case: record } = draft
  const date = record.disclosureAt
  if (date === null) return { draft, says: '' }
  const path = reporterPath(record, draft.reporterKey, product)
  if (path.kind === 'no-address')
    return { draft, says: ' The reporter was not asked: the report names no address.' }
  if (path.kind === 'no-key')
    return {
      draft,
      says: ' The reporter was not asked: we have no usable key. /ask asks for one.'
    }
  const says = ({ disclosureAt: at, disclosureZone: zone }: CaseRecord): string =>
    at === null ? '' : formatInstant(at, settings.desk.timezone, zone)
  const message = dateProposed({ date: says(record), before: says(bound.case) })
  const sending = { once: `${context.arrivalId}:${date}`, tag: record.tag }
  const reporter = path.kind === 'sealed' ? path.recipient : path.to
  const how = path.kind === 'sealed' ? 'encrypted' : 'in-clear'
  const told = event('date-told', aboutCase(record.tag), byMaintainer(context.author.id), {
    reporter: reporter.id,
    date,
    how
  })
  const way = how === 'encrypted' ? 'encrypted' : 'not encrypted'
  return {
    draft: {
      ...draft,
      question: {
        decisions: [
          toReporter(path, context.now, message, sending),
          { kind: 'record', event: told }
        ],
        says: `We asked ${reporter.address} about the date ${says(record)}, ${way}.`
      }
    },
    says: ''
  }
}

/** What a reporter says of the date: a line that begins with the word, above any quotation. Null when there is none. */
export function dateAnswer(text: string, { disclosureAt }: CaseRecord): 'agree' | 'object' | null {
  if (disclosureAt === null) return null
  for (const line of text.split('\n')) {
    if (line.startsWith('>')) return null
    const word = /^\s*(agree|object)(?![\p{L}\p{N}-])/iu.exec(line)?.[1]
    if (word !== undefined) return word.toLowerCase() === 'agree' ? 'agree' : 'object'
  }
  return null
}
