/**
 * What happens to one received mail. The one entry of the pure core for mail: a complete list of decisions comes out,
 * ending in exactly one disposition (G1). Order matters: what only looks like a report is told apart first, then who has
 * authority, then which case it continues.
 */
import { isSameAddress } from '../domain/address.ts'
import { type CaseRecord } from '../domain/case.ts'
import { type Decision } from '../domain/decision.ts'
import { type CaseTag, type MessageId } from '../domain/ids.ts'
import { type OpenedMail, type WarningCode } from '../domain/mail.ts'
import { type Product, type Settings } from '../domain/settings.ts'
import { type FactLine } from '../domain/template.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { acknowledge, answerDueAt, decideAcknowledgement } from './acknowledgement.ts'
import { dispose } from './dispose.ts'
import { decideMaintainerMail } from './maintainer-mail.ts'
import { relay } from './relay.ts'
import { decideReporterKey } from './reporter-key.ts'
import { type Moment, type Situation } from './situation.ts'
import { decideThread } from './threading.ts'
import { decideBounce, quarantineReused } from './unanswered.ts'

const QUARANTINED = 'it could not be opened in three tries'
const TOO_LARGE = 'larger than the size limit'

/** Decides everything about one arrival. */
export function decideArrival(
  situation: Situation,
  settings: Settings,
  moment: Moment
): Decision[] {
  const { opened } = situation
  if (situation.ciphertextReused) return quarantineReused(settings, situation, moment)
  const remembered: Decision[] =
    opened.ciphertextMarks.length === 0
      ? []
      : [
          {
            kind: 'remember-ciphertext',
            marks: opened.ciphertextMarks,
            sender: opened.outer.from?.address ?? null
          }
        ]
  return [...remembered, ...decideKind(situation, settings, moment)]
}

function decideKind(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const { opened } = situation
  if (isOwn(opened, settings)) return [dispose('done', 'own', 'the desk sent it itself')]
  if (opened.automatic.includes('bounce')) return decideBounce(situation, settings, moment)
  if (opened.automatic.includes('receipt')) {
    return [dispose('done', 'receipt', 'a delivery or reading receipt')]
  }
  const fromMaintainer = decideMaintainerMail(situation, settings, moment)
  if (fromMaintainer !== null) return fromMaintainer
  const thread = decideThread(situation)
  if (thread.kind === 'new') return decideNewCase(situation, settings, moment)
  if (opened.automatic.includes('auto-replied')) return recordOnly(situation, thread.case, moment)
  return joinCase(situation, thread, settings, moment)
}

function isOwn(opened: OpenedMail, settings: Settings): boolean {
  const { from } = opened.outer
  return (
    from !== null &&
    isSameAddress(from.address, settings.desk.address) &&
    opened.automatic.includes('loop')
  )
}

function decideNewCase(situation: Situation, settings: Settings, moment: Moment): Decision[] {
  const { opened, nextTag } = situation
  const product = productOf(opened, settings)
  const record = newCase(situation, product, settings, moment.now)
  const key = decideReporterKey(situation, nextTag, moment.now)
  const verdict = decideAcknowledgement(opened, situation.history, settings, moment)
  const facts: FactLine[] = [{ label: 'Acknowledged', value: acknowledgedWords(verdict, settings) }]
  const decisions: Decision[] = [
    { kind: 'open-case', case: record },
    message(situation, record.tag, 'reporter', moment.now),
    ...key.decisions,
    relay({
      ...relayInput(situation, product, settings, moment),
      record: { ...record, ...UNSTORED },
      reporterKey: key.key,
      facts,
      warnings: [...key.warnings, ...quarantineWarnings(situation)]
    })
  ]
  if (verdict.kind === 'send') {
    decisions.push(
      acknowledge({
        tag: record.tag,
        product,
        opened,
        receivedAt: situation.receivedAt,
        key: key.key,
        to: verdict.to,
        notBefore: verdict.notBefore,
        inReplyTo: opened.outer.messageId,
        settings
      }),
      {
        kind: 'count-answer',
        address: verdict.to.address,
        answer: 'acknowledgement',
        // Counted when it leaves, so that those put off fill the hour that they leave in.
        at: verdict.notBefore
      }
    )
  }
  return [
    ...decisions,
    audit('case.opened', record.tag, { automatic: opened.automatic.join(' ') }),
    newCaseEnd(situation, record.tag)
  ]
}

