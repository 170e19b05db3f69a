/**
 * Reports and further messages of senders whom nobody here has answered yet: how many were forwarded lately, and those that come
 * in a list instead (A5). Must never lose one: what is not forwarded waits here until a list names it.
 */
import { type ListedCase } from '../domain/case.ts'
import { type CaseTag, type MessageId } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type DomainCount } from './outbox.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** A case in a list: with its report, or with so many further messages, or both. */
export type ListedReport = Pick<ListedCase, 'tag' | 'subject' | 'reporters' | 'due'> & {
  readonly isReport: boolean
  readonly further: number
  readonly isProved: boolean
  readonly isEncrypted: boolean
}

/** Remembers a report or further message of a stranger. */
export function add(
  tx: Tx,
  mail: Record<'isReport' | 'isProved' | 'isForwarded', boolean> & {
    readonly arrivalId: number
    readonly caseId: number
    readonly domain: string
    readonly at: Instant
  }
): void {
  insert(tx, 'stranger_mail', mail)
}

/** How many were forwarded since then, by the domain of the sender. */
export function countForwarded(read: Read, since: Instant): DomainCount[] {
  return read.all<DomainCount>(
    `SELECT domain, is_proved, count(*) AS count FROM stranger_mail
     WHERE is_forwarded = 1 AND at > ? GROUP BY domain, is_proved`,
    [since]
  )
}

const UNLISTED = 'is_forwarded = 0 AND list IS NULL'

/** Whether something waits for a list. */
export function hasUnlisted(read: Read): boolean {
  return read.value(`SELECT 1 FROM stranger_mail WHERE ${UNLISTED} LIMIT 1`) !== null
}

/** Whether a list was made already: what comes later stands in another one. */
export function isMade(read: Read, list: number): boolean {
  return read.value('SELECT 1 FROM stranger_mail WHERE list = ? LIMIT 1', [list]) !== null
}

/** Makes a list of all that waits for one. */
export function makeList(tx: Tx, list: number): void {
  tx.run(`UPDATE stranger_mail SET list = ? WHERE ${UNLISTED}`, [list])
}

/** One line a case: a report's own sender is the one that is proved or not. Proved senders first, then what came encrypted. */
const LISTED = `SELECT listed_cases.tag, subject, reporters_json, due_json, max(is_report) AS is_report,
    sum(1 - is_report) AS further, coalesce(max(iif(is_report, is_proved, NULL)), min(is_proved)) AS is_proved,
    (SELECT 1 - began_in_clear FROM case_reporters WHERE case_reporters.id = listed_cases.tag) AS is_encrypted
  FROM some JOIN listed_cases ON listed_cases.id = some.case_id GROUP BY some.case_id
  ORDER BY 7 DESC, is_encrypted DESC, some.case_id`

/** What is in these lists, by case, the first so many; how many of them, of reports and of further messages there are. */
export function listIn(read: Read, lists: readonly number[], limit: number) {
  const some = 'SELECT * FROM stranger_mail WHERE list IN (SELECT value FROM json_each(@lists))'
  return page(read, some, { lists, limit })
}

/** The reports in other lists than these on which nobody has acted. */
export function listUntouched(read: Read, but: readonly number[], limit: number) {
  const some = `SELECT * FROM untouched_reports
    WHERE list IS NOT NULL AND list NOT IN (SELECT value FROM json_each(@lists))`
  return page(read, some, { lists: but, limit })
}

function page(read: Read, some: string, params: { readonly limit: number; lists?: object }) {
  const { limit: _, ...others } = params
  const counted = `SELECT count(DISTINCT case_id) AS cases, count(*) FILTER (WHERE is_report) AS total,
    count(*) FILTER (WHERE NOT is_report) AS total_further FROM (${some})`
  const none = { cases: 0, total: 0, totalFurther: 0 }
  const totals = read.get<typeof none>(counted, others) ?? none
  const sql = `WITH some AS (${some}) ${LISTED} LIMIT @limit`
  return { reports: read.all<ListedReport>(sql, params), ...totals }
}

/** What is due first in each report of a list on which nobody has acted, the earliest first (A5). */
export function listDues(read: Read): { readonly tag: CaseTag; readonly at: Instant }[] {
  return read.all(
    `SELECT tag, due_json ->> 'at' AS at FROM untouched_reports
       JOIN looks ON subject_kind = 'case' AND subject_id = tag
     WHERE list IS NOT NULL AND due_json ->> 'at' IS NOT NULL ORDER BY at, tag`
  )
}

/** The dates of the lists in a message of which no maintainer's server had taken a copy before. */
export function newlyTaken(read: Read, messageId: MessageId): Instant[] {
  return read.column<Instant>(
    `SELECT planned.about ->> 'date' AS date FROM rings JOIN events AS planned ON planned.id = generation
     WHERE message_id = ? AND planned.kind = 'list-planned' AND clock = 'new-list'
       AND NOT EXISTS (SELECT 1 FROM events WHERE subject_kind = 'desk' AND subject_id = '' AND kind = 'list-taken'
         AND about ->> 'date' = planned.about ->> 'date')`,
    [messageId]
  )
}

/** The numbers of the cases that nobody was sent and nobody has acted on. */
export function untouchedTags(read: Read): CaseTag[] {
  return read.column<CaseTag>('SELECT tag FROM untouched_reports')
}

/** Whether no maintainer has done anything in a case but look. */
export function isUntouchedCase(read: Read, tag: CaseTag): boolean {
  return read.value('SELECT 1 FROM untouched_cases WHERE tag = ?', [tag]) !== null
}

/** Whether the sender of this report was proved: those who are no strangers are. */
export function isVerified(read: Read, report: number | null): boolean {
  const sql = 'SELECT is_proved FROM stranger_mail WHERE arrival_id = ?'
  return report !== null && read.value(sql, [report]) !== 0
}

/** A further message that was not forwarded, and the number of its case. */
export type Unforwarded = { readonly tag: CaseTag; readonly arrivalId: number }

/** The further messages in these cases that were not forwarded, oldest first. */
export function listFurther(read: Read, tags: readonly CaseTag[]): Unforwarded[] {
  return read.all<Unforwarded>(
    `SELECT tag, arrival_id FROM stranger_mail JOIN cases ON cases.id = case_id
     WHERE is_forwarded = 0 AND is_report = 0 AND tag IN (SELECT value FROM json_each(?)) ORDER BY arrival_id`,
    [tags]
  )
}

/** Whether a case is one of those that nobody was sent and nobody has acted on. */
export function isUntouched(read: Read, tag: CaseTag): boolean {
  return read.value('SELECT 1 FROM untouched_reports WHERE tag = ?', [tag]) !== null
}
