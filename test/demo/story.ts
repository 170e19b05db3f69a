/**
 * The story of the demo, chapter by chapter: from a reporter's first mail to the advance notice and the end of the daemon.
 * Every line it prints was observed just before in a mailbox or through the command line, and every expectation that is
 * not met ends it.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Daemon } from '../support/daemon.ts'
import { type Desk } from '../support/desk-world.ts'
import { type EmbeddedImap } from '../support/embedded-imap.ts'
import { headerOf } from '../support/mail-parts.ts'
import { type Sink, type Taken } from '../support/smtp-sink.ts'
import { type Correspondent, type OpenedMail } from './cast.ts'
import { expect, type Narrator } from './narrator.ts'

/** A message on its way, to the desk or from it. */
export type Letter = Pick<Taken, 'from' | 'to' | 'raw' | 'at'>

/** Everybody and everything on stage. */
export type Stage = {
  readonly desk: Desk
  readonly daemon: Daemon
  readonly imap: EmbeddedImap
  readonly sink: Sink
  /** What was written to the desk. */
  readonly letters: readonly Letter[]
  readonly narrator: Narrator
  readonly alice: Correspondent
  readonly grace: Correspondent
  readonly ada: Correspondent
  /** Members with a good key, and the one whose key expires before the notice leaves. */
  readonly members: readonly Correspondent[]
  readonly juniper: Correspondent
}

type CaseRow = { readonly tag: string; readonly state: string; readonly owner: string | null }
type NoticeRow = {
  readonly state: string
  readonly releaseAt: string | null
  readonly deliveries: Readonly<Record<string, number>>
}
type OutboxRow = {
  readonly id: number
  readonly kind: string
  readonly state: string
  readonly createdAt: string
}

const DAY_MS = 86_400_000
/** The policy tells the list this long before disclosure. */
const LEAD_MS = 7 * DAY_MS
/** How far ahead the demo puts the instant at which the notice leaves. */
const AHEAD_MS = 20_000

const SECRET_WORD = 'negative length'
const CRASH = {
  filename: 'crash.bin',
  contentType: 'application/octet-stream',
  content: Buffer.from([0x50, 0x4b, 0x00, 0xff, 0x0d, 0x0a, 0x80, 0x00])
}
const PATCH = {
  filename: '0001-check-the-length.patch',
  contentType: 'text/x-patch',
  content: Buffer.from(
    '--- a/parser.c\n+++ b/parser.c\n@@ -40,1 +40,2 @@\n+\tif (length < 0) return PARSE_ERROR;\n \tmemcpy(buffer, input, length);\n'
  )
}

/** Tells all of it up to the last chapter, in which the daemon ends. */
export async function tellStory(stage: Stage): Promise<void> {
  const tag = await reportArrives(stage)
  const relays = await maintainersRead(stage, tag)
  await maintainersAnswer(stage, tag, relays)
  const leavesAt = await noticeIsDrafted(stage, tag)
  await noticeIsApproved(stage, leavesAt)
  await noticeLeaves(stage, tag, leavesAt)
}

async function reportArrives({ alice, desk, narrator, letters }: Stage): Promise<string> {
  narrator.chapter('Alice reports a vulnerability')
  await alice.send({
    subject: 'Heap overflow in the parser',
    text: `Hello,\na ${SECRET_WORD} in a chunk header overflows the heap; the attached file crashes 4.2.\nAlice\n`,
    attachments: [CRASH]
  })
  const [report] = letters
  expect(report !== undefined, 'the report in the mailbox of the desk')
  const own = await alice.person.decryptMail(report.raw)
  expect(own.encryptedTo.length === 2, 'a report encrypted to two keys')
  narrator.saw(
    `her mail is in the mailbox of the desk: ${report.raw.length} bytes, subject outside "${headerOf(own.outer, 'subject')}", encrypted to the desk and to herself`
  )
  const answer = await alice.next('ACME-')
  expectSealedTo(alice, answer)
  const tag = /ACME-\d{4}-\d{4}/.exec(answer.subject)?.[0] ?? ''
  expect(tag !== '', 'an acknowledgement that names the case')
  const quoted = [SECRET_WORD, 'Heap overflow', CRASH.filename].filter((words) =>
    `${answer.subject}\n${answer.text}`.includes(words)
  )
  expect(quoted.length === 0, 'an acknowledgement that quotes nothing')
  narrator.saw(
    `the acknowledgement is in her mailbox ${answer.at - report.at} ms later: encrypted to her key, signed by the desk, quoting nothing`
  )
  narrator.saw(`it says: "${sentenceWith(answer.text, 'A member of our team')}"`)
  const record = await caseOf(desk, tag)
  expect(record.state === 'received' && record.owner === null, 'a new case without an owner')
  narrator.saw(`the database has case ${tag}, ${record.state}, without an owner`)
  return tag
}

