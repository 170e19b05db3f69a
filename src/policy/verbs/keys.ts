/**
 * `/key accept FINGERPRINT`: a maintainer says which key answers to the reporter are encrypted to (mail.md §2.12). The key must
 * name exactly the reporter's address, and the command its whole fingerprint. `/key refuse FINGERPRINT` says which key is not
 * theirs, even if it is in use. What waited then leaves by the way that is open.
 */
import { type Address, addressKey, isSameAddress } from '../../domain/address.ts'
import {
  type Addressed,
  addresseesOf,
  type Reporter,
  type ReporterKey,
  reporterKeyOf,
  reporterWith
} from '../../domain/case.ts'
import { type Fingerprint, formatFingerprint, parseFingerprint } from '../../domain/ids.ts'
import { formatInstant } from '../../domain/time.ts'
import { reporterIn } from '../conversation.ts'
import {
  accepted,
  type CommandContext,
  type Draft,
  decided,
  type Handler,
  Refusal,
  refuseIf,
  splitReason,
  withActivity
} from '../draft.ts'
import { nameOf } from '../recipients.ts'
import { type BoundCase, type OfferedKey } from '../situation.ts'
import { reachWords } from '../status.ts'
import { type Verb } from './verb.ts'

/** Does not say why: maintainers must not learn who is on the list (G5). */
const REGISTERED =
  'The operator decides which key is used for this reporter. Please give them the new one.'

/** Takes an offered key into use from the next line of the same message on. The replaced one is kept and can be taken back. */
const acceptKey: Handler = (draft, command, context) => {
  const named = namedKey(draft, command.words.join(''), context)
  const { reporter, fingerprint, key, before } = named
  const { address } = reporter.contact
  const isInUse = before?.fingerprint === fingerprint
  if (!isInUse && before?.source === 'registered') throw new Refusal(REGISTERED)
  if (key === null) throw new Refusal(noSuchKey(draft, context.bound))
  refuseIf(key.isUsable ? wordsComplaint(draft, 'accept') : UNUSABLE)
  const settled = [...draft.settled, reporter.id]
  if (isInUse) return accepted({ ...draft, settled }, `This key is in use for ${address} already.`)
  const { isUsable, ...pinned } = { ...key, isProved: true }
  const { source } = key
  const replaced = before?.fingerprint ?? null
  const about = { reporter: reporter.id, fingerprint, source, replaced, isUsable, isProved: true }
  const next = decided(
    {
      ...draft,
      reporterKeys: new Map([...draft.reporterKeys, [addressKey(address), key]]),
      settled,
      decisions: [...draft.decisions, { kind: 'pin-reporter-key', address, key: pinned }]
    },
    context,
    'key-pinned',
    about
  )
  const name = formatFingerprint(fingerprint)
  const instead = insteadOf(before)
  return accepted(
    withActivity(next, `accepted the key ${name} for ${address}${instead}`),
    `Answers to ${address} are encrypted to ${name}${instead} from now on.`
  )
}

/** Says that a key is not the reporter's, in use or not: it is not used any more, even if it comes again (G3). */
const refuseKey: Handler = (draft, command, context) => {
  const { before: written, reason } = splitReason(command.words)
  const named = namedKey(draft, written.replaceAll(' ', ''), context)
  const { reporter, fingerprint, key, before } = named
  const { address } = reporter.contact
  const name = formatFingerprint(fingerprint)
  const { settings, product, author, bound } = context
  const isInUse = before?.fingerprint === fingerprint
  if (isInUse && before.source === 'registered') throw new Refusal(REGISTERED)
  if (key === null) throw new Refusal(noSuchKey(draft, bound))
  if (key.refusedAt != null) {
    const when = formatInstant(key.refusedAt, settings.desk.timezone)
    const by = nameOf(key.refusedBy ?? '', settings)
    return accepted(draft, `Refused already for ${address}, ${when}, by ${by}: ${name}.`)
  }
  refuseIf(wordsComplaint(draft, 'refuse'))
  const { keyData, source, firstSeenAt } = key
  const kept = { fingerprint, keyData, source, firstSeenAt }
  const reporterKeys = new Map(draft.reporterKeys)
  if (isInUse) reporterKeys.delete(addressKey(address))
  const next = decided(
    {
      ...draft,
      case: { ...draft.case, reporters: draft.case.reporters.map(without(fingerprint, address)) },
      reporterKeys,
      settled: [...draft.settled, reporter.id],
      decisions: [
        ...draft.decisions,
        { kind: 'offer-reporter-key', address, key: kept, refusedBy: author.id }
      ]
    },
    context,
    'key-refused',
    { reporter: reporter.id, fingerprint, reason: reason ?? '' }
  )
  const now = reporterWith(next.case, reporter.id)
  const reach = isInUse ? ` Answers ${reachWords(now, next.reporterKeys, product)}` : ''
  return accepted(
    withActivity(
      next,
      `refused the key ${name}: it is not the key of ${address}${because(reason)}.${reach}`
    ),
    `The key ${name} is not used for ${address}, even if it comes again.${reach}`
  )
}

