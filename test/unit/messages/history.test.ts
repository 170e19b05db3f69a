/** One sentence for every event, which an auditor understands without the messages, and no list member by name (G5, G8). */
import { describe, expect, it } from 'vitest'
import { historySentences } from '../../../src/config/texts.ts'
import {
  type Actor,
  aboutCase,
  BY_DESK,
  BY_OPERATOR,
  BY_SOMEBODY,
  byMaintainer,
  type DeskEvent,
  EVENT_KINDS,
  type EventKind,
  type Evidence,
  event,
  type NewEvent,
  NO_EVIDENCE
} from '../../../src/domain/event.ts'
import { type Fingerprint, type Sha256 } from '../../../src/domain/ids.ts'
import { createHistory } from '../../../src/messages/history.ts'
import { at, tag } from '../policy/samples.ts'

const TAG = tag('ACME-2026-0007')
const CASE = aboutCase(TAG)
const GRACE = byMaintainer('grace')
const AT = at('2026-11-28T13:02:00Z')
const SHA = `4f3a9c12${'0'.repeat(56)}` as Sha256
const KEY = 'a11ce000' as Fingerprint
const SIGNED: Evidence = { arrivalId: 9, messageSha256: SHA, signatureSha256: SHA }
const PREFIX = 'Sat 28 Nov 2026, 14:02 Berlin (13:02 UTC): '
const say = createHistory(historySentences(), {
  timezone: 'Europe/Berlin',
  maintainer: (id: string) => (id === 'grace' ? 'Grace Hopper' : id),
  reporter: () => 'Alice <alice@reporter.example>'
})

function happened(what: NewEvent, evidence: Evidence = NO_EVIDENCE): DeskEvent {
  return { ...what, id: 1, at: AT, evidence }
}

