/**
 * Reports of senders whom nobody here has answered yet: how many were forwarded lately, and those that come in a list instead
 * (A5). Must never lose one: what is not forwarded waits here until a list names it.
 */
import { type ListedCase } from '../domain/case.ts'
import { type CaseTag, type MessageId } from '../domain/ids.ts'
import { type Instant } from '../domain/time.ts'
import { type DomainCount } from './outbox.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** A report in a list. */
export type ListedReport = Pick<ListedCase, 'tag' | 'subject' | 'reporters' | 'due'> & {
  readonly isProved: boolean
  readonly isEncrypted: boolean
}

/** Remembers a report of a stranger. */
export function add(
  tx: Tx,
  report: Record<'isProved' | 'isForwarded', boolean> & {
    readonly caseId: number
    readonly domain: string
    readonly at: Instant
  }
): void {
  insert(tx, 'stranger_reports', report)
}

/** How many were forwarded since then, by the domain of the sender. */
export function countForwarded(read: Read, since: Instant): DomainCount[] {
  return read.all<DomainCount>(
    `SELECT domain, is_proved, count(*) AS count FROM stranger_reports
     WHERE is_forwarded = 1 AND at > ? GROUP BY domain, is_proved`,
    [since]
  )
}

const UNLISTED = 'is_forwarded = 0 AND list IS NULL'

/** Whether a report waits for a list. */
export function hasUnlisted(read: Read): boolean {
  return read.value(`SELECT 1 FROM stranger_reports WHERE ${UNLISTED} LIMIT 1`) !== null
}

/** Whether a list was made already: what comes later stands in another one. */
export function isMade(read: Read, list: number): boolean {
  return read.value('SELECT 1 FROM stranger_reports WHERE list = ? LIMIT 1', [list]) !== null
}

/** Makes a list of all reports that wait for one. */
export function makeList(tx: Tx, list: number): void {
  tx.run(`UPDATE stranger_reports SET list = ? WHERE ${UNLISTED}`, [list])
}

/** Proved senders first, then what came encrypted. */
const LISTED = `SELECT listed_cases.tag, subject, reporters_json, due_json, is_proved,
    (SELECT 1 - began_in_clear FROM case_reporters WHERE case_reporters.id = listed_cases.tag) AS is_encrypted
  FROM some JOIN listed_cases ON listed_cases.id = some.case_id
  ORDER BY is_proved DESC, is_encrypted DESC, some.case_id`

/** The reports in these lists, the first so many, and how many there are. */
export function listIn(read: Read, lists: readonly number[], limit: number) {
  const some = 'SELECT * FROM stranger_reports WHERE list IN (SELECT value FROM json_each(@lists))'
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
  const total = read.value<number>(`SELECT count(*) FROM (${some})`, others) ?? 0
  const sql = `WITH some AS (${some}) ${LISTED} LIMIT @limit`
  return { reports: read.all<ListedReport>(sql, params), total }
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

/** Whether a case is one of them. */
export function isUntouched(read: Read, tag: CaseTag): boolean {
  return read.value('SELECT 1 FROM untouched_reports WHERE tag = ?', [tag]) !== null
}
