/**
 * What maintainers wrote to reporters of whom no usable key is known (G3). Content: read only to send it, encrypted, once a
 * key comes. Must never lose a row but to the unit of work that sends or withdraws it.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type KeptWords, type WaitingWords } from '../domain/case.ts'
import { type Evidence } from '../domain/event.ts'
import { type Instant } from '../domain/time.ts'
import { BEGAN_IN_CLEAR } from './cases.ts'
import { insert, type Read, type Sql, type Tx } from './sql.ts'

/** Keeps one message of a maintainer. */
export function insertWaiting(
  tx: Tx,
  { reporter, authorId, words }: Record<'reporter' | 'authorId', string> & { words: KeptWords },
  work: { readonly at: Instant; readonly evidence: Evidence }
): void {
  const { at, evidence } = work
  const row = { reporterId: reporter, authorId, words: JSON.stringify(words), at, ...evidence }
  insert(tx, 'waiting_words', row)
}

type Row = Pick<WaitingWords, 'id' | 'tag' | 'product' | 'authorId' | 'arrivalId' | 'at'> & {
  readonly reporterId: string
  readonly address: Address
  readonly name: string
  readonly clear: number
  readonly words: string
}

/** What waits for a key of these addresses, in the order in which it was written, whatever the case. */
export function listWaiting(read: Read, addresses: readonly Address[]): WaitingWords[] {
  const sql: Sql<Row> = `
    SELECT waiting_words.id, tag, product, author_id AS authorId, waiting_words.arrival_id AS arrivalId, words, at,
           address, name, ${BEGAN_IN_CLEAR} AS clear,
           -- Of several reports by one person the first, as everywhere (domain/case.ts, reporterWith).
           (SELECT first.id FROM case_reporters AS first WHERE first.case_id = cases.id
            AND lower(first.address) = lower(case_reporters.address) ORDER BY first.id <> tag, first.id LIMIT 1) AS reporterId
    FROM waiting_words JOIN case_reporters ON case_reporters.id = reporter_id JOIN cases ON cases.id = case_id
    WHERE address IS NOT NULL ORDER BY waiting_words.id`
  const keys = addresses.map(addressKey)
  return read
    .all(sql)
    .filter((row) => keys.includes(addressKey(row.address)))
    .map(({ reporterId: id, address, name, clear, words, ...row }) => ({
      ...row,
      ...(JSON.parse(words) as KeptWords),
      reporter: { id, contact: { name, address }, beganInClear: clear === 1 }
    }))
}

/** Takes words out that leave or are withdrawn, with what proves who wrote them; null where they have left already. */
export function takeWaiting(tx: Tx, id: number): Evidence | null {
  const sql: Sql<Evidence> = `
    SELECT arrival_id AS arrivalId, message_sha256 AS messageSha256, signature_sha256 AS signatureSha256
    FROM waiting_words WHERE id = ?`
  const evidence = tx.get(sql, [id]) ?? null
  tx.run('DELETE FROM waiting_words WHERE id = ?', [id])
  return evidence
}