type Relays = { readonly toGrace: OpenedMail; readonly toAda: OpenedMail }

async function maintainersRead({ grace, ada, narrator }: Stage, tag: string): Promise<Relays> {
  narrator.chapter('Two maintainers read the report')
  const relays: OpenedMail[] = []
  for (const [reader, other] of [
    [grace, ada],
    [ada, grace]
  ] as const) {
    const mail = await reader.next(`[${tag}]`)
    expectSealedTo(reader, mail)
    expect(mail.text.includes(SECRET_WORD), 'the words of the report')
    expect(sha256(fileIn(mail, CRASH.filename)) === sha256(CRASH.content), 'the attachment intact')
    const stranger = await other.person.decryptMail(mail.raw).catch(() => null)
    expect(stranger === null, `a copy that ${other.name} cannot open`)
    expect(!isNamed(other, mail), `a copy that does not name ${other.name}`)
    relays.push(mail)
    narrator.saw(
      `${reader.name} opens a copy of her own: encrypted to ${reader.keyId} alone, ${CRASH.filename} byte for byte; the key of ${other.name} does not open it`
    )
  }
  const [toGrace, toAda] = relays
  expect(toGrace !== undefined && toAda !== undefined, 'two copies')
  expect(!toGrace.outerSubject.includes('Heap'), 'an outer subject that gives nothing away')
  narrator.saw(
    `on the way the subject was "${toGrace.outerSubject}"; inside, the desk says of the report: "${lineWith(toGrace.text, 'Encrypted: ')}", "${lineWith(toGrace.text, 'Signed: ').replace(/ \(.*/, '')}"`
  )
  return { toGrace, toAda }
}

async function maintainersAnswer(
  { alice, grace, ada, desk, narrator }: Stage,
  tag: string,
  { toGrace, toAda }: Relays
): Promise<void> {
  narrator.chapter('The maintainers talk, and Alice gets her answer')
  const before = alice.count()
  await grace.reply(toGrace, 'I can reproduce it on main. The check is missing since 4.1.')
  const note = await ada.next(`[${tag}]`)
  expectSealedTo(ada, note)
  expect(note.text.includes('Note for the maintainers, by Grace'), 'the note of Grace')
  narrator.saw('Grace replies without any command: Ada gets it as an internal note')
  await grace.next('stayed among the maintainers')
  expect(alice.count() === before, 'nothing for Alice')
  narrator.saw('Alice gets nothing; the desk tells Grace once how to write to her')

  const thanks = 'Thank you, Alice. We have confirmed the overflow and are working on a fix.'
  await ada.reply(toAda, `/take\n/accept\n/reply\n${thanks}`)
  const transcript = await ada.next('Done')
  narrator.saw(`Ada writes /take, /accept and /reply; her transcript: ${outcomes(transcript)}`)
  const accepted = await alice.next('Your report is accepted')
  expectSealedTo(alice, accepted)
  expect(accepted.text.includes(thanks), 'the words of Ada')
  narrator.saw(`Alice reads, encrypted to her: "${thanks}"`)
  expect(!accepted.text.includes('reproduce it on main'), 'no word of the internal note')
  const told = await grace.next('Update')
  expectSealedTo(grace, told)
  narrator.saw(`Grace is told what Ada did: "${lineWith(told.text, '- accepted')}"`)
  const record = await caseOf(desk, tag)
  expect(record.state === 'accepted' && record.owner === 'ada', 'an accepted case owned by Ada')
  narrator.saw(`the database has ${tag} as ${record.state}, owner ${record.owner}`)
}

