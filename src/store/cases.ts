/**
 * Cases, their numbers, their messages and the words that wait for a key. Must never decide anything: it writes what a decision
 * says, refuses a change over an older version, and loses no words but to the unit of work that sends or withdraws them.
 */

import { type Address, addressKey } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import {
  type CaseMessage,
  type CaseRecord,
  type KeptWords,
  type ListedCase,
  type WaitingWords
} from '../domain/case.ts'
import { type UpdateCase } from '../domain/decision.ts'
import { type Evidence } from '../domain/event.ts'
import { type CaseTag, caseTag, type MessageId } from '../domain/ids.ts'
import { type Instant, yearIn } from '../domain/time.ts'
import { conflict, insert, type Read, type Tx, updateVersion } from './sql.ts'

const OPEN = "state NOT IN ('rejected', 'merged', 'closed')"

/** The case with this tag, or null. */
export function find(read: Read, tag: CaseTag): CaseRecord | null {
  return read.get<CaseRecord>('SELECT * FROM case_records WHERE tag = ?', [tag])
}

/** The case in which the one with this number goes on: another one if it was merged. */
export function findNow(read: Read, tag: CaseTag): CaseRecord | null {
  const sql =
    'SELECT * FROM case_records WHERE id = (SELECT case_id FROM case_reporters WHERE id = ?)'
  return read.get<CaseRecord>(sql, [tag])
}

/** The row id of the case with this number. */
export function findId(read: Read, tag: CaseTag): number | null {
  return read.value<number>('SELECT id FROM cases WHERE tag = ?', [tag])
}

/** The number of the case with this row id. */
export function findTag(read: Read, id: number): CaseTag | null {
  return read.value<CaseTag>('SELECT tag FROM cases WHERE id = ?', [id])
}

/**
 * `unanswered`: a reporter waits to hear from a person. A case that ended while words wait for a key is one of them (B10).
 * `open`: also an ended one in which something is due, such as an answer to what came after its end (B15).
 */
const LISTED = {
  all: '',
  open: `WHERE ${OPEN} OR id IN unanswered_cases OR due_json IS NOT NULL`,
  unanswered: 'WHERE id IN unanswered_cases'
} as const

/** All of these cases, however many, the one with the first due on top, those with nothing due last. */
export function list(read: Read, which: keyof typeof LISTED): ListedCase[] {
  return read.all<ListedCase>(
    `SELECT * FROM listed_cases ${LISTED[which]} ORDER BY due_json ->> 'at' NULLS LAST, id DESC`
  )
}

/** The open cases of a reporter with this address, newest first. */
export function listOf(
  read: Read,
  address: Address,
  most = -1
): Pick<CaseRecord, 'tag' | 'subject'>[] {
  return read.all<Pick<CaseRecord, 'tag' | 'subject'>>(
    `SELECT DISTINCT tag, subject FROM case_reporters JOIN cases ON cases.id = case_id
     WHERE lower(address) = ? AND ${OPEN} ORDER BY cases.id DESC LIMIT ?`,
    [addressKey(address), most]
  )
}

/** The newest case of a reporter with this address that has a message or a thread with one of these Message-IDs. */
export function findThread(
  read: Read,
  address: Address,
  ids: readonly MessageId[]
): CaseRecord | null {
  return read.get<CaseRecord>(
    `WITH named AS (SELECT value FROM json_each(@ids))
     SELECT * FROM case_records WHERE id = (
       SELECT max(case_id) FROM case_reporters WHERE lower(address) = @address AND (root IN named OR case_id IN (
         SELECT case_id FROM messages WHERE author = 'reporter' AND message_id IN named)))`,
    { ids, address: addressKey(address) }
  )
}

/** The open cases with a date whose reporters have one of these addresses. */
export function listDated(read: Read, addresses: readonly Address[]): CaseRecord[] {
  return read.all<CaseRecord>(
    `SELECT * FROM case_records WHERE disclosure_at IS NOT NULL AND ${OPEN} AND id IN (SELECT case_id FROM case_reporters
       WHERE lower(address) IN (SELECT value FROM json_each(?))) ORDER BY id`,
    [addresses.map(addressKey)]
  )
}

/** Whether a report came from this address before, in an open case or an ended one. */
export function hasReported(read: Read, address: Address): boolean {
  const sql = 'SELECT 1 FROM case_reporters WHERE lower(address) = ?'
  return read.value(sql, [addressKey(address)]) !== null
}

/** How many of a sender's newest reports are looked at: one who sends thousands makes no message slow. */
const REPORTS_MAX = 100

/** Whether a maintainer answered or accepted a report from this address, and did not reject it. */
export function wasAnswered(read: Read, address: Address): boolean {
  const sql = `SELECT 1 FROM (SELECT case_id FROM case_reporters WHERE lower(address) = ? ORDER BY rowid DESC LIMIT ?)
      JOIN cases ON cases.id = case_id
    WHERE state <> 'rejected' AND EXISTS (SELECT 1 FROM events WHERE subject_kind = 'case' AND subject_id = tag
      AND kind IN ('answered', 'info-asked', 'accepted')) LIMIT 1`
  return read.value(sql, [addressKey(address), REPORTS_MAX]) !== null
}

