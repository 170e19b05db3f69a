/**
 * Messages in the junk folder that a digest has yet to list. Must never grow with what spammers send: keeps only the latest and
 * counts the others.
 */
import { type Instant } from '../domain/time.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** One message in the junk folder, as its header claims. */
export type JunkMail = {
  readonly receivedAt: Instant
  /** The address in From; '' when there is none. */
  readonly sender: string
  readonly subject: string
  /** Bytes. */
  readonly size: number
}

/** The latest messages, newest first, and how many came in total since the last digest. */
export type JunkList = {
  readonly messages: readonly JunkMail[]
  readonly total: number
  /** The last id that {@link forgetJunk} forgets. */
  readonly lastId: number
}

const KEPT_MAX = 1000

/** Notes one message, in place of the oldest when there are too many. */
export function insertJunk(tx: Tx, mail: JunkMail): void {
  const { id } = insert(tx, 'junk_mails', mail)
  tx.run('DELETE FROM junk_mails WHERE id <= ?', [id - KEPT_MAX])
}

/** Messages after the id `toldId`; `limit` of them in detail. */
export function listJunk(read: Read, toldId: number, limit: number): JunkList {
  const lastId = read.value<number>('SELECT max(id) FROM junk_mails') ?? toldId
  const messages = read.all<JunkMail>(
    'SELECT received_at, sender, subject, size FROM junk_mails WHERE id > ? ORDER BY id DESC LIMIT ?',
    [toldId, limit]
  )
  return { messages, total: lastId - toldId, lastId }
}

/** Forgets the messages that a digest has listed. */
export function forgetJunk(tx: Tx, lastId: number): void {
  tx.run('DELETE FROM junk_mails WHERE id <= ?', [lastId])
}
