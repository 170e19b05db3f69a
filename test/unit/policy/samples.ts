/** Samples for the tests of the core: settings, cases, opened messages and situations with everything usual in them. */
import { createHash } from 'node:crypto'
import { BUILT_IN_CLOCKS } from '../../../src/config/clock-schema.ts'
import { builtInTexts } from '../../../src/config/texts.ts'
import { type Address, addressKey, parseAddress } from '../../../src/domain/address.ts'
import {
  type CaseRecord,
  type Reporter,
  type ReporterKey,
  type ReporterKeys
} from '../../../src/domain/case.ts'
import { historyOf } from '../../../src/domain/case-machine.ts'
import { type Clock } from '../../../src/domain/clock.ts'
import { type Decision, type SendClear, type SendSealed } from '../../../src/domain/decision.ts'
import { type EventKind, type NewEvent } from '../../../src/domain/event.ts'
import {
  type CaseTag,
  type Fingerprint,
  type MessageId,
  parseCaseTag,
  parseFingerprint,
  parseMessageId,
  type Sha256
} from '../../../src/domain/ids.ts'
import type * as mails from '../../../src/domain/mail.ts'
import { type MemberRecord, type NoticeRecord } from '../../../src/domain/notice.ts'
import {
  type Maintainer,
  type Policy,
  type Product,
  type Settings
} from '../../../src/domain/settings.ts'
import { type Instant, instantFromMs, type Span } from '../../../src/domain/time.ts'
import { createRender, type DeskWords, type Render } from '../../../src/messages/render.ts'
import { type ParsedCommands, parseCommands } from '../../../src/policy/commands.ts'
import { NOBODYS } from '../../../src/policy/conversation.ts'
import { type CommandContext } from '../../../src/policy/draft.ts'
import { decideArrival } from '../../../src/policy/inbound.ts'
import { type RunResult, runCommands } from '../../../src/policy/run-commands.ts'
import {
  type BoundCase,
  type Issued,
  type Moment,
  type Situation
} from '../../../src/policy/situation.ts'
import { VERBS } from '../../../src/policy/verbs/index.ts'
import { OF_CASES } from '../../support/built-in-clocks.ts'

export function at(text: string): Instant {
  return instantFromMs(Date.parse(text))
}
export function address(text: string): Address {
  return some(parseAddress(text))
}
export function tag(text: string): CaseTag {
  return some(parseCaseTag(text))
}
export function messageId(text: string): MessageId {
  return some(parseMessageId(text))
}
/** A fingerprint that consists of one hexadecimal digit. */
export function fingerprint(digit: string): Fingerprint {
  return some(parseFingerprint(digit.repeat(40)))
}
export function sha256(data: string | Uint8Array): Sha256 {
  return createHash('sha256').update(data).digest('hex') as Sha256
}
function some<T>(value: T | null): T {
  if (value === null) throw new Error('bad test data')
  return value
}

export const NOW = at('2026-11-22T12:00:00Z')
export const DESK = address('security@acme.example')
export const TAG = tag('ACME-2026-0001')
const KEY = new Uint8Array([1, 2, 3])

/** The promise of an answer, without steps at which it would ring. */
export function promiseWithin(within: Span): Clock[] {
  return OF_CASES.slice(0, 1).map((one) => {
    return { ...one, id: 'answer', counts: 'each', due: { within }, firmness: 'hard', steps: [] }
  })
}

export const POLICY: Policy = {
  id: 'sample',
  title: 'Sample policy',
  clocks: [...OF_CASES, ...promiseWithin({ hours: 48 })],
  answer_includes: '',
  reporter_rules: ['Please tell nobody else yet.'],
  report_checklist: [],
  replies: 'internal',
  reporters: { cleartext: 'deny' },
  reject: {
    codes: { 'not-a-vulnerability': 'It is none.', upstream: 'It is elsewhere.' },
    reason_length: 0
  },
  close: { internal: 'deny' },
  notice: {
    lead: { days: 7 },
    tolerance: { min: { days: 5 }, max: { days: 9 } },
    required: ['description', 'affected_versions', 'remedy_steps', 'patches', 'disclosure_at'],
    approvals: 1,
    late: 'send',
    late_after_minutes: 15,
    reporter_date_mail: 'with-notice',
    tlp: 'TLP:AMBER+STRICT',
    links: []
  }
}

export const PRODUCT: Product = {
  id: 'parser',
  name: 'ACME Parser',
  policy: POLICY,
  calendar: { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: ['2026-12-25'] },
  supported: ['main']
}

