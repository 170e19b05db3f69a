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

const LATEST_MAX = 999

/** Notes one message. Beside the newest stays the first since the last digest, from which all are counted. */
export function insertJunk(tx: Tx, mail: JunkMail): void {
  const { id } = insert(tx, 'junk_mails', mail)
  tx.run('DELETE FROM junk_mails WHERE id <= ? AND id > (SELECT min(id) FROM junk_mails)', [
    id - LATEST_MAX
  ])
}

/** The latest messages that no digest has listed, newest first, how many there are, and the last id for {@link forgetJunk}. */
export function listJunk(read: Read, limit: number) {
  const lastId = read.value<number>('SELECT max(id) FROM junk_mails') ?? 0
  const total = read.value<number>('SELECT max(id) - min(id) + 1 FROM junk_mails') ?? 0
  const sql = 'SELECT received_at, sender, subject, size FROM junk_mails ORDER BY id DESC LIMIT ?'
  return { messages: read.all<JunkMail>(sql, [limit]), total, lastId }
}

/** Forgets the messages that a digest has listed, in the transaction that queues it. */
export function forgetJunk(tx: Tx, lastId: number): void {
  tx.run('DELETE FROM junk_mails WHERE id <= ?', [lastId])
}
