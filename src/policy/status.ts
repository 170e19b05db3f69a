/**
 * Where a case and its notice stand, in the reader's words: for `/status`, for the answer to commands and for `/cases`. Counts of
 * list members only, never a name (G5).
 */
import * as cases from '../domain/case.ts'
import { UNDECIDED } from '../domain/case-machine.ts'
import { type ClockRun, type Due, firstDue } from '../domain/clock.ts'
import { type Fingerprint } from '../domain/ids.ts'
import { HOLD_REASONS, type NoticeRecord } from '../domain/notice.ts'
import { type Settings } from '../domain/settings.ts'
import { formatInstant, type Instant } from '../domain/time.ts'
import { count, listed } from '../domain/words.ts'
import { nounOf } from '../messages/catalogue.ts'
import { promisesOpen, promiseWords } from './clocks.ts'
import { dateTalk, type Facts, owedWord, wordsAboutDate } from './date-talk.ts'
import { type CommandContext, type Draft, recordAfter } from './draft.ts'
import { approvalRule, whoApproves } from './embargo.ts'
import * as content from './notice-content.ts'
import { noticeLacks } from './notice-lint.ts'
import { keyChoice, nameOf, reporterPath } from './recipients.ts'
import { missingRoles } from './verbs/verb.ts'

const STATES: Readonly<Record<cases.CaseState, string>> = {
  received: 'new',
  triaging: 'being examined',
  'needs-info': 'waiting for the reporter',
  accepted: 'accepted',
  planned: 'accepted, with a disclosure date',
  noticed: 'accepted, and the list has been told',
  disclosed: 'disclosed',
  rejected: 'rejected',
  merged: 'merged into another case',
  closed: 'closed'
}

/** The state of a case in words, with the code of its rejection and the reason of the decision that led there (B9). */
export function stateWords(of: Pick<cases.CaseRecord, 'state' | 'decided' | 'mergedInto'>): string {
  const { state, decided, mergedInto } = of
  if (mergedInto !== null) return `merged into ${mergedInto}`
  const isReopened = decided?.kind === 'reopened' && cases.isOpen(state)
  const { code = '', reason = '' } = decided?.kind === state || isReopened ? decided : {}
  const because = reason === '' ? '' : `${isReopened ? 'reopened ' : ''}because: ${reason}`
  const why = [code, because].filter(Boolean).join(', ')
  return why === '' ? STATES[state] : `${STATES[state]} (${why})`
}

/** Where a case stands, on one line. */
export function standing(draft: Draft): string {
  const { case: record, notice, settings } = draft
  const isOver = !cases.isOpen(record.state) || record.state === 'disclosed'
  // A notice that never left no longer matters once the case is public or over.
  const hasLeft = notice?.state === 'released' && draft.bound.copies.left > 0
  const isMoot = notice === null || (isOver && !hasLeft)
  const noticed = isMoot ? [] : [`advance notice ${noticeWords(notice, draft)}`]
  const waiting = whoWaits(draft)
  const wait = waiting.length === 1 ? 'waits' : 'wait'
  const waits = waiting.length === 0 ? [] : [`${listed(waiting)} ${wait} for an answer`]
  return [stateWords(record), ownerWords(record, settings), ...noticed, ...waits].join('; ')
}

/** Where a notice stands, in words. */
export const NOTICE_STATES: Readonly<Record<NoticeRecord['state'], string>> = {
  drafting: 'not approved',
  scheduled: 'approved',
  releasing: 'leaving now',
  released: 'released',
  held: 'on hold'
}

/** A released notice is leaving until its first copy has left. It was not sent if no copy can leave any more. */
function noticeWords({ state }: NoticeRecord, { bound }: Draft): string {
  const { left, here, onTheWay } = bound.copies
  if (state !== 'released' || left > 0) return NOTICE_STATES[state]
  return here + onTheWay > 0 ? NOTICE_STATES.releasing : 'not sent'
}

/** One case of a list: number, state, owner, reporters, subject and what is due (B15). */
export function caseLines(
  { due, ...record }: cases.ListedCase,
  { settings, now }: Pick<CommandContext, 'settings' | 'now'>
): string {
  const from = cases.addresseesOf(record).map(({ contact }) => contact.address)
  return [
    `${record.tag}  ${stateWords(record)}; ${ownerWords(record, settings)}`,
    [from.join(', '), record.subject.replaceAll(/\s+/g, ' ')].filter(Boolean).join(': '),
    due === null ? 'nothing is due' : promiseWords(due, { case: record, settings, now })
  ].join('\n    ')
}

function ownerWords({ owner }: cases.CaseRecord, settings: Settings): string {
  return owner === null ? 'no owner' : `owner ${nameOf(owner, settings)}`
}

