/**
 * What lies in the junk folder and is still to be listed in a digest. Must never grow with what spammers send: only the
 * latest are kept, the others are counted.
 */
import { type Instant } from '../domain/time.ts'
import { type Read, type Sql, type Tx } from './sql.ts'

/** One mail of the junk folder as its header claims. */
export type JunkMail = {
  readonly receivedAt: Instant
  /** The address in From; '' for none. */
  readonly sender: string
  readonly subject: string
  /** Bytes. */
  readonly size: number
}

/** The latest mails, newest first, and how many came altogether since the last digest. */
export type JunkList = {
  readonly mails: readonly JunkMail[]
  readonly total: number
  /** Up to where {@link forgetJunk} forgets. */
  readonly lastId: number
}

const KEPT_MAX = 1000

/** Notes one mail, in place of the oldest one when there are too many. */
export function insertJunk(tx: Tx, mail: JunkMail): void {
  const { id } = tx.run(
    'INSERT INTO junk_mails (received_at, sender, subject, size) VALUES (@receivedAt, @sender, @subject, @size)',
    mail
  )
  tx.run('DELETE FROM junk_mails WHERE id <= ?', [id - KEPT_MAX])
}

/** What came after the mails with an id up to `toldId`; `limit` of them in detail. */
export function listJunk(read: Read, toldId: number, limit: number): JunkList {
  const last: Sql<{ id: number | null }> = 'SELECT max(id) AS id FROM junk_mails'
  const lastId = read.get(last)?.id ?? toldId
  const sql: Sql<JunkMail> = `
    SELECT received_at AS receivedAt, sender, subject, size FROM junk_mails WHERE id > ? ORDER BY id DESC LIMIT ?`
  return { mails: read.all(sql, [toldId, limit]), total: lastId - toldId, lastId }
}

/** Forgets what a digest has told. */
export function forgetJunk(tx: Tx, lastId: number): void {
  tx.run('DELETE FROM junk_mails WHERE id <= ?', [lastId])
}