export function maintainer(id: string, digit: string, roles: Maintainer['roles']): Maintainer {
  const name = `${id.charAt(0).toUpperCase()}${id.slice(1)} Tester`
  return {
    id,
    name,
    address: address(`${id}@acme.example`),
    roles,
    fingerprint: fingerprint(digit),
    signingKeys: [fingerprint(digit)],
    keyData: KEY,
    keyExpiresAt: null
  }
}
export const GRACE = maintainer('grace', 'a', ['committer', 'release', 'approver', 'list-admin'])
export const LINUS = maintainer('linus', 'b', ['committer', 'approver'])
export const ADA = maintainer('ada', 'c', ['advisor'])

export const SETTINGS: Settings = {
  desk: {
    name: 'ACME Security Team',
    address: DESK,
    aliases: [],
    casePrefix: 'ACME',
    timezone: 'Europe/Berlin',
    bounceAddress: null,
    fingerprint: fingerprint('d'),
    retiredFingerprints: [fingerprint('9')],
    keyExpiresAt: null
  },
  maintainers: [GRACE, LINUS, ADA],
  products: [PRODUCT],
  clocks: BUILT_IN_CLOCKS,
  noticeTemplate: 'A notice about {{ product }}.',
  acknowledgement: { jitter: 30, per_hour: 60, per_domain_hour: 60 },
  forwarding: { per_hour: 20, per_domain_hour: 10 },
  authentication: { servers: [], receivedHops: 1 },
  limits: {
    mail_size: 50_000_000,
    original: 10_000_000,
    strangers_per_day: 200_000_000,
    commands_per_mail: 20,
    signature_age_hours: 48
  }
}

/** The product under another policy, or other rules of its notices. */
export function productWith(
  policy: Partial<Policy>,
  notice: Partial<NonNullable<Policy['notice']>> = {}
): Product {
  const rule = policy.notice === undefined ? POLICY.notice : policy.notice
  return { ...PRODUCT, policy: { ...POLICY, ...policy, notice: rule && { ...rule, ...notice } } }
}
/** Where a maintainer's words may leave in clear (G3). */
export const ALLOW = productWith({ reporters: { cleartext: 'allow' } })

/** Where our mail server is asked about senders. */
export const MX = 'mx.acme.example'
export const CHECKED: Settings = {
  ...SETTINGS,
  authentication: { servers: [MX], receivedHops: 1 }
}
/** What our mail server found out: DMARC passes for Alice, unless given. */
export function found(
  change: Partial<mails.AuthenticationResult> = {}
): mails.AuthenticationResult {
  return {
    server: MX,
    below: 0,
    method: 'dmarc',
    result: 'pass',
    address: null,
    domain: 'reporter.example',
    ...change
  }
}

/** A stranger. */
export const EVIL = { name: 'Eve', address: address('eve@evil.example') }
export const ALICE = { name: 'Alice', address: address('alice@reporter.example') }
export const ALICE_KEY: ReporterKey = {
  isUsable: true,
  fingerprint: fingerprint('e'),
  keyData: KEY,
  signingKeys: [fingerprint('e')],
  isProved: true,
  source: 'autocrypt',
  firstSeenAt: NOW
}

/** Alice as the reporter of {@link TAG}. */
export function reporter(change: Partial<Reporter> = {}): Reporter {
  return {
    id: TAG,
    contact: ALICE,
    beganInClear: false,
    unusedKeys: [],
    root: messageId('report@reporter.example'),
    latest: messageId('report@reporter.example'),
    openedAt: at('2026-11-22T11:00:05Z'),
    answeredAt: null,
    ...change
  }
}

export function caseRecord(change: Partial<CaseRecord> = {}): CaseRecord {
  return {
    id: 1,
    tag: TAG,
    product: 'parser',
    state: 'received',
    reporters: [reporter()],
    subject: 'a hole in the parser',
    receivedAt: at('2026-11-22T11:00:00Z'),
    openedAt: at('2026-11-22T11:00:05Z'),
    owner: null,
    disclosureAt: null,
    disclosureZone: null,
    disclosureReason: '',
    decided:
      change.state === 'rejected' ? { kind: 'rejected', code: 'upstream', reason: '' } : null,
    mergedInto: null,
    maintainerRoot: messageId('root@acme.example'),
    version: 1,
    ...change
  }
}

/** The heads of its threads. */
export const ROOTS = {
  maintainer: messageId('m@acme.example'),
  reporter: messageId('r@acme.example')
}

/** A message of the desk to Alice that somebody answers. */
export function issued(change: Partial<Issued> = {}): Issued {
  return {
    case: caseRecord(),
    kind: 'relay',
    audience: 'reporter',
    recipientId: TAG,
    messageId: messageId('issued@acme.example'),
    tag: TAG,
    conversation: '',
    envelopeTo: ALICE.address,
    createdAt: NOW,
    bouncedAt: null,
    filesOf: null,
    isSenderHidden: false,
    ...change
  }
}