async function noticeIsDrafted(
  { alice, grace, desk, narrator }: Stage,
  tag: string
): Promise<Date> {
  narrator.chapter('Grace drafts the advance notice by mail')
  const leavesAt = new Date(Math.ceil((Date.now() + AHEAD_MS) / 1000) * 1000)
  const disclosure = new Date(leavesAt.getTime() + LEAD_MS)
  await grace.send({
    subject: `[${tag}] The notice`,
    text: [
      `/embargo ${seconds(disclosure)} because the demo is played on any day`,
      '/notice draft',
      'title: Heap overflow in the parser',
      'description: <<',
      'A chunk header with a negative length overflows the heap.',
      'Whoever can make the parser read a file can run code.',
      '>>',
      'affected_versions: 4.1.0 to 4.2.3',
      'remedy_steps: Apply the attached patch, or update to 4.2.4 when it is out.',
      'severity: high',
      'credit: Alice Reporter',
      ''
    ].join('\n'),
    attachments: [PATCH]
  })
  const drafted = await grace.next('Done')
  narrator.saw(
    `one mail with /embargo, /notice draft and a patch; transcript: ${outcomes(drafted)}`
  )
  narrator.saw(`full disclosure is set for ${seconds(disclosure)}`)
  const proposal = await alice.next('Does this date suit you')
  expectSealedTo(alice, proposal)
  narrator.saw(`Alice is asked about it, encrypted to her: "${lineWith(proposal.text, 'UTC')}"`)
  await grace.reply(drafted, '/notice preview')
  await grace.next('Done')
  const [notice] = await ask<NoticeRow[]>(desk, 'notice', 'list')
  expect(notice?.state === 'drafting', 'a notice that goes nowhere before it is approved')
  narrator.saw(`the database has the notice as ${notice.state}: it goes nowhere yet`)
  return leavesAt
}

async function noticeIsApproved(
  { grace, ada, desk, narrator }: Stage,
  leavesAt: Date
): Promise<void> {
  narrator.chapter('Ada approves exactly what she has previewed')
  const own = await grace.next('Preview of the notice')
  const preview = await ada.next('Preview of the notice')
  for (const [reader, mail] of [
    [grace, own],
    [ada, preview]
  ] as const) {
    expectSealedTo(reader, mail)
    expect(sha256(fileIn(mail, PATCH.filename)) === sha256(PATCH.content), 'the patch intact')
    expect(/\/notice approve \S+/.test(mail.text), `a code for ${reader.name}`)
  }
  const approve = /\/notice approve \S+/.exec(preview.text)?.[0] ?? ''
  expect(approve !== '', 'a code in the preview')
  narrator.saw(
    `both get the preview with the patch and a code; it counts: ${lineWith(preview.text, 'Recipients')}`
  )

  await grace.reply(own, approve)
  const refused = await grace.next('Nothing was done')
  narrator.saw(
    `Grace tries it herself: ${outcomes(refused)}; "${sentenceWith(refused.text, 'You wrote the notice')}"`
  )
  await ada.reply(preview, approve)
  const approved = await ada.next('Done')
  narrator.saw(`Ada sends her code: "${lineWith(approved.text, 'Approved')}"`)
  const [notice] = await ask<NoticeRow[]>(desk, 'notice', 'list')
  expect(notice?.state === 'scheduled', 'a scheduled notice')
  expect(
    new Date(notice.releaseAt ?? 0).getTime() === leavesAt.getTime(),
    'a release exactly seven days before disclosure (did the approval take too long?)'
  )
  narrator.saw(
    `the database has the notice as ${notice.state} for ${seconds(leavesAt)}, 7 days before disclosure`
  )
}