/** A mail too large or quarantined stays visible in the held folder; its case goes on like any other. */
function newCaseEnd(situation: Situation, tag: CaseTag): Decision {
  if (situation.quarantined) return dispose('held', 'quarantined', QUARANTINED, tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose('held', 'too-large', TOO_LARGE, tag)
  return dispose('done', 'case-opened', '', tag)
}

/** Parts of a record that only the commit can fill in; the relay shows none of them. */
const UNSTORED = {
  id: 0,
  version: 0,
  maintainerRoot: '' as MessageId,
  reporterRoot: '' as MessageId
}

function newCase(
  situation: Situation,
  product: Product,
  settings: Settings,
  now: Instant
): Extract<Decision, { kind: 'open-case' }>['case'] {
  const { opened, nextTag, receivedAt } = situation
  const { messageId } = opened.outer
  return {
    tag: nextTag,
    product: product.id,
    state: 'received',
    reporter: opened.outer.from,
    subject: subjectOf(opened),
    beganInClear: beganInClear(opened),
    receivedAt,
    openedAt: now,
    answerDueAt: answerDueAt(product, receivedAt, settings.desk.timezone),
    answeredAt: null,
    owner: null,
    disclosureAt: null,
    reporterRoot: messageId,
    reporterLatest: messageId
  }
}

/** Only a mail that was read to its end can be said to have come in clear (G3). */
function beganInClear(opened: OpenedMail): boolean {
  const closed: readonly WarningCode[] = ['errant-crypto', 'smime', 'too-large']
  return (
    opened.sealedTo === 'nobody' &&
    !opened.encrypted &&
    opened.failure === null &&
    !opened.warnings.some((code) => closed.includes(code))
  )
}

/** The product that the outer subject of a clear mail names; the first one otherwise, so that an answer's text cannot
 *  depend on what only the desk could read (G6). */
function productOf(opened: OpenedMail, settings: Settings): Product {
  const words = ` ${opened.outer.subject.toLowerCase().replaceAll(/[^\p{L}\p{N}-]+/gu, ' ')} `
  const named = settings.products.filter(({ id, name }) =>
    [id, name].some((word) => words.includes(` ${word.toLowerCase()} `))
  )
  const [first] = settings.products
  if (first === undefined) throw new RangeError('a desk without products')
  return named.length === 1 ? (named[0] ?? first) : first
}

function joinCase(
  situation: Situation,
  thread: JoinedThread,
  settings: Settings,
  moment: Moment
): Decision[] {
  const record = thread.case
  const product = productNamed(record.product, settings)
  const { member } = situation
  const key = thread.senderKnown
    ? decideReporterKey(situation, record.tag, moment.now)
    : { key: situation.bound?.reporterKey ?? null, decisions: [], warnings: [] }
  const author = member !== null ? 'member' : thread.senderKnown ? 'reporter' : 'other'
  return [
    message(situation, record.tag, author, moment.now),
    ...key.decisions,
    ...latestMail(situation, thread),
    relay({
      ...relayInput(situation, product, settings, moment),
      record,
      reporterKey: key.key,
      facts: [],
      warnings: [
        ...key.warnings,
        ...senderWarnings(situation, thread.senderKnown),
        ...quarantineWarnings(situation)
      ]
    }),
    audit('case.joined', record.tag, { author, signed: member?.signed ?? false }),
    joinedEnd(situation, record.tag)
  ]
}

type JoinedThread = Extract<ReturnType<typeof decideThread>, { kind: 'case' }>

function joinedEnd(situation: Situation, tag: CaseTag): Decision {
  if (situation.quarantined) return dispose('held', 'quarantined', QUARANTINED, tag)
  if (situation.opened.warnings.includes('too-large'))
    return dispose('held', 'too-large', TOO_LARGE, tag)
  return dispose('done', situation.member !== null ? 'member-reply' : 'case-joined', '', tag)
}

/** The reporter's newest mail is the one that answers refer to. */
function latestMail(situation: Situation, thread: JoinedThread): Decision[] {
  const reporterLatest = situation.opened.outer.messageId
  if (!thread.senderKnown || reporterLatest === null) return []
  const { tag, version } = thread.case
  return [{ kind: 'update-case', tag, version, set: { reporterLatest } }]
}

/** The product of a case; the first one when the configuration no longer has it. */
function productNamed(name: string, settings: Settings): Product {
  const product = settings.products.find(({ id }) => id === name) ?? settings.products[0]
  if (product === undefined) throw new RangeError('a desk without products')
  return product
}

function senderWarnings(situation: Situation, senderKnown: boolean): string[] {
  const { member } = situation
  if (member !== null) {
    return [
      member.signed
        ? `This is list member ${member.record.id}; the signature is valid.`
        : `This claims to be list member ${member.record.id}, but no valid signature proves it.`
    ]
  }
  return senderKnown
    ? []
    : [
        'The sender is not the reporter of this case. Answers go to the reporter, never to this sender.'
      ]
}

function quarantineWarnings(situation: Situation): string[] {
  return situation.quarantined
    ? [
        'Opening this mail failed three times (time or memory). It is in the held folder; look at it with care.'
      ]
    : []
}

/** Automatic answers on a case are kept on its record and bother nobody. */
function recordOnly(situation: Situation, record: CaseRecord, moment: Moment): Decision[] {
  return [
    message(situation, record.tag, 'other', moment.now),
    dispose('done', 'auto-reply', 'an automatic answer', record.tag)
  ]
}

function relayInput(situation: Situation, _product: Product, settings: Settings, moment: Moment) {
  const { arrivalId, opened, receivedAt, size } = situation
  return { arrivalId, product: _product, opened, receivedAt, size, settings, now: moment.now }
}

function message(
  situation: Situation,
  tag: CaseTag,
  author: 'reporter' | 'member' | 'other',
  now: Instant
): Decision {
  const { opened, arrivalId, member } = situation
  return {
    kind: 'add-message',
    tag,
    message: {
      at: now,
      author,
      authorId: author === 'member' ? (member?.record.id ?? '') : '',
      audience: author === 'reporter' ? 'reporter' : 'internal',
      subject: subjectOf(opened),
      text: opened.text,
      messageId: opened.outer.messageId,
      arrivalId
    }
  }
}

function subjectOf(opened: OpenedMail): string {
  return opened.subjectProtected ? (opened.protected?.subject ?? '') : opened.outer.subject
}

function acknowledgedWords(
  verdict: ReturnType<typeof decideAcknowledgement>,
  settings: Settings
): string {
  return verdict.kind === 'none'
    ? `no, because ${verdict.because}`
    : `yes, from ${formatInstant(verdict.notBefore, settings.desk.timezone)}`
}

function audit(
  action: string,
  tag: CaseTag,
  detail: Readonly<Record<string, string | number | boolean>>
): Decision {
  return { kind: 'audit', actor: 'desk', action, tag, detail }
}