describe('the history of a case', () => {
  it('says who moved the disclosure from when to when, why, and on which signed message (G8)', () => {
    const moved = event('embargo-set', CASE, GRACE, {
      oldDate: at('2026-12-08T13:00:00Z'),
      date: at('2026-12-01T13:00:00Z'),
      written: '2026-12-01T14:00 Europe/Berlin',
      reason: 'exploited',
      leaveBy: null
    })

    expect(say(happened(moved, SIGNED))).toBe(
      `${PREFIX}Grace Hopper moved the disclosure from ` +
        'Tue 8 Dec 2026, 14:00 Berlin (13:00 UTC) to Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC) ' +
        '(written: 2026-12-01T14:00 Europe/Berlin), because: exploited; signed message 4f3a9c120000….'
    )
  })

  it.each<[NewEvent, string]>([
    [
      event('words-wait', CASE, GRACE, {
        reporter: 'ACME-2026-0001',
        with: 'reply',
        writtenAt: at('2026-12-08T13:00:00Z')
      }),
      'Grace Hopper wrote to Alice <alice@reporter.example> (answer); the text waits, because we have no usable key of theirs.'
    ],
    [
      event('copy-dropped', CASE, BY_DESK, { member: 'suse', because: 'public' }),
      'The desk withdrew the copy of list member suse, because the issue became public before the copy left.'
    ],
    [
      event('rejected', CASE, GRACE, {
        code: 'unsafe-defaults',
        reason: 'it says so',
        told: 'told'
      }),
      'Grace Hopper rejected the report (unsafe-defaults), because: it says so; a message to the reporter was on its way.'
    ],
    [
      event('closed', CASE, GRACE, {
        disposition: 'internal',
        reason: 'fixed in private',
        told: 'silent-by-policy'
      }),
      'Grace Hopper closed the case (internal), because: fixed in private; the reporter was not told, as the policy allows.'
    ],
    [
      event('notice-approved', CASE, byMaintainer('ada'), {
        ...{ revision: 2, digest: SHA, code: 'k7m2', members: 3 }
      }),
      'ada approved the advance notice, revision 2, for 3 members (code k7m2, content 4f3a9c120000…).'
    ],
    [
      event('notice-previewed', CASE, GRACE, {
        ...{ revision: 1, digest: SHA, code: 'k7m2', members: 0 }
      }),
      'Grace Hopper previewed the advance notice, revision 1, for no member (code k7m2, content 4f3a9c120000…).'
    ],
    [
      event('notice-held', CASE, GRACE, {
        ...{ revision: 1, because: 'maintainer', reason: 'a test fails', withheldSince: null },
        copies: { revision: 0, here: 0, onTheWay: 0, givenUp: 0, left: 0 }
      }),
      'Grace Hopper put the advance notice, revision 1, on hold, because: a test fails.'
    ],
    [
      event('notice-held', CASE, BY_DESK, {
        ...{ revision: 1, because: 'approval-void', reason: '', withheldSince: null },
        copies: { revision: 1, here: 2, onTheWay: 0, givenUp: 0, left: 1 }
      }),
      'The desk put the advance notice, revision 1, on hold, because its content, wording, date or list of recipients is no longer what was approved; 1 copy had left, 2 copies stayed here.'
    ],
    [
      event('message-refused', { kind: 'maintainer', id: 'grace' }, BY_SOMEBODY, {
        because: 'unsigned'
      }),
      'An unverified sender wrote in the name of this maintainer; nothing was done, because it was not signed.'
    ],
    [
      event('notice-leaving', CASE, BY_DESK, {
        ...{ revision: 1, digest: SHA, lateMs: 86_640_000, isDateOwed: false }
      }),
      'The desk began to send the advance notice, revision 1 (content 4f3a9c120000…), 24 hours late.'
    ],
    [
      event('reporter-unreached', CASE, BY_DESK, {
        ...{ reporter: '1', message: 'reply', outbox: 7, queuedAt: AT }
      }),
      'The desk still owes Alice <alice@reporter.example> the answer, which did not arrive.'
    ],
    [
      event('commands-refused', CASE, GRACE, {
        refused: [
          { verb: 'reply', says: 'Commands are read only at the top of a message' },
          { verb: '', says: 'There is no command […]; /help lists them all' }
        ]
      }),
      'Grace Hopper wrote to the desk, and nothing was done: /reply was refused: "Commands are read only at the top of a message"; a line was refused: "There is no command […]; /help lists them all".'
    ],
    [
      event('rang', CASE, BY_DESK, {
        ...{ clock: 'answer', title: 'The reporter waits', to: ['grace', 'ada', 'linus'] },
        ...{ generation: 1, step: '', dueAt: AT, isLate: true }
      }),
      'The desk wrote to Grace Hopper, ada and linus: The reporter waits (due Sat 28 Nov 2026, 14:02 Berlin (13:02 UTC); written late).'
    ],
    [
      event('rang', { kind: 'member', id: 'bigcloud' }, BY_DESK, {
        ...{ clock: 'left', title: 'A key expires', to: ['grace', ''] },
        ...{ generation: 1, step: '', dueAt: null, isLate: false }
      }),
      'The desk wrote to Grace Hopper and the list member: A key expires.'
    ],
    [
      event('date-asked', CASE, GRACE, {
        ...{ reporter: '1', date: at('2026-12-01T13:00:00Z'), zone: null, how: 'encrypted' },
        writtenAt: AT
      }),
      'Grace Hopper wrote to Alice <alice@reporter.example> to ask whether the disclosure date Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC) suits them (encrypted).'
    ],
    [
      event('change-untold', CASE, BY_DESK, {
        ...{ reporter: '1', date: at('2026-12-01T13:00:00Z'), because: 'failed' },
        changed: ['Severity', 'Patches']
      }),
      'The desk could not tell Alice <alice@reporter.example> what changed in the advance notice (Severity, Patches), because the message could not be made.'
    ],
    [
      event('date-untold', CASE, BY_DESK, {
        ...{ reporter: '1', date: at('2026-12-01T13:00:00Z'), because: 'no-key' },
        changed: []
      }),
      'The desk could not tell Alice <alice@reporter.example> the disclosure date Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC), because we have no usable key of theirs.'
    ],
    [
      event('key-pinned', CASE, BY_DESK, {
        ...{ reporter: '1', fingerprint: KEY, source: 'attached', replaced: KEY },
        ...{ isUsable: true, isProved: true }
      }),
      'The desk updated what we know of the key A11C E000 of Alice <alice@reporter.example>; it is proved to be theirs.'
    ],
    [
      event('approvals-voided', CASE, GRACE, { of: ['ada', 'linus'] }),
      'Grace Hopper changed the advance notice, so that the approval of ada and linus is void.'
    ],
    [
      event('change-proposed', CASE, GRACE, {
        ...{
          oldDate: at('2026-12-01T13:00:00Z'),
          date: at('2026-12-01T13:00:00Z'),
          approveBy: null
        }
      }),
      'Grace Hopper made the advance notice again what the list has; no change is left to approve.'
    ],
    [
      event('change-proposed', CASE, GRACE, {
        ...{ oldDate: at('2026-12-01T13:00:00Z'), date: at('2026-12-02T13:00:00Z'), approveBy: AT }
      }),
      'Grace Hopper proposed a change of the advance notice that the list has had; the list goes by Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC), and the date is now Wed 2 Dec 2026, 14:00 Berlin (13:00 UTC).'
    ],
    [
      event('told', CASE, BY_DESK, {
        audience: 'member',
        recipient: 'bigcloud',
        message: 'notice',
        id: 'x@acme.example' as never
      }),
      'The desk sent list member bigcloud the notice.'
    ]
  ])('says what was decided and with what: %#', (what, sentence) => {
    expect(say(happened(what))).toBe(`${PREFIX}${sentence}`)
  })

  it('tells reporters apart where nobody keeps their names any more: by the numbers of their reports', () => {
    const nameless = createHistory(historySentences(), {
      timezone: 'Europe/Berlin',
      maintainer: (id: string) => id,
      reporter: () => null
    })
    const asked = event('key-asked', CASE, GRACE, { reporter: 'ACME-2026-0007' })
    expect(nameless(happened(asked))).toContain(
      'wrote to the reporter of ACME-2026-0007 to ask for'
    )
  })

  it('has a sentence for every kind of event, whoever did it', () => {
    expect(Object.keys(historySentences()).sort()).toEqual([...EVENT_KINDS, 'line'].sort())
    const reporter = { kind: 'reporter', id: '1' } as const
    const member = { kind: 'member', id: 'bigcloud' } as const
    const actors: Actor[] = [BY_DESK, BY_OPERATOR, BY_SOMEBODY, GRACE, member, reporter]
    // Particulars of every kind at once; each sentence takes what is its own.
    const about = {
      ...{ product: 'parser', receivedAt: AT, effect: 'reopens' },
      ...{ reporter: '1', author: 'grace', member: 'bigcloud' },
      ...{ verbs: ['take'], from: 'a', to: 'b', with: 'reply', how: 'encrypted', code: 'c' },
      ...{ into: TAG, reason: 'r', date: AT, oldDate: AT, disposition: 'internal' },
      ...{ written: 'w', writtenAt: AT, leaveBy: AT, approveBy: AT, answer: 'agree' },
      ...{ revision: 1, fields: [], changed: [], patches: [], digest: SHA },
      ...{
        leavesAt: AT,
        cases: ['ACME-2026-0001'],
        bytes: 7,
        isCertain: true,
        number: 1,
        again: 2,
        told: 'told',
        free: 9,
        messages: 2
      },
      ...{ at: 'one thing', error: 'TypeError', copies: { left: 1, here: 1, onTheWay: 1 } },
      ...{ lateMs: 0, members: 1, sent: 1, held: 0 },
      ...{ audience: 'reporter', recipient: '1', message: 'reply' },
      ...{ id: 'i', outbox: 3, attempts: 2, clock: 'answer', step: '{"percent":50}', dueAt: AT },
      ...{ title: 't', to: ['grace', ''], of: ['grace', 'ada'] },
      ...{ isLate: false, fingerprint: 'a'.repeat(40), source: 'attached', replaced: null },
      ...{ isUsable: true, expiresAt: AT, products: ['parser'], ms: 600_000, isSigned: true },
      ...{ refused: [{ verb: 'reply', says: 'x' }] }
    }
    const BECAUSE: Partial<Record<EventKind, string>> = {
      'not-encrypted': 'expired',
      undelivered: 'bounced'
    }
    const sentences = EVENT_KINDS.flatMap((kind) =>
      actors.map((actor) =>
        say(
          happened(event(kind, CASE, actor, { ...about, because: BECAUSE[kind] ?? 'x' } as never))
        )
      )
    )

    expect(sentences.filter((text) => /undefined|NaN|\[object| {2}|\.\./.test(text))).toEqual([])
  })
})