/** The promises that are still to be kept once this message is carried out. */
function promisesAfter(draft: Draft): readonly ClockRun[] {
  const events = recordAfter(draft, dateTalk(draft).decisions)
  return promisesOpen(draft.case, events, [], draft)
}

/** The one of them that is due first. */
export function dueInDraft(draft: Draft): Due | null {
  return firstDue(promisesAfter(draft))
}

/** The addresses of the reporters who wrote last and wait for an answer. */
export function whoWrote(draft: Draft): readonly string[] {
  const waiting = promisesAfter(draft).flatMap(({ start: { kind, about } }) =>
    kind === 'reporter-wrote'
      ? (cases.reporterWith(draft.case, about.reporter)?.contact?.address ?? 'the reporter')
      : []
  )
  return [...new Set(waiting)]
}

/** Which of several reporters wait for an answer: nothing where the case has one reporter. */
function whoWaits(draft: Draft): readonly string[] {
  const waiting = promisesAfter(draft).flatMap(({ start: { about }, clock: { stops } }) =>
    stops.includes('answered') && 'reporter' in about
      ? cases.addressAmong(draft.case, about.reporter)
      : []
  )
  return [...new Set(waiting)].filter(Boolean)
}

type Settling = 'answered' | 'plan-told' | 'told-otherwise'

/** Whether a promise to this reporter can be kept so: by any answer, by a plan and not just any answer (M-08), or by a record. */
export function isPromised(draft: Draft, by: Settling, { id }: cases.Addressed): boolean {
  return promisesAfter(draft).some(
    ({ start: { about }, clock: { stops } }) =>
      stops.includes(by) &&
      (by !== 'plan-told' || !stops.includes('answered')) &&
      (!('reporter' in about) || about.reporter === id)
  )
}

/** Names a message that waits by its kind, author, recipient and time; never says what it holds. */
export function waitingName(words: cases.WaitingWords, settings: Settings): string {
  const { authorId, at, mail, reporter } = words
  const when = formatInstant(at, settings.desk.timezone)
  return `${nounOf(mail)} by ${nameOf(authorId, settings)} to ${reporter.contact.address}, ${when}`
}

/** The answer to `/status`. */
export function* statusLines(draft: Draft): Iterable<string> {
  const { settings, product, bound, case: record, reporterKeys } = draft
  const { tag, owner } = record
  if (bound.named !== tag) yield `${bound.named} was merged into ${tag}; please go on there.`
  yield `${tag} (${product.name}): ${stateWords(record)}`
  yield `Received: ${formatInstant(record.receivedAt, settings.desk.timezone)}`
  for (const line of answerLines(record, settings.desk.timezone)) yield `Reporter: ${line}`
  const due = dueInDraft(draft)
  yield `Due: ${due === null ? 'nothing' : promiseWords(due, draft)}`
  const reporters = cases.addresseesOf(record)
  const wrote = whoWrote(draft)
  if (reporters.length > 1 && wrote.length > 0)
    yield `Reporters who wrote last: ${listed(wrote)}; /reply in a reply to their message answers it`
  for (const one of reporters)
    yield `Answers ${reachWords(one, reporterKeys, product)}${newKeyWords(one, draft)}`
  yield* waitingLines(draft)
  yield* memberLines(draft)
  yield `Owner: ${owner === null ? 'nobody' : nameOf(owner, settings)}`
  yield* dateLines(draft)
  if (product.policy.notice !== null) yield* noticeLines(draft)
  if (cases.isOpen(record.state) && owner === null) yield 'Missing: an owner (/take)'
  if (missingRoles(draft.author).length > 0)
    yield 'Most commands need a role that your key does not have; /help lists what you may send.'
}

/** Whether each reporter was answered; the address is named only if there are several. */
export function answerLines(record: cases.CaseRecord, timezone: string): string[] {
  const reporters = cases.addresseesOf(record)
  if (reporters.length === 0 && record.reporters.length > 0)
    return ['cannot be answered, because the report names no address']
  return reporters.map(({ answeredAt: at, contact }) => {
    const when = at && formatInstant(at, timezone)
    const how = when ? `first answer by a person ${when}` : 'not answered by a person'
    return reporters.length < 2 ? how : `${contact.address}, ${how}`
  })
}

function* waitingLines({ waitingWords, case: record, settings }: Draft): Iterable<string> {
  const waiting = waitingWords.filter(({ tag }) => tag === record.tag)
  if (waiting.length === 0) return
  const messages = count(waiting.length, 'message', 'messages')
  yield `Waiting for a key: ${messages}; /unsend withdraws what waits for a reporter`
  for (const words of waiting) yield `  ${waitingName(words, settings)}`
}

