/** Which signed messages are meant for this desk (B20). */
import { expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { isMeantForDesk, type QuotedMessage } from '../../../src/policy/conversation.ts'
import { ALICE, DESK, GRACE, headers, maintainerMail, SETTINGS, signature, TAG } from './samples.ts'

const desk = { name: '', address: DESK }
/** Stands for a message of the desk that its recipient quotes. */
const QUOTED: readonly QuotedMessage[] = [{ tag: TAG, conversation: '', kind: 'relay' }]
const mine = SETTINGS.desk.fingerprint
const hers = GRACE.fingerprint

function meant(
  inside: Parameters<typeof headers>[0] | null,
  keys: string[],
  text = '',
  quoted: readonly QuotedMessage[] = []
): boolean {
  const change: Partial<OpenedMail> = {
    protected: inside === null ? null : headers(inside),
    signatures: [signature({ intendedRecipients: keys })]
  }
  return isMeantForDesk(maintainerMail(text, GRACE, change), quoted, SETTINGS)
}

it.each<[string, boolean, Parameters<typeof meant>]>([
  ['the protected To', true, [{ to: [desk] }, []]],
  ['the protected Cc beside others', true, [{ to: [ALICE], cc: [desk] }, []]],
  ['the recipients in the signature', true, [null, [hers, mine]]],
  ['a quoted message of the desk', true, [{ to: [] }, [], '', QUOTED]],
  [
    'the number and revision of a notice alone',
    false,
    [null, [], `> Reference:   ${TAG}, revision 2`]
  ],
  ['a reference line that no message of the desk has', false, [null, [], `> Ref: ${TAG} ${DESK}`]],
  ['a first line to:', true, [{ to: [] }, [], `\nTo: <${DESK}>\n\n/help`]],
  ['a line to: below other text', false, [{ to: [] }, [], `/help\nto: ${DESK}`]],
  ['a quoted line to:', false, [{ to: [] }, [], `> to: ${DESK}`]],
  ['a first line to: beside a protected To of others', false, [{ to: [ALICE] }, [], `to: ${DESK}`]],
  [
    'a first line to: somebody else above a quoted message of the desk',
    false,
    [{ to: [] }, [], 'to: a@b.example', QUOTED]
  ],
  ['nothing', false, [{ to: [] }, []]],
  [
    'a quoted message of the desk beside a protected To of others',
    false,
    [{ to: [ALICE] }, [], '', QUOTED]
  ],
  [
    'a quoted message of the desk beside an unreadable To',
    false,
    [{ to: [], hasUnreadableRecipient: true }, [], '', QUOTED]
  ],
  ['a protected To beside a signature for others', false, [{ to: [desk] }, [hers]]],
  ['a signature for the desk beside a protected To of others', false, [{ to: [ALICE] }, [mine]]]
])('(B20) a signed message that names the desk by %s is meant for it: %s', (_title, is, given) => {
  expect(meant(...given)).toBe(is)
})
