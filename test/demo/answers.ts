/**
 * What the desk answers to commands, and what they send: made by the commands themselves, for every preset. Must never write a
 * sentence of its own.
 */
import { type ReadPolicy } from '../../src/config/policy-file.ts'
import { historyOf } from '../../src/domain/case-machine.ts'
import { type Decision } from '../../src/domain/decision.ts'
import {
  aboutCase,
  byMaintainer,
  type DeskEvent,
  type EventKind,
  NO_EVIDENCE
} from '../../src/domain/event.ts'
import { type Instant } from '../../src/domain/time.ts'
import { SAMPLE, SAMPLE_DESK } from '../../src/messages/render.ts'
import { type CommandContext } from '../../src/policy/draft.ts'
import { decideMaintainerMail } from '../../src/policy/maintainer-mail.ts'
import { VERBS } from '../../src/policy/verbs/index.ts'
import * as samples from '../unit/policy/samples.ts'
import { type Exhibit } from './exhibits.ts'

type Preset = ReadPolicy & { readonly preset: string | null }

const NOW = '2026-11-27T10:42:00.000Z' as Instant
const RECEIVED = '2026-11-27T09:00:00.000Z' as Instant
const DISCLOSURE = '2026-12-09T13:00:00.000Z' as Instant
const TAG = SAMPLE.tag ?? samples.tag('ACME-2026-0007')
const KEY = { ...samples.ALICE_KEY, firstSeenAt: RECEIVED }

/** A desk with one product under this policy, and a case of Alice's. */
function deskOf({ policy, calendar }: Preset) {
  const timezone = calendar.zone ?? 'Europe/Berlin'
  const product = {
    ...{ id: 'parser', name: 'ACME Parser', policy, supported: ['main', '4.2', '4.1'] },
    calendar: { weekend: calendar.weekend, timezone, holidays: [] }
  }
  const settings = {
    ...samples.SETTINGS,
    desk: { ...samples.SETTINGS.desk, ...SAMPLE_DESK },
    maintainers: [
      { ...samples.GRACE, name: 'Grace Hopper' },
      { ...samples.LINUS, name: 'Linus Torvalds' }
    ],
    products: [product],
    limits: { ...samples.SETTINGS.limits, commands_per_mail: 50 }
  }
  const record = samples.caseRecord({
    ...{ tag: TAG, subject: 'Heap overflow in the parser', receivedAt: RECEIVED },
    reporters: [samples.reporter({ id: TAG })]
  })
  const opened = happened('opened', { product: 'parser', reporter: TAG, receivedAt: RECEIVED })
  const context = samples.commandContext({
    ...{ now: NOW, settings, product, author: settings.maintainers[0] ?? samples.GRACE },
    message: { id: null, date: NOW },
    bound: samples.bound({
      ...{ case: record, named: TAG, events: [opened], reporterKeys: samples.keysOf(KEY) },
      history: historyOf([opened])
    })
  })
  return { context, record, opened }
}

function happened(kind: EventKind, about: object): DeskEvent {
  const subject = aboutCase(TAG)
  const actor = byMaintainer('grace')
  return { id: 1, at: RECEIVED, kind, subject, actor, about, evidence: NO_EVIDENCE } as DeskEvent
}

const WITHOUT_PATCHES = {
  description: 'A crafted file makes the parser write past its buffer.',
  affected_versions: '>= 4.0, < 4.2.1',
  remedy_steps: 'Set parser.untrusted to off until the fixed release is out.',
  no_patches: 'The fix is part of release 4.2.1.'
}

type Change = Partial<CommandContext['bound']>

/** What every preset answers in its own words, and what one of them answers for all. */
export function answers(presets: readonly Preset[]): Exhibit[] {
  const [usual] = presets.filter(({ preset }) => preset === 'dispatch')
  return [...presets.flatMap(ofPreset), ...(usual === undefined ? [] : ofAll(usual))]
}

function ofPreset(one: Preset): Exhibit[] {
  const { context, record } = deskOf(one)
  const { policy, preset } = one
  const run = (title: string, text: string, change: Change = {}): Exhibit[] =>
    told(`policy ${preset}: ${title}`, text, {
      ...context,
      bound: { ...context.bound, ...change }
    }).filter(({ message }) => message.kind !== 'activity')
  const accepted = { case: { ...record, state: 'accepted', owner: 'grace' } as const }
  const reason = 'The crash needs a configuration file that only the owner can write.'
  return [
    ...run('status', '/status'),
    ...run('codes of rejections', '/reject'),
    ...Object.keys(policy.reject.codes).flatMap((code) =>
      run(`rejection, ${code}`, `/reject ${code}\n${reason}`).filter(isFor('rejected'))
    ),
    ...run('plan', '/plan\nplan: We bisect the crash.\nworkarounds: none known'),
    ...run('form of the notice', '/notice draft', accepted),
    ...run('a date', '/embargo 2026-12-09 14:00', accepted),
    ...run('a date without the usual lead', '/embargo 2026-11-29 14:00', accepted),
    ...run('close without a word', '/close internal', accepted)
  ]
}