/** The list members whose last message nobody has answered; it may need no answer. */
function* memberLines(draft: Draft): Iterable<string> {
  const wroteLast = new Map<string, boolean>()
  for (const { kind, about } of recordAfter(draft)) {
    if (kind === 'member-wrote' || kind === 'member-answered')
      wroteLast.set(about.member, kind === 'member-wrote')
  }
  const ids = [...wroteLast].flatMap(([id, isLast]) => (isLast ? id : []))
  if (ids.length > 0)
    yield `List members who wrote last: ${listed(ids)}; /member in a reply to their message answers it`
}

/** How answers reach this reporter, behind the word `Answers`. */
export function reachWords(
  reporter: cases.Addressed,
  keys: cases.ReporterKeys,
  product: CommandContext['product']
): string {
  const { address } = reporter.contact
  const path = reporterPath(reporter, keys, product)
  if (path.kind === 'encrypted') return `go to ${address}, encrypted.`
  if (path.kind === 'in-clear') return `go to ${address}, NOT encrypted, because we have no key.`
  return `cannot go to ${address} yet: ${path.lack}, and what you write waits for a key.${keyChoice(path)}`
}

/** Which new keys came for a reporter while one is in use, and how to accept or refuse them; '' where none did. */
function newKeyWords(reporter: cases.Addressed, { bound, reporterKeys, product }: Draft): string {
  const path = reporterPath(reporter, reporterKeys, product)
  if (path.kind !== 'encrypted') return ''
  const isNew = (fingerprint: Fingerprint): boolean =>
    fingerprint !== path.recipient.fingerprint &&
    bound.offeredKeys.some((key) => key.fingerprint === fingerprint && key.wasInUse !== true)
  const unusedKeys = reporter.unusedKeys.filter(isNew)
  return keyChoice({ unusedKeys, isClearOtherwise: false })
}

/** The date while it holds: a case that ended without disclosure has none. */
function* disclosureLines(draft: Draft): Iterable<string> {
  const { case: record, known, settings, now } = draft
  const since = recordAfter(draft).findLast((one) => one.kind === 'disclosed')?.about
  if (since !== undefined)
    yield `Public since: ${formatInstant(since.date, settings.desk.timezone)}${whyWords(since)}`
  const { disclosureAt, state } = record
  if (disclosureAt === null && state === 'accepted') yield 'Missing: a disclosure date (/embargo)'
  const isPublic = known.wasDisclosed || state === 'disclosed'
  const said = disclosureWords(record, settings.desk.timezone, isPublic)
  if (disclosureAt === null || said === '') return
  if (isPublic) yield `Disclosure: ${said}`
  else if (disclosureAt > now) yield `Disclosure: due ${said}`
  else {
    const next = UNDECIDED.includes(state) ? 'decide with /accept or /reject' : RECORD_IT
    yield `Disclosure: OVERDUE since ${said}; ${next}`
  }
}

const RECORD_IT = 'if it is public, record that with /disclosed'

/** The date while it holds, and that of a public case, with its reason (B9); '' for none. */
export function disclosureWords(
  record: cases.CaseRecord,
  timezone: string,
  isPublic: boolean
): string {
  const { disclosureReason: reason } = record
  const said = `${content.dateWords(record, timezone)}${reason === '' ? '' : ` (set because: ${reason})`}`
  if (isPublic && said !== '') return `recorded as public; the date was ${said}`
  return cases.isOpen(record.state) ? said : ''
}

/** The date, what each reporter said about it, and which of them will be told it when we have a key of theirs (B19). */
export function* dateLines(draft: Draft): Iterable<string> {
  yield* disclosureLines(draft)
  const { product, now, settings, case: record, reporterKeys } = draft
  const about = { record, events: recordAfter(draft, dateTalk(draft).decisions), now }
  for (const reporter of cases.addresseesOf(record)) {
    const answer = dateAnswer(about, reporter, settings.desk.timezone)
    if (answer !== '') yield `Date: ${answer}`
    if (
      owedWord(about, reporter) !== null &&
      reporterPath(reporter, reporterKeys, product).kind === 'no-key'
    )
      yield `Message about the disclosure: waits for a key of ${reporter.contact.address}`
  }
}