/** A key that a message brings. */
export function candidate(
  name: Fingerprint,
  source: mails.CandidateKey['source'] = 'autocrypt',
  byte = 1
): mails.CandidateKey {
  return { fingerprint: name, source, keyData: new Uint8Array([byte, 2, 3]), signingKeys: [name] }
}

/** A file of one byte. */
export function file(filename: string): mails.Attachment {
  const content = new Uint8Array(1)
  return { filename, contentType: 'text/x-diff', content, size: 1, sha256: sha256(filename) }
}

export function headers(change: Partial<mails.HeaderFacts> = {}): mails.HeaderFacts {
  return {
    from: ALICE,
    replyTo: null,
    to: [{ name: '', address: DESK }],
    cc: [],
    subject: '...',
    messageId: messageId('mail@reporter.example'),
    date: NOW,
    references: [],
    unreadableFrom: '',
    hasUnreadableRecipient: false,
    ...change
  }
}

/** An encrypted, unsigned report by Alice. */
export function openedMail(change: Partial<mails.OpenedMail> = {}): mails.OpenedMail {
  return {
    structure: 'pgp-mime',
    encrypted: true,
    decrypted: true,
    failure: null,
    sealedTo: 'desk',
    sealedToKeyIds: ['DDDDDDDDDDDDDDDD'],
    bodyMarks: [],
    ciphertextMark: null,
    signatures: [],
    outer: headers(),
    protected: headers({ subject: 'a hole in the parser' }),
    innerFacts: null,
    namesInside: null,
    subjectProtected: true,
    text: 'There is a hole.\n',
    outsideText: '',
    sealedParts: [],
    attachments: [],
    trace: { received: 0, returnPaths: [], results: [] },
    automatic: [],
    bounce: null,
    candidateKeys: [],
    unusableKeys: [],
    warnings: [],
    ...change
  }
}

export function signature(change: Partial<mails.Signature> = {}): mails.Signature {
  return {
    state: 'valid',
    stateThen: change.state ?? 'valid',
    fingerprint: GRACE.fingerprint,
    signer: GRACE.address,
    issuer: change.fingerprint ?? GRACE.fingerprint,
    createdAt: at('2026-11-22T11:59:00Z'),
    sha256: sha256('signature'),
    coversWhole: true,
    isInside: true,
    intendedRecipients: [],
    ...change
  }
}

/** A signed and encrypted mail by a maintainer about {@link TAG}. */
export function maintainerMail(
  text: string,
  author: Maintainer = GRACE,
  change: Partial<mails.OpenedMail> = {}
): mails.OpenedMail {
  return openedMail({
    outer: headers({ from: { name: author.name, address: author.address } }),
    protected: headers({
      from: { name: author.name, address: author.address },
      subject: `Re: [${TAG}] a hole in the parser`
    }),
    signatures: [signature({ fingerprint: author.fingerprint })],
    text,
    ...change
  })
}

export function member(id: string, digit: string): MemberRecord {
  return {
    id,
    name: `${id} Inc`,
    address: address(`security@${id}.example`),
    products: ['parser'],
    state: 'active',
    fingerprint: fingerprint(digit),
    keyExpiresAt: null,
    addedAt: NOW
  }
}

/** The known keys where this is that of the one reporter, Alice. */
export function keysOf(key: ReporterKey | null): ReporterKeys {
  return new Map(key === null ? [] : [[addressKey(ALICE.address), key]])
}

export function bound(change: Partial<BoundCase> = {}): BoundCase {
  return {
    case: caseRecord(),
    history: historyOf([]),
    events: [],
    named: TAG,
    reporterKeys: keysOf(ALICE_KEY),
    offeredKeys: [],
    waitingWords: [],
    dated: [],
    notice: null,
    patchFiles: [],
    clockJump: null,
    copies: { revision: 0, here: 0, onTheWay: 0, givenUp: 0, left: 0 },
    unreached: 0,
    noticed: [],
    members: [member('debian', '1'), member('suse', '2')],
    reported: ['Here.'],
    askedToday: [],
    heldAnswerTo: null,
    ...change
  }
}