function ofAll(usual: Preset): Exhibit[] {
  const { context, record, opened } = deskOf(usual)
  const run = (title: string, text: string, change: Change = {}, more = {}): Exhibit[] =>
    told(title, text, { ...context, bound: { ...context.bound, ...change }, ...more })
  const dated = { disclosureAt: DISCLOSURE, disclosureZone: 'Europe/Berlin', owner: 'grace' }
  const planned = { case: { ...record, ...dated, state: 'planned' } as const }
  const noticed = { case: { ...record, ...dated, state: 'noticed' } as const }
  const notice = samples.noticeRecord({ caseTag: TAG, fields: WITHOUT_PATCHES })
  const left = samples.noticeRecord({
    caseTag: TAG,
    state: 'released',
    releasedAt: NOW,
    hasLeft: true
  })
  const copies = { revision: 1, here: 1, onTheWay: 1, givenUp: 1, left: 39 }
  const openCases = (['received', 'triaging', 'accepted', 'noticed'] as const).map((state, at) => {
    const id = samples.tag(`ACME-2026-000${6 + at}`)
    const reporters = record.reporters.map((one) => ({ ...one, id }))
    return {
      ...{ ...record, state, tag: id, reporters, owner: at === 0 ? null : 'grace' },
      due: at === 3 ? null : { at: DISCLOSURE, clock: at === 0 ? 'answer' : 'preflight' }
    }
  })
  const inClear = { ...samples.BEGAN_IN_CLEAR.case.reporters[0] }
  const clear = {
    case: { ...record, reporters: [samples.reporter({ ...inClear, id: TAG })] },
    reporterKeys: samples.keysOf(null)
  }
  const waiting = { reporterKeys: samples.keysOf(null) }
  const end = happened('closed', { disposition: 'disclosed', reason: '', told: 'told' })
  const closed = {
    ...{ case: { ...record, state: 'closed', owner: 'grace' } as const, events: [opened, end] },
    history: historyOf([opened, end])
  }
  return [
    ...run('help', '/help'),
    ...run('help of every command', VERBS.map(({ name }) => `/help ${name}`).join('\n')),
    ...run('cases', '/cases', {}, { openCases }),
    ...run('no cases', '/cases', closed),
    ...run('take and accept', '/take\n/accept\nWe will propose a date.'),
    ...run('answer in clear', '/reply\nThank you, we look into it.', clear),
    ...run('answer without a key', '/reply\nThank you, we look into it.', waiting),
    ...run('files in clear', '/reply\nSee the file.', clear, { files: [samples.file('log.txt')] }),
    ...run('question', '/ask\nWhich version is it?'),
    ...run('question for a key', '/ask', { ...waiting, reported: ['A crash.'] }),
    ...run('note', '/note\nThe parser is ours.'),
    ...run('unknown command', '/frobnicate\n/take'),
    ...run('status of a planned case', '/status', { ...planned, notice }),
    ...run('status after the notice', '/status', { ...noticed, notice: left, copies }),
    ...run('status of a closed case', '/status', closed),
    ...run('draft', '/notice draft\ndescription: A hole.\naffected_versions: 1.0 to 1.9', planned),
    ...run('preview without patches', '/notice preview', { ...planned, notice }),
    ...run('hold', '/notice hold', { ...noticed, notice: left, copies }),
    ...run('another date', '/embargo 2026-12-10 14:00', { ...noticed, notice: left, copies }),
    ...run('merge', '/merge ACME-2026-0009', {}, { openCases }),
    ...run('disclosed', '/disclosed because a blog post tells it', planned),
    ...run('a command below other text', 'Hello Grace,\n/take'),
    ...run('close', '/close because it was a duplicate'),
    ...run('close again', '/close', closed),
    ...run('reopen', '/reopen because new facts came', closed),
    ...withoutCase(context)
  ]
}

/** A signed message that names no case. */
function withoutCase({ settings, author }: CommandContext): Exhibit[] {
  const mail = samples.maintainerMail('case: ACME-2026-0999\n/take', author, {
    signatures: [samples.signature({ fingerprint: author.fingerprint })],
    protected: samples.headers({ from: author, to: [settings.desk] })
  })
  const decisions = decideMaintainerMail(samples.situation({ opened: mail, settings })) ?? []
  return shownOf('no such case', decisions)
}

/** Everything that one message with these commands sends. */
function told(title: string, text: string, context: CommandContext): Exhibit[] {
  return shownOf(title, samples.runText(text, context).decisions)
}

function shownOf(title: string, decisions: readonly Decision[]): Exhibit[] {
  return decisions.flatMap((decision) => {
    if (decision.kind !== 'send-sealed' && decision.kind !== 'send-clear') return []
    const { kind, message } = decision
    const inClear = kind === 'send-clear'
    return [{ title: `${title}: ${message.kind}${inClear ? ' (in clear)' : ''}`, message, inClear }]
  })
}

function isFor(kind: string) {
  return ({ message }: Exhibit): boolean => message.kind === kind
}
