/**
 * `/key accept FINGERPRINT`: a maintainer says which key answers to the reporter are sealed to (mail.md §2.12). Only a key
 * that names exactly the reporter's address, in full and by its fingerprint, whoever else that person is to the desk.
 */
import { addressKey, isSameAddress } from '../../domain/address.ts'
import { type Addressed, addresseesOf, type ReporterKey, reporterKeyOf } from '../../domain/case.ts'
import { aboutCase, byMaintainer, event } from '../../domain/event.ts'
import { type Fingerprint, formatFingerprint, parseFingerprint } from '../../domain/ids.ts'
import { count } from '../../domain/words.ts'
import { accepted, type Draft, type Handler, refused, type Step, withActivity } from '../draft.ts'
import { type BoundCase } from '../situation.ts'
import { waitingFor } from '../waiting-words.ts'
import { type Verb } from './verb.ts'

/** Says not why: who is on the list, maintainers must not learn (G5). */
const REGISTERED =
  'The operator decides which key is used for this reporter. Please give them the new one.'

/** Takes an offered key into use from the next line of the same mail on. The one before is kept and can be taken back. */
const acceptKey: Handler = (draft, command, context) => {
  const { tag } = draft.case
  const [first] = addresseesOf(draft.case)
  if (first === undefined)
    return refused('The report names no address, so there is nobody whose key this could be.')
  const fingerprint = parseFingerprint(command.words.join(''))
  if (fingerprint === null) {
    return refused('Which key? Write its whole fingerprint, 40 or 64 hexadecimal digits.')
  }
  const reporter = whoseKey(fingerprint, draft, context.bound) ?? first
  const { address } = reporter.contact
  const before = reporterKeyOf(reporter, draft.reporterKeys)
  if (before?.fingerprint === fingerprint) return keepKey(draft, reporter, before, context.bound)
  if (before?.source === 'registered') return refused(REGISTERED)
  const key = offeredTo(reporter, context.bound).find((one) => one.fingerprint === fingerprint)
  if (key === undefined) return refused(noSuchKey(addresseesOf(draft.case), context.bound))
  const complaint = keyComplaint(draft, key)
  if (complaint !== null) return refused(complaint)
  const name = formatFingerprint(fingerprint)
  const { isUsable: _, address: _to, ...offered } = key
  const pinned = { ...offered, isProved: true }
  const next = {
    ...draft,
    reporterKeys: new Map([...draft.reporterKeys, [addressKey(address), key]]),
    accepted: [...draft.accepted, reporter],
    decisions: [
      ...draft.decisions,
      { kind: 'pin-reporter-key', address, key: pinned } as const,
      {
        kind: 'record',
        event: event('key-pinned', aboutCase(tag), byMaintainer(context.author.id), {
          fingerprint,
          source: key.source,
          replaced: before?.fingerprint ?? null,
          isUsable: true,
          isProved: true
        })
      } as const
    ]
  }
  const instead = insteadOf(before)
  return accepted(
    withActivity(next, `accepted the key ${name} for the reporter${instead}`),
    `Answers to ${address} are encrypted to ${name}${instead} from now on.${leftWords(reporter, context.bound)}`
  )
}

function insteadOf(before: ReporterKey | null): string {
  return before === null ? '' : ` instead of ${formatFingerprint(before.fingerprint)}`
}

/** The reporter for whom this key is known or came. */
function whoseKey(
  fingerprint: Fingerprint,
  { case: record, reporterKeys }: Draft,
  bound: BoundCase
): Addressed | undefined {
  return addresseesOf(record).find(
    (one) =>
      reporterKeyOf(one, reporterKeys)?.fingerprint === fingerprint ||
      offeredTo(one, bound).some((key) => key.fingerprint === fingerprint)
  )
}

/** The key that is in use already: what waits leaves with it. */
function keepKey(draft: Draft, reporter: Addressed, key: ReporterKey, bound: BoundCase): Step {
  const complaint = keyComplaint(draft, key)
  if (complaint !== null) return refused(complaint)
  return accepted(
    { ...draft, accepted: [...draft.accepted, reporter] },
    `This key is in use for ${reporter.contact.address} already.${leftWords(reporter, bound)}`
  )
}

/** Why the key cannot be taken into use now; null when it can. */
function keyComplaint({ words }: Draft, { isUsable }: ReporterKey): string | null {
  if (!isUsable)
    return 'Nothing can be encrypted to this key: it has expired, was revoked, or cannot encrypt.'
  return words.length > 0 ? 'Please put /key accept above what you write to the reporter.' : null
}

function leftWords(reporter: Addressed, bound: BoundCase): string {
  const { length } = waitingFor(reporter, bound)
  return length === 0
    ? ''
    : ` ${count(length, 'message that waited for it leaves', 'messages that waited for it leave')} now, encrypted.`
}

/** The keys that came under exactly the address of this reporter. */
function offeredTo({ contact }: Addressed, { offeredKeys }: BoundCase): BoundCase['offeredKeys'] {
  return offeredKeys.filter(({ address }) => isSameAddress(address, contact.address))
}

function noSuchKey(reporters: readonly Addressed[], { offeredKeys }: BoundCase): string {
  const known = offeredKeys.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
  const addresses = reporters.map(({ contact }) => contact.address).join(' or ')
  return `No such key came for ${addresses}${known === '' ? '' : `; known are: ${known}`}. Ask for it, or attach it to your message; one of its user ids must be exactly that address.`
}

export const KEYS: readonly Verb[] = [
  {
    name: 'key accept',
    arguments: 'FINGERPRINT',
    binds: 'case',
    roles: ['committer'],
    needsCode: false,
    text: null,
    help: 'encrypts answers to the reporter to this key from now on',
    more: 'The key must have come under exactly the address of the reporter, or be attached to your message.',
    run: acceptKey
  }
]