/** The message that was the report of this number. */
export function findReport(read: Read, number: CaseTag): number | null {
  const sql = `SELECT arrival_id FROM messages WHERE author = 'reporter' AND author_id = @number
    AND case_id = (SELECT case_id FROM case_reporters WHERE id = @number) ORDER BY id LIMIT 1`
  return read.value<number>(sql, { number })
}

/** The tag that the next case opened at `now` gets: numbers count up for each prefix and year, and no case is ever deleted. */
export function nextTag(read: Read, prefix: string, now: Instant, timezone: string): CaseTag {
  const year = yearIn(now, timezone)
  const start = `${prefix}-${year}`
  // '.' is the character after '-', so the range holds exactly the numbers of this year.
  const last = read.value<number>(
    'SELECT max(CAST(substr(tag, ?) AS INTEGER)) FROM cases WHERE tag > ? AND tag < ?',
    [start.length + 2, `${start}-`, `${start}.`]
  )
  return caseTag(prefix, year, (last ?? 0) + 1)
}

/** Opens a case under a tag from {@link nextTag}; `Trouble` `conflict` when another writer took the number. */
export function open(
  tx: Tx,
  { reporters, ...record }: CaseRecord,
  roots: { readonly maintainer: MessageId; readonly reporter: MessageId }
): number {
  const { tag, product, state, subject, receivedAt, openedAt } = record
  const { owner, disclosureAt, disclosureZone } = record
  const around = { owner, disclosureAt, disclosureZone, maintainerRoot: roots.maintainer }
  const row = { tag, product, state, subject, receivedAt, openedAt, ...around }
  const { changes, id: caseId } = insert(tx, 'cases', row, 'ON CONFLICT (tag) DO NOTHING')
  if (changes !== 1) throw conflict()
  for (const { contact, beganInClear, latest } of reporters)
    insert(tx, 'case_reporters', {
      ...{ id: tag, caseId, beganInClear, latest },
      address: contact?.address ?? null,
      name: contact?.name ?? '',
      root: latest ?? roots.reporter
    })
  return caseId
}

/** Changes the named fields; `Trouble` `conflict` when the case has changed since it was read. */
export function update(tx: Tx, { tag, version, set }: UpdateCase): void {
  updateVersion(tx, 'cases', { tag, version }, set)
}

/** Remembers a reporter's newest message. */
export function updateReporter(tx: Tx, id: string, latest: MessageId): void {
  const { changes } = tx.run('UPDATE case_reporters SET latest = ? WHERE id = ?', [latest, id])
  assert(changes === 1, 'a message of a reporter who does not exist')
}

/** Gives the messages and the reporters of one case to another; the first one's number stays and says where they are. */
export function merge(tx: Tx, from: CaseRecord, into: CaseRecord): void {
  tx.run('UPDATE messages SET case_id = ? WHERE case_id = ?', [into.id, from.id])
  tx.run('UPDATE case_reporters SET case_id = ? WHERE case_id = ?', [into.id, from.id])
  tx.run('UPDATE cases SET merged_into = ? WHERE id = ?', [into.tag, from.id])
}

/** Puts a message on the record of a case. */
export function insertMessage(tx: Tx, caseId: number, message: CaseMessage): void {
  insert(tx, 'messages', { caseId, ...message })
}

/** Messages of a case, oldest first. */
export function listMessages(read: Read, caseId: number): CaseMessage[] {
  return read.all<CaseMessage>(
    `SELECT at, author, author_id, audience, subject, text, message_id, arrival_id
     FROM messages WHERE case_id = ? ORDER BY id`,
    [caseId]
  )
}

/** What reporters wrote into a case, oldest first; the first 50 messages, 100,000 characters each. */
export function listReported(read: Read, caseId: number): string[] {
  return read.column<string>(
    "SELECT substr(text, 1, 100000) FROM messages WHERE case_id = ? AND author = 'reporter' ORDER BY id LIMIT 50",
    [caseId]
  )
}

/** Keeps what a maintainer wrote to a reporter of whom no usable key is known: it leaves, encrypted, once one comes (G3). */
export function keepWords(
  tx: Tx,
  { reporter, authorId, words }: Record<'reporter' | 'authorId', string> & { words: KeptWords },
  work: { readonly at: Instant; readonly evidence: Evidence }
): void {
  const { at, evidence } = work
  insert(tx, 'waiting_words', { reporterId: reporter, authorId, words, at, ...evidence })
}

/** The words of all cases that wait for a key of these addresses, in the order in which they were written. */
export function listKeptWords(read: Read, addresses: readonly Address[]): WaitingWords[] {
  const rows = read.all<WaitingWords & { readonly words: KeptWords }>(
    `SELECT id, tag, product, author_id, arrival_id, words_json, at, reporter_json FROM kept_words
     WHERE lower(address) IN (SELECT value FROM json_each(?)) ORDER BY id`,
    [addresses.map(addressKey)]
  )
  return rows.map(({ words, ...row }) => ({ ...row, ...words }))
}

/** Takes words out that leave or are withdrawn, with what proves who wrote them; null where they have left already. */
export function takeWords(tx: Tx, id: number): Evidence | null {
  return tx.get<Evidence>(
    'DELETE FROM waiting_words WHERE id = ? RETURNING arrival_id, message_sha256, signature_sha256',
    [id]
  )
}
