/** The verb that asks for the files of a forwarded message which did not go along with it (A1, A2). */
import { numbersOf } from '../../domain/case.ts'
import { type Handler, Refusal } from '../draft.ts'
import { type Verb } from './verb.ts'

const files: Handler = (draft) => {
  const { author, quoted, answers, case: record, arrivalId, message } = draft
  const numbers = numbersOf(record)
  // Only what was forwarded to them: it says whose files they may have.
  const asked = [...quoted, answers].find(
    (one) =>
      one !== null &&
      one.filesOf !== null &&
      one.recipientId === author.id &&
      one.audience === 'maintainer' &&
      one.tag !== null &&
      numbers.includes(one.tag)
  )
  const of = asked?.filesOf ?? null
  if (!asked || of === null) throw new Refusal(WHICH)
  draft.decisions.push({
    kind: 'send-files',
    of,
    isSenderHidden: asked.isSenderHidden,
    to: author,
    tag: record.tag,
    once: `${arrivalId}:${draft.decisions.length}`,
    inReplyTo: message.id
  })
  return 'The files of the message that you answered are on their way to you, encrypted.'
}

const WHICH =
  'Your message does not show whose files you want. Please send /files in a reply to the message that the desk forwarded to you, and keep its last line (Ref: …). What a message held that we do not trust is not passed on.'

export const FILES: readonly Verb[] = [
  {
    name: 'files',
    roles: [],
    followsMerges: true,
    help: 'sends you the files of the forwarded message that you answer',
    more: 'They come in messages of their own, encrypted to you alone. A file that the mail server does not take, the operator gets with "postern files".',
    run: files
  }
]
