/**
 * Every message to maintainers: what it is made from, and its subject. The wording is in KIND.liquid beside this file.
 * What concerns a case is always encrypted; only the message that a maintainer's key cannot be used goes out in clear.
 */
import { type Clock } from '../domain/clock.ts'
import { type Refused } from '../domain/mail.ts'
import { type FactLine, type Message } from '../domain/message.ts'
import { family } from './define.ts'
import { type NoticeParams } from './to-members.ts'

const encrypted = family('maintainer', 'never', 'auto-generated')
const encryptedAnswer = family('maintainer', 'never', 'auto-replied')

/** A message of a reporter or list member, forwarded. */
export const relay = encrypted<{
  /** Whether it opened its case; if not, it is an answer, a thanks, a question. */
  readonly isReport: boolean
  readonly facts: readonly FactLine[]
  readonly details: readonly FactLine[]
  /** Whether it could not be opened, and whether Postern failed at it. */
  readonly isUnread: boolean
  readonly isQuarantined: boolean
  readonly warnings: readonly string[]
  readonly text: string
  readonly outsideText: string
  /** Further sealed parts, which nothing proves to belong to the text. */
  readonly sealed: readonly {
    readonly title: string
    readonly says: string
    readonly text: string
    readonly files: readonly string[]
  }[]
  /** The files that go along, and whether they are inside the original. */
  readonly files: readonly string[]
  readonly isInOriginal: boolean
  /** Those that do not: the mail server does not take them (`isTooLarge`), or they are more than came. */
  readonly left: readonly string[]
  readonly isTooLarge: boolean
  /** Of the message, for the program. */
  readonly number: number
  /** Whom a reply reaches; '' for those who only advise. */
  readonly reach: string
  /** Whether no maintainer gets the original, because it shows who a list member is. */
  readonly hasNoReader: boolean
}>()('relay', 'forwarded message', ({ isReport }) => (isReport ? 'Report' : 'Message'))

/** What one maintainer wrote to the others. */
export const note = encrypted<{
  readonly author: string
  readonly facts: readonly FactLine[]
  readonly text: string
  readonly reach: string
  /** Files that the mail server does not take, so that they do not go along. */
  readonly left: readonly string[]
}>()('note', 'note', 'Note')

/** What one maintainer did, to the others. */
export const activity = encrypted<{
  readonly author: string
  readonly lines: readonly string[]
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  readonly facts: readonly FactLine[]
}>()('activity', 'update', 'Update')

/** A line of the answer to commands. */
export type TranscriptLine = {
  /** Number of the line. */
  readonly at: string
  readonly command: string
  readonly outcome: 'done' | 'refused' | 'not run'
  /** '' for what was not run. */
  readonly says: string
}

/** A longer answer to a command: lines of its own, commands with their help, or a form for the notice. */
export type Block =
  | { readonly kind: 'lines'; readonly text: string }
  | {
      readonly kind: 'help'
      /** Whether it lists all commands, or explains these. */
      readonly isList: boolean
      readonly verbs: readonly Readonly<
        Record<'synopsis' | 'help' | 'roles' | 'goesTo' | 'more', string>
      >[]
    }
  /** The fields that the policy wants, the others, and those that stand in the command; `value` is what is there. */
  | ({ readonly kind: 'form' } & Readonly<Record<'wanted' | 'others' | 'given', FormFields>>)

type FormFields = readonly Readonly<Record<'key' | 'value', string>>[]

/** The answer to a message with commands. */
export const transcript = encryptedAnswer<{
  /** Which message this answers. */
  readonly about: string
  readonly lines: readonly TranscriptLine[]
  /** Says what was sent to the reporters, if no line says it itself; '' for nothing. */
  readonly sent: string
  /** Where the case stood and stands; '' where no case is meant. */
  readonly before: string
  readonly after: string
  readonly missing: readonly string[]
  readonly blocks: readonly Block[]
  readonly next: readonly { readonly command: string; readonly help: string }[]
}>()('transcript', 'answer to the commands', ({ lines }) =>
  lines.every(({ outcome }) => outcome === 'done') ? 'Done' : 'Nothing was done'
)

/** The files of a forwarded message, or why they are not attached; one of several messages where they are too much for one. */
export const files = encryptedAnswer<{
  readonly part: number
  readonly parts: number
  readonly files: readonly string[]
  /** Those that the mail server does not take. */
  readonly left: readonly string[]
  /** Of the message, for the program. */
  readonly number: number
}>()('files', 'files of a message', 'Files')