async function noticeLeaves(stage: Stage, tag: string, leavesAt: Date): Promise<void> {
  const { alice, grace, ada, members, juniper, desk, narrator } = stage
  narrator.chapter('The clock reaches the instant')
  await countDown(stage, leavesAt)
  for (const member of members) {
    const mail = await member.next('Notice')
    expect(mail.at >= leavesAt.getTime(), 'no notice before its time')
    expectSealedTo(member, mail)
    expect(sha256(fileIn(mail, PATCH.filename)) === sha256(PATCH.content), 'the patch intact')
    const others = [...members, juniper].filter((other) => other !== member)
    expect(!others.some((other) => isNamed(other, mail)), 'a notice that names no other member')
    narrator.saw(
      `${member.name}: a notice encrypted to ${member.keyId} alone, ${mail.at - leavesAt.getTime()} ms after the instant; patch SHA-256 ${sha256(PATCH.content).slice(0, 16)}... as drafted`
    )
  }
  for (const maintainer of [grace, ada]) {
    const alarm = await maintainer.next('not sent because of a key')
    expect(alarm.text.includes('juniper'), 'an alarm that names the member who is held')
    await maintainer.next('The notice is leaving')
    narrator.saw(`${maintainer.name} is told: "${sentenceWith(alarm.text, 'was not sent')}"`)
  }
  const date = await alice.next('About the disclosure')
  expectSealedTo(alice, date)
  const rows = await ask<OutboxRow[]>(desk, 'outbox', 'list')
  const made = (kind: string): number[] =>
    rows.filter((row) => row.kind === kind).map(({ createdAt }) => Date.parse(createdAt))
  const [dated = NaN] = made('date-notice')
  const afterMs = dated - Math.min(...made('notice'))
  expect(
    made('date-notice').length === 1 && afterMs >= 0 && afterMs < 60_000,
    "Alice's mail made right after the notices"
  )
  narrator.saw(
    `Alice learns the date, encrypted to her: "${lineWith(date.text, 'UTC')}"; postern outbox list: made ${afterMs} ms after the first notice`
  )
  await juniper.next('Your key expires soon')
  expect(juniper.count() === 1, 'no notice in the mailbox of Juniper Hosting')
  const [notice] = await ask<NoticeRow[]>(desk, 'notice', 'list')
  const { sent, held } = notice?.deliveries ?? {}
  expect(notice?.state === 'released' && sent === 3 && held === 1, 'three copies sent, one held')
  narrator.saw(
    `the database has the notice as ${notice.state}: ${sent} sent, ${held} held; Juniper Hosting was warned that its key expires, and got no notice`
  )
  expect((await caseOf(desk, tag)).state === 'noticed', 'a case whose list has been told')
}

async function countDown({ narrator, members }: Stage, until: Date): Promise<void> {
  for (const left of [15, 10, 5, 2]) {
    const wait = until.getTime() - Date.now() - left * 1000
    if (wait < 0) continue
    await delay(wait)
    expect(!members.some((member) => member.count() > 0), 'empty mailboxes before the instant')
    narrator.saw(`${left} s left; the mailboxes of the members are empty`)
  }
  await delay(Math.max(until.getTime() - Date.now(), 0))
}

/** The books: what came in, what went out, and the record. */
export async function checkTheBooks(stage: Stage): Promise<void> {
  const { desk, imap, sink, letters, narrator } = stage
  narrator.chapter('The books are checked')
  await until('every message to the desk in the folder of the processed', () =>
    Promise.resolve(imap.messages('Postern/Processed').length === letters.length)
  )
  expect(imap.messages().length === 0, 'an empty inbox')
  narrator.saw(
    `all ${letters.length} messages to the desk lie in Postern/Processed; its inbox is empty`
  )
  const audit = await ask<{ ok: boolean; count: number }>(desk, 'audit', 'verify')
  expect(audit.ok, 'an unbroken record')
  narrator.saw(`postern audit verify: ${audit.count} events, record unbroken`)
  let rows: readonly OutboxRow[] = []
  await until('an outbox in which nothing waits', async () => {
    rows = await ask<OutboxRow[]>(desk, 'outbox', 'list')
    return rows.every(({ state }) => state === 'sent')
  })
  const delivered = sink.taken.length
  expect(rows.length === delivered, `an outbox with the ${delivered} messages that were delivered`)
  const ids = sink.taken.map(({ raw }) => /^Message-ID: *(.*)$/im.exec(`${raw}`)?.[1])
  expect(new Set(ids).size === ids.length, 'a Message-ID for each message and no message twice')
  narrator.saw(
    `postern outbox list: ${rows.length} messages, all sent; ${delivered} were delivered, none of them twice`
  )
}

