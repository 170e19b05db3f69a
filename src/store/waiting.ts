/**
 * What maintainers wrote to reporters of whom no usable key is known (G3). Content: read only to send it, encrypted, once a
 * key comes. Must never lose a row but to the unit of work that sends or withdraws it.
 */
import { type Address, addressKey } from '../domain/address.ts'
import { type KeptWords, type WaitingWords } from '../domain/case.ts'
import { type Evidence } from '../domain/event.ts'
import { type Instant } from '../domain/time.ts'
import { BEGAN_IN_CLEAR } from './cases.ts'
import { insert, type Read, type Tx } from './sql.ts'

/** Keeps one message of a maintainer. */
export function insertWaiting(
  tx: Tx,
  { reporter, authorId, words }: Record<'reporter' | 'authorId', string> & { words: KeptWords },
  work: { readonly at: Instant; readonly evidence: Evidence }
): void {
  const { at, evidence } = work
  insert(tx, 'waiting_words', { reporterId: reporter, authorId, words, at, ...evidence })
}

/** What waits for a key of these addresses, in the order in which it was written, whatever the case. */
export function listWaiting(read: Read, addresses: readonly Address[]): WaitingWords[] {
  const rows = read.all<WaitingWords & { readonly words: KeptWords }>(
    `SELECT waiting_words.id, tag, product, author_id, waiting_words.arrival_id, words AS words_json, at,
       json_object('contact', json_object('name', name, 'address', address),
         'beganInClear', json(iif(${BEGAN_IN_CLEAR}, 'true', 'false')),
         -- Of several reports by one person the first, as everywhere (domain/case.ts, reporterWith).
         'id', (SELECT first.id FROM case_reporters AS first WHERE first.case_id = cases.id
           AND lower(first.address) = lower(case_reporters.address) ORDER BY first.id <> tag, first.id LIMIT 1)) AS reporter_json
     FROM waiting_words JOIN case_reporters ON case_reporters.id = reporter_id JOIN cases ON cases.id = case_id
     WHERE lower(address) IN (SELECT value FROM json_each(?)) ORDER BY waiting_words.id`,
    [addresses.map(addressKey)]
  )
  return rows.map(({ words, ...row }) => ({ ...row, ...words }))
}

/** Takes words out that leave or are withdrawn, with what proves who wrote them; null where they have left already. */
export function takeWaiting(tx: Tx, id: number): Evidence | null {
  return tx.get<Evidence>(
    'DELETE FROM waiting_words WHERE id = ? RETURNING arrival_id, message_sha256, signature_sha256',
    [id]
  )
}