/** What a reporter answered about the date that is to come, or that they did not; '' where nobody wrote to them about it. */
export function dateAnswer(
  { record, events, now }: Facts,
  reporter: cases.Addressed,
  timezone: string
): string {
  const ofPerson = events.map((one) => cases.underOneNumber(record, one))
  const words = wordsAboutDate(ofPerson, reporter)
  const date = cases.comingDate(record, now)
  const said = words.filter(({ about }) => 'date' in about && about.date === date)
  const answer = said.findLast(({ kind }) => kind === 'date-answered') ?? said.at(-1)
  if (answer === undefined) return ''
  const { address } = reporter.contact
  const when = formatInstant(answer.at, timezone)
  if (answer.kind === 'date-answered')
    return `${address} ${answer.about.answer === 'agree' ? 'agreed' : 'OBJECTED'} ${when}`
  const isLost = words.at(-1)?.kind === 'date-unreached'
  const wrote = isLost
    ? `what we wrote to them on ${when} could not be delivered`
    : `we wrote to them ${when}`
  return `no AGREE or OBJECT from ${address}; ${wrote}`
}

function* noticeLines(draft: Draft): Iterable<string> {
  const { notice } = draft
  const isOpenYet = content.isNoticeOpen(draft)
  if (notice === null) {
    if (isOpenYet) yield 'Advance notice: not written yet'
    return
  }
  const { members } = draft.bound
  const to =
    members.length === 0 ? 'nobody on the list' : count(members.length, 'member', 'members')
  yield `Advance notice: revision ${notice.revision}, ${noticeWords(notice, draft)}${whereWords(notice, to, draft)}`
  if (!isOpenYet) return
  yield `Approval: ${whoApproves(content.approving(notice, draft))}`
  const lacks = noticeLacks(draft)
  yield* lacks
  if (lacks.length > 0) return
  yield approvalLine(draft, notice)
  const releaseAt = content.plannedRelease(draft)
  if (releaseAt !== null) yield content.willLeave(releaseAt, draft, ` to ${to}`)
}

function approvalLine(draft: Draft, notice: NoticeRecord): string {
  if (content.standingPreview(draft) === null)
    return 'Missing for the notice: a preview (/notice preview)'
  const { needed } = approvalRule(draft.product.policy)
  const given = content.approvedBy(notice, draft).length
  const lacking = count(Math.max(needed - given, 1), 'approval', 'approvals')
  return `Missing for the notice: ${lacking} (/notice approve with the code of the preview)`
}

function whereWords(notice: NoticeRecord, to: string, draft: Draft): string {
  const { settings, bound, product } = draft
  const said = (at: Instant | null): string =>
    at === null ? '' : ` ${formatInstant(at, settings.desk.timezone)}`
  const copies = copyWords(notice, draft)
  if (notice.state === 'scheduled') {
    const isInDoubt = content.approvedBy(notice, draft).length < approvalRule(product.policy).needed
    return isInDoubt && bound.clockJump !== null
      ? `; the clock jumped since, so this does not count: it is put on hold${said(notice.releaseAt)} unless /notice preview and a new approval come first${copies}`
      : `; it leaves${said(notice.releaseAt)} to ${to}${copies}`
  }
  if (notice.state === 'held') return `${holdWords(draft)}${copies}`
  const isLacking = notice.state === 'released' && bound.unreached > 0
  const lack = count(bound.unreached, 'member of the list does', 'members of the list do')
  const released = bound.copies.left > 0 ? said(notice.releasedAt) : ''
  return `${released}${copies}${isLacking ? `; ${lack} not have it` : ''}`
}

/** Who put the notice on hold, and why (B9). */
function holdWords(draft: Draft): string {
  const held = recordAfter(draft).findLast((one) => one.kind === 'notice-held')
  if (held?.kind !== 'notice-held') return ''
  const { actor, about } = held
  if (about.because !== 'maintainer' && about.because !== 'operator')
    return ` by the desk, because ${HOLD_REASONS[about.because]}`
  const by = actor.kind === 'operator' ? 'the operator' : nameOf(actor.id, draft.settings)
  return ` by ${by}${whyWords(about)}`
}

function whyWords({ reason }: { readonly reason: string }): string {
  return reason === '' ? '' : `, because: ${reason}`
}

/** Where the copies are; before a change leaves, those of the earlier revision, with the date in them. */
function copyWords({ revision, told }: NoticeRecord, { bound, settings }: Draft): string {
  const { left, here, onTheWay, givenUp, revision: last } = bound.copies
  const counts = { sent: left, 'not sent yet': here + onTheWay, 'not accepted': givenUp }
  const copies = Object.entries(counts)
    .filter(([, number]) => number > 0)
    .map(([how, number]) => `${count(number, 'copy', 'copies')} ${how}`)
    .join(', ')
  if (copies === '' || last === revision) return copies === '' ? '' : `; ${copies}`
  const date =
    told?.revision === last ? `, disclosure ${content.dateWords(told, settings.desk.timezone)}` : ''
  return `; the list has revision ${last} (${copies}${date})`
}