function because(reason: string | null): string {
  return reason === null || reason === '' ? '' : ` (because ${reason})`
}

function without(fingerprint: Fingerprint, address: Address): (reporter: Reporter) => Reporter {
  return (reporter) =>
    reporter.contact !== null && isSameAddress(reporter.contact.address, address)
      ? { ...reporter, unusedKeys: reporter.unusedKeys.filter((key) => key !== fingerprint) }
      : reporter
}

const UNUSABLE =
  'Nothing can be encrypted to this key: it has expired, was revoked, or cannot encrypt. Please ask the reporter for a current key with /ask.'

/** Words to the reporter in an earlier line took the way that was open before this command. */
function wordsComplaint({ words }: Draft, verb: 'accept' | 'refuse'): string | null {
  return words.length > 0 ? `Please put /key ${verb} above what you write to the reporter.` : null
}

type NamedKey = {
  readonly reporter: Addressed
  readonly fingerprint: Fingerprint
  /** The key, in use or not; null where none of this fingerprint came. */
  readonly key: OfferedKey | null
  /** The key in use. */
  readonly before: ReporterKey | null
}

/** The key of this fingerprint and the reporter of the case for whom it came. */
function namedKey(
  draft: Draft,
  written: string,
  { bound, conversation }: CommandContext
): NamedKey {
  const reporters = addresseesOf(draft.case)
  const [first] = reporters
  if (first === undefined)
    throw new Refusal('The report names no address, so there is nobody whose key this could be.')
  const fingerprint = parseFingerprint(written)
  if (fingerprint === null)
    throw new Refusal('Which key? Write its whole fingerprint, 40 or 64 hexadecimal digits.')
  const known = reporters.map((reporter) => {
    const before = reporterKeyOf(reporter, draft.reporterKeys)
    const offered = bound.offeredKeys.find(
      (one) =>
        one.fingerprint === fingerprint && isSameAddress(one.address, reporter.contact.address)
    )
    return { reporter, before, key: before?.fingerprint === fingerprint ? before : bare(offered) }
  })
  const theirs = known.filter(({ key }) => key !== null)
  const meant = reporterIn(draft.case, conversation)
  // A key may name several people: used for the wrong one, it would let its owner read another person's messages.
  const isMeant = ({ reporter }: (typeof known)[number]): boolean =>
    meant !== 'several' && meant?.id === reporter.id
  const named = theirs.length > 1 ? theirs.find(isMeant) : theirs[0]
  if (theirs.length > 1 && named === undefined)
    throw new Refusal(whoseKey(theirs.map(({ reporter }) => reporter)))
  const before = reporterKeyOf(first, draft.reporterKeys)
  return { fingerprint, ...(named ?? { reporter: first, before, key: null }) }
}

function whoseKey(reporters: readonly Addressed[]): string {
  const addresses = reporters.map(({ contact }) => contact.address).join(' and for ')
  return `This key came for ${addresses}. To say whose it is, please reply to a message of that reporter and keep its last line (Ref: …) in your text.`
}

function bare(offered: BoundCase['offeredKeys'][number] | undefined): OfferedKey | null {
  if (offered === undefined) return null
  const { address: _, ...key } = offered
  return key
}

function insteadOf(before: ReporterKey | null): string {
  return before === null ? '' : ` instead of ${formatFingerprint(before.fingerprint)}`
}

function noSuchKey({ case: record }: Draft, { offeredKeys }: BoundCase): string {
  const known = offeredKeys.map(({ fingerprint }) => formatFingerprint(fingerprint)).join('; ')
  const addresses = addresseesOf(record)
    .map(({ contact }) => contact.address)
    .join(' or ')
  return `No such key came for ${addresses}${known === '' ? '' : `; known are: ${known}`}. Ask for it, or attach it to your message; one of its user ids must be exactly that address.`
}

export const KEYS: readonly Verb[] = [
  {
    name: 'key accept',
    arguments: 'FINGERPRINT',
    binds: 'case',
    followsMerges: true,
    roles: ['committer'],
    help: 'encrypts answers to the reporter to this key from now on',
    more: 'The key must have come under exactly the address of the reporter, or be attached to your message.',
    run: acceptKey
  },
  {
    name: 'key refuse',
    arguments: 'FINGERPRINT [because REASON]',
    binds: 'case',
    followsMerges: true,
    roles: ['committer'],
    help: 'says that a key is not that of the reporter and must not be used',
    more: 'A key in use is taken out of use. Answers no longer wait because of it. Where the report came unencrypted and no other key is known, what waited leaves UNENCRYPTED. The key counts for nothing when it comes again, until you accept it.',
    run: refuseKey
  }
]