/** Looks again and again until it is so; gives up after 30 seconds. */
async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await isSo()); await delay(25))
    expect(Date.now() < end, what)
}

/** What a command prints with `--json`; its failure ends the story with the command's own words. */
export async function ask<T>(desk: Desk, ...args: readonly string[]): Promise<T> {
  const { status, stdout, stderr } = await desk.cli(...args, '--json')
  expect(status === 0, `postern ${args.join(' ')} to succeed: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** The last chapter. */
export async function endTheDaemon({ daemon, narrator }: Stage): Promise<void> {
  narrator.chapter('The daemon ends')
  const begun = performance.now()
  const { status } = await daemon.stop()
  expect(status === 0, 'exit status 0 after SIGTERM')
  const ms = Math.round(performance.now() - begun)
  narrator.saw(`SIGTERM: it has ended with status 0 after ${ms} ms`)
}

function expectSealedTo({ name, keyId }: Correspondent, mail: OpenedMail): void {
  const isAlone = mail.encryptedTo.length === 1 && mail.encryptedTo[0] === keyId
  expect(isAlone, `"${mail.subject}" encrypted to ${name} alone`)
  expect(mail.verified !== null, `a good signature of the desk under "${mail.subject}"`)
}

/** Whether a message gives somebody away: by name, address or key id, outside or inside. */
function isNamed({ name, address, keyId }: Correspondent, mail: OpenedMail): boolean {
  const all = `${mail.raw.toString('latin1')}\n${mail.subject}\n${mail.text}`.toLowerCase()
  return [name, address, keyId].some((mark) => all.includes(mark.toLowerCase()))
}

async function caseOf(desk: Desk, tag: string): Promise<CaseRow> {
  const found = (await ask<CaseRow[]>(desk, 'cases')).find((row) => row.tag === tag)
  expect(found !== undefined, `case ${tag} in the database`)
  return found
}

function fileIn(mail: OpenedMail, filename: string): Uint8Array {
  const file = mail.attachments.find((attachment) => attachment.filename === filename)
  expect(file !== undefined, `${filename} in "${mail.subject}"`)
  return file.content
}

function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

/** `done /take, done /accept`: the lines of a transcript without what they say. */
function outcomes(transcript: OpenedMail): string {
  const found = transcript.text.matchAll(/^\d+ {2}(\/.*)\n {4}(done|refused|not run)/gm)
  const lines = [...found].map(([, command = '', outcome = '']) => `${outcome} ${command}`)
  expect(lines.length > 0, 'a transcript with a line for each command')
  return lines.join(', ')
}

function lineWith(text: string, words: string): string {
  const line = text.split('\n').find((candidate) => candidate.includes(words))
  expect(line !== undefined, `a line with "${words}"`)
  return line.trim().replaceAll(/ +/g, ' ')
}

function sentenceWith(text: string, words: string): string {
  const sentence = text
    .split(/\n{2,}|(?<=\.)\s|^-----8<.*$/m)
    .map((candidate) => candidate.replaceAll(/\s+/g, ' ').trim())
    .find((candidate) => candidate.includes(words))
  expect(sentence !== undefined, `a sentence with "${words}"`)
  return sentence
}

/** An instant the way people type it: RFC 3339, whole seconds. */
function seconds(instant: Date): string {
  return instant.toISOString().replace('.000Z', 'Z')
}