/** The notice exactly as a member would read it, with the code that approves it. */
export const preview = encrypted<{
  readonly by: string
  /** The notice itself. */
  readonly specimen: Message
  readonly patches: NoticeParams['patches']
  readonly leaves: string
  readonly product: string
  /** How many members it is for, and how many of them cannot get it, because their key will have expired. */
  readonly members: number
  readonly expired: number
  readonly supported: string
  readonly authors: string
  /** Who can approve it, or that nobody can, and what to do. */
  readonly approvers: string
  /** What the clock of this machine shows. */
  readonly now: string
  /** The disclosure date with its reason, and what each reporter said about it, a line each. */
  readonly dates: readonly string[]
  readonly isClockDoubted: boolean
  /** Which members the text names; only list admins may know. */
  readonly mentions: readonly string[]
  readonly code: string
}>()('preview', 'preview of the notice', 'Preview of the notice')

/** A promise of a clock, as its reminder states it. */
type Promised = Pick<Clock, 'risk' | 'remedy' | 'quote'> & {
  /** The instant by which something is due; '' where the alarm only tells what happened. */
  readonly due: string
  readonly isOver: boolean
  /** What keeps it is written, and waits for a key. */
  readonly isWritten: boolean
  /** Of the reporter who waits; '' where the case has only one. */
  readonly address: string
}

/** Something needs a person. */
export const alert = encrypted<
  Promised & {
    readonly title: string
    /** The message that the clock names; alert.liquid has special words for some of them. */
    readonly alarm: string
    /** The person that the clock is about; '' where it is about a case. */
    readonly whose: string
    readonly isLate: boolean
    /** What else is due, later. */
    readonly also: readonly Promised[]
    readonly times: number
    /** The events that it tells of, oldest first, and when the first and the last of them happened. */
    readonly starts: readonly object[]
    readonly since: string
    readonly until: string
    readonly now: string
    readonly about: object
    /** The owner of the case; '' for none. */
    readonly owner: string
    readonly disclosure: string
    /** The answers that wait for a key of the reporter. */
    readonly waiting: readonly string[]
    /** Keys that came for the reporters and are not in use. */
    readonly offered: readonly string[]
    /** Members of the list; '' for everybody but list admins (G5). */
    readonly names: string
    readonly readers: string
    /** Who is asked for what is overdue, by name; '' while nothing is. */
    readonly asked: string
  }
>()('alert', 'alarm', ({ alarm, title, isOver }) =>
  alarm === 'certificate' && isOver ? 'A key has expired' : title
)

/** Tells the author that a plain message stayed among the maintainers: a reply, or a note while the reporter waits. */
export const hint = encryptedAnswer<{ readonly stayed: 'reply' | 'note' }>()(
  'hint',
  'hint',
  ({ stayed }) => `Your ${stayed} stayed among the maintainers`
)

/** The list of what needs a look and makes no alarm when it happens. */
export const digest = encrypted<{
  readonly isLate: boolean
  readonly unanswered: readonly string[]
  readonly moreUnanswered: number
  /** As their headers claim, '' for what cannot be read. */
  readonly junk: readonly {
    readonly received: string
    readonly sender: string
    readonly subject: string
    readonly size: number
  }[]
  readonly moreJunk: number
}>()('digest', 'digest', 'Digest')

/** What strangers wrote beyond the limit of an hour, which nobody was sent: something new, or a reminder of reports before. */
export const reportList = encrypted<{
  readonly isLate: boolean
  /** New ones by case, proved senders first; how many more cases there are; and how many new reports and further messages. */
  readonly reports: readonly string[]
  readonly more: number
  readonly total: number
  readonly totalFurther: number
  /** Those of before on which nobody has acted: the first ones, where none are new, and how many there are. */
  readonly waiting: readonly string[]
  readonly totalWaiting: number
  /** Of all on which nobody has acted: how many promises are broken, how many are due within a day, the first of these. */
  readonly overdue: number
  readonly dueSoon: number
  readonly nextDue: string
}>()('report-list', 'list of reports', ({ reports }) =>
  reports.length > 0 ? 'List of new messages' : 'Reports on which nobody has acted'
)

/** A message in a maintainer's name that had no effect; repeats nothing of it (G6). */
export const refusal = family('maintainer', 'content-free', 'auto-replied')<{
  /** Which message it was. */
  readonly date: string
  /** '' if the message is signed and encrypted as it must be: then `says` is the reason, and what to do. */
  readonly because: Refused | ''
  readonly says: string
  /** Whether it is in the folder for held mail. */
  readonly isHeld: boolean
}>()('refusal', 'refusal', 'We did not act on a message in your name')

/** To a maintainer whose key cannot be used: in clear, and without a word about any report. */
export const keyProblem = family('maintainer', 'content-free', 'auto-generated')<{
  readonly problem: string
}>()('key-problem', 'message about the key', 'Your key needs attention')