export function situation(change: Partial<Situation> = {}): Situation {
  return {
    ...MOMENT,
    arrivalId: 7,
    receivedAt: at('2026-11-22T11:59:30Z'),
    arrivedAt: NOW,
    place: { mailbox: 'INBOX', uid: 1 },
    size: 5000,
    opened: openedMail(),
    quarantined: false,
    answers: null,
    answersInside: null,
    ownThread: null,
    isAnswer: false,
    quoted: [],
    conversation: NOBODYS,
    answeredMember: null,
    tagged: null,
    subjectCase: null,
    bounced: null,
    member: null,
    signatureSeen: false,
    bodyMarks: [],
    earlier: [],
    earlierLacks: null,
    senderKey: null,
    waitingKeys: [],
    waitingWords: [],
    dated: [],
    mergedKey: null,
    history: {
      proved: { toSender: 0, toDomain: 0, toOthers: [] },
      unproved: { toSender: 0, toDomain: 0, toOthers: [] },
      refusalsLastHour: 0
    },
    nextTag: tag('ACME-2026-0002'),
    senderCases: [],
    hasReported: false,
    strangers: {
      proved: { toDomain: 0, toOthers: [] },
      unproved: { toDomain: 0, toOthers: [] },
      wasAnswered: false,
      isUntouched: false
    },
    shown: [],
    listed: [],
    unforwarded: [],
    openCases: [],
    bound: null,
    ...change
  }
}

const MOMENT: Moment = {
  settings: SETTINGS,
  now: NOW,
  begunAt: NOW,
  jitter: 0.5,
  tools: { sha256, code: 'abcdefghij' }
}

export function commandContext(change: Partial<CommandContext> = {}): CommandContext {
  return {
    ...MOMENT,
    arrivalId: 7,
    product: PRODUCT,
    author: GRACE,
    message: { id: messageId('command@acme.example'), date: NOW },
    unforwarded: [],
    openCases: [],
    shown: [],
    listed: [],
    bound: bound(),
    conversation: NOBODYS,
    answeredMember: null,
    answers: null,
    quoted: [],
    files: [],
    hasClientFiles: false,
    ...change
  }
}

/** A text taken apart with the verbs that there are. */
export function parse(text: string): ParsedCommands {
  return parseCommands(text, VERBS)
}

/** What a message with this text does. */
export function runText(text: string, context: CommandContext): RunResult {
  return runCommands(parse(text), context, VERBS)
}

/** A complete notice by Grace, not approved by anybody. */
export function noticeRecord(change: Partial<NoticeRecord> = {}): NoticeRecord {
  return {
    id: 3,
    caseTag: TAG,
    product: 'parser',
    state: 'drafting',
    revision: 1,
    fields: {
      description: 'A hole.',
      affected_versions: '1.0 to 1.9',
      remedy_steps: 'Apply the patch.',
      no_patches: 'they follow'
    },
    patches: [],
    authors: { ids: ['grace'], edits: [{ id: 'grace', kind: 'notice-drafted' }] },
    previews: [],
    approvals: [],
    releaseAt: null,
    releasedAt: null,
    hasLeft: false,
    told: null,
    version: 4,
    ...change
  }
}

/** The case of a reporter who began in clear and of whom no key is known. */
export const BEGAN_IN_CLEAR = {
  reporterKeys: keysOf(null),
  case: caseRecord({ reporters: [reporter({ beganInClear: true })] })
}

/** What one message does, given what is known around it. */
export function arrive(
  opened: mails.OpenedMail,
  more: Partial<Situation> = {},
  settings: Settings = SETTINGS
): Decision[] {
  return decideArrival(situation({ opened, settings, ...more }))
}

/** All messages that are sent, encrypted or not. */
export function sends(decisions: readonly Decision[]): (SendSealed | SendClear)[] {
  return [...only(decisions, 'send-sealed'), ...only(decisions, 'send-clear')]
}
/** Those of one kind. */
export function sent(decisions: readonly Decision[], kind: string): (SendSealed | SendClear)[] {
  return sends(decisions).filter(({ message }) => message.kind === kind)
}
/** Those to people of one audience. */
export function sentTo(decisions: readonly Decision[], audience: string) {
  return sends(decisions).filter(({ message }) => message.audience === audience)
}

/** The decisions of one kind. */
export function only<K extends Decision['kind']>(
  decisions: readonly Decision[],
  kind: K
): Extract<Decision, { readonly kind: K }>[] {
  return decisions.filter(
    (decision): decision is Extract<Decision, { readonly kind: K }> => decision.kind === kind
  )
}

/** What these decisions put on the record of this kind. */
export function happened<K extends EventKind>(
  decisions: readonly Decision[],
  kind: K
): NewEvent<K>[] {
  return only(decisions, 'record').flatMap(({ event }) =>
    event.kind === kind ? [event as NewEvent<K>] : []
  )
}

/** The built-in wordings. */
export function builtInRender(desk: DeskWords = SETTINGS.desk): Render {
  return createRender(builtInTexts(), desk)
}

/** What the recipient of a decision reads. */
export function rendered(decision: SendSealed | SendClear): string {
  const inClear = decision.kind === 'send-clear'
  return builtInRender()(decision.message, { tag: decision.tag, inClear })
}
