/** Databases of the store's tests: real encrypted files in temporary folders with the real migrations. */
import { join } from 'node:path'
import { type NewArrival } from '../../../src/store/arrivals.ts'
import { type Database, openDatabase, type Read } from '../../../src/store/database.ts'
import * as outbox from '../../../src/store/outbox.ts'
import { address, at, messageId } from '../policy/samples.ts'

export const MIGRATIONS = join(import.meta.dirname, '../../../migrations')
/** Words as an operator chooses them. Deriving the key from them takes 20 MiB and some time, at every opening. */
export const PASSPHRASE = `it's a "long" passphrase; -- ü`
/**
 * A raw key, which SQLite takes as it is and derives none from: for all tests that are not about passphrases. To Postern it is
 * a passphrase like any other.
 */
export const RAW_KEY = `x'${'5eed'.repeat(16)}'`

export const NOON = at('2026-11-22T12:00:00Z')

/** A message of one byte. */
export const ARRIVAL: NewArrival = {
  ...{ mailbox: 'INBOX', uidValidity: '1', uid: 1, receivedAt: NOON, arrivedAt: NOON, size: 1 },
  ...{ raw: new Uint8Array(1), part: 'whole' }
}

type Options = Partial<Parameters<typeof openDatabase>[0]>

/** Opens `<folder>/postern.db` with the real migrations. */
export function openIn(folder: string, options: Options = {}): Database {
  const usual = { path: join(folder, 'postern.db'), passphrase: RAW_KEY }
  return openDatabase({ ...usual, ...options })
}

/** A finished message, named by `once`. */
export function mail(once: string, change: Partial<outbox.NewOutbox> = {}): outbox.NewOutbox {
  return {
    once,
    kind: 'acknowledgement',
    caseId: null,
    noticeId: null,
    audience: 'reporter',
    recipientId: '',
    envelopeFrom: '',
    // One message to an address is on its way at a time.
    envelopeTo: address(`${once.replaceAll(/[^a-z0-9]/gi, '-')}@example.org`),
    messageId: messageId(`${once.replaceAll(/[^a-z0-9]/gi, '.')}@desk.example`),
    conversation: '',
    raw: Buffer.from(`Subject: ...\r\n\r\n${once}\r\n`),
    smaller: null,
    filesOf: null,
    isSenderHidden: false,
    notBefore: NOON,
    notAfter: null,
    isHeld: false,
    ...change
  }
}

/** How SQLite finds what `ask` reads, which gets nothing. */
export function plansOf(db: Pick<Database, 'read'>, ask: (read: Read) => unknown): string[] {
  return db.read((read) => {
    const steps: { detail: string }[] = []
    const all: Read['all'] = (sql, params) => {
      steps.push(...read.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, params))
      return []
    }
    const value: Read['value'] = (sql, params) => {
      all(sql, params)
      return null
    }
    ask({ ...read, all, value })
    return steps.map(({ detail }) => detail)
  })
}
