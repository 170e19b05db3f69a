/**
 * What follows when a key is refused: the copy is held, the person gets a content-free word in clear at most once a day,
 * and the maintainers who can be reached are told (G3). Never sends the refused content another way.
 */
import { type Decision } from '../domain/decision.ts'
import { type KeyRefusal } from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import { keyProblem } from '../messages/to-maintainers.ts'
import { notice } from '../messages/to-members.ts'
import { alertMaintainers } from '../policy/alerts.ts'
import { inClearTo } from '../policy/send.ts'
import { type Desk } from './desk.ts'
import { type Prepared, prepare, type RefusedCopy } from './prepare.ts'

const NOTHING = { attachments: [], original: null }

/** In words for people; no key and no address. */
export const KEY_PROBLEMS: Readonly<Record<KeyRefusal, string>> = {
  'no-key': 'no key is known',
  'wrong-fingerprint': 'the key is not the one that was pinned',
  expired: 'the key has expired',
  revoked: 'the key is revoked',
  'cannot-encrypt': 'the key cannot be used to encrypt',
  unreadable: 'the key cannot be read'
}

/**
 * Decisions and messages about refused copies, to be committed together with the copies that were not refused. Reports also
 * which of these messages were refused in turn, so that the caller records that and sends them later.
 */
export async function followRefusals(
  desk: Desk,
  refused: readonly RefusedCopy[],
  now: Instant
): Promise<{ readonly decisions: readonly Decision[]; readonly prepared: Prepared }> {
  const decisions = [...onePerPerson(refused)].flatMap((copy) => about(desk, copy, refused, now))
  // What is refused here is followed by no further alert: it would be refused as well, and so on for ever.
  return { decisions, prepared: await prepare(desk, decisions, NOTHING, now) }
}

function onePerPerson(refused: readonly RefusedCopy[]): Iterable<RefusedCopy> {
  return new Map(
    refused.map((copy) => [`${copy.decision.message.audience}:${copy.recipient.address}`, copy])
  ).values()
}

function about(
  desk: Desk,
  copy: RefusedCopy,
  refused: readonly RefusedCopy[],
  now: Instant
): Decision[] {
  const { recipient, because, decision } = copy
  const problem = KEY_PROBLEMS[because]
  const who = recipient.id === '' ? 'the reporter' : `${decision.message.audience} ${recipient.id}`
  // Once a day, and again for every revision of a notice.
  const about = notice.is(decision.message) ? `:${decision.once}` : ''
  const alert = alertMaintainers(desk.settings, now, {
    once: `key:${decision.message.audience}:${recipient.id}:${decision.caseTag ?? ''}${about}:${now.slice(0, 10)}`,
    tag: decision.caseTag,
    title: 'A message was not sent because of a key',
    what: `A message (${decision.message.kind}) to ${who} was not sent, because ${problem}. Nothing was sent unencrypted.`,
    doNext: NEXT[decision.message.audience],
    facts: []
  })
  // Whom else a held copy concerns misses an alert that cannot be sealed to them, and it is made up for later.
  if (decision.message.audience !== 'maintainer') return [alert]
  const unreachable = new Set(
    refused.flatMap((other) =>
      other.decision.message.audience === 'maintainer' ? [other.recipient.id] : []
    )
  )
  const told = { ...alert, recipients: alert.recipients.filter(({ id }) => !unreachable.has(id)) }
  return [told, stub(copy, problem, now)]
}

const NEXT = {
  maintainer: 'Give the operator a current public key of that maintainer for keys/maintainers.',
  member:
    'Get a current key from the member, then preview and approve the notice again: only held members get it then.',
  reporter: 'Ask the reporter for a current key with /ask, then send it again.',
  outsider: 'Reach the person another way.'
} as const

function stub({ recipient }: RefusedCopy, problem: string, now: Instant): Decision {
  const to = { id: '', name: recipient.name, address: recipient.address }
  const message = keyProblem({ problem: `Your key cannot be used: ${problem}.`, endsAt: '' })
  return inClearTo(to, now, message, { once: `${recipient.id}:${now.slice(0, 10)}`, tag: null })
}
