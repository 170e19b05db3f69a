import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Invariant } from '../../../src/domain/assert.ts'
import { parseCaseTag, parseSha256 } from '../../../src/domain/ids.ts'
import { addMs } from '../../../src/domain/time.ts'
import {
  type AuditHead,
  appendAudit,
  auditHead,
  iterateAudit,
  verifyAudit
} from '../../../src/store/audit.ts'
import { type Database } from '../../../src/store/database.ts'
import { type TempFolder, tempFolder } from '../../support/temp.ts'
import { NOON, openIn } from './support.ts'

let folder: TempFolder
let db: Database
beforeEach(() => {
  folder = tempFolder()
  db = openIn(folder.path)
})
afterEach(() => {
  db.close()
  folder.remove()
})

function append(action: string, tag: string | null = null): AuditHead {
  return db.transact((tx) =>
    appendAudit(tx, {
      at: addMs(NOON, 1),
      actor: 'grace',
      action,
      caseTag: tag === null ? null : parseCaseTag(tag),
      detail: { reason: 'unsafe-defaults', count: 2, shown: true, note: null },
      mailSha256: parseSha256('a'.repeat(64))
    })
  )
}

/** What somebody with the passphrase could do to the file. */
function tamper(sql: string): void {
  db.transact((tx) => {
    for (const trigger of ['audit_no_update', 'audit_no_delete', 'audit_only_append'])
      tx.run(`DROP TRIGGER ${trigger}`)
    tx.run(sql)
  })
}

describe('the audit record', () => {
  it('is whole when empty and after every entry, and its head moves on', () => {
    expect(db.read(auditHead)).toEqual({ id: 0, hash: '0'.repeat(64) })
    expect(db.read((read) => verifyAudit(read))).toEqual({ ok: true, count: 0, firstBad: null })
    const heads = ['opened', 'accepted', 'noticed'].map((action) => append(action))

    expect(db.read((read) => verifyAudit(read))).toEqual({ ok: true, count: 3, firstBad: null })
    expect(db.read(auditHead)).toEqual(heads[2])
    expect(new Set(heads.map(({ hash }) => hash)).size).toBe(3)
  })

  it.each([
    "UPDATE audit SET actor = 'mallory' WHERE id = 1",
    'DELETE FROM audit WHERE id = 2',
    `INSERT OR REPLACE INTO audit SELECT id, at, 'mallory', action, case_tag, detail, mail_sha256, previous_hash, hash
     FROM audit WHERE id = 1`,
    `INSERT INTO audit SELECT 9, at, actor, action, case_tag, detail, mail_sha256, hash, hash FROM audit WHERE id = 2`,
    `INSERT INTO audit SELECT 3, at, actor, action, case_tag, detail, mail_sha256, previous_hash, hash
     FROM audit WHERE id = 1`
  ])('refuses to be changed: %s', (sql) => {
    append('opened')
    append('accepted')

    expect(() => db.transact((tx) => tx.run(sql))).toThrow(Invariant)
    expect(db.read((read) => verifyAudit(read))).toEqual({ ok: true, count: 2, firstBad: null })
  })

  it.each([
    ['at', "'2026-11-22T12:00:00.002Z'"],
    ['actor', "'mallory'"],
    ['action', "'other'"],
    ['case_tag', "'ACME-2026-0009'"],
    ['case_tag', 'NULL'],
    ['detail', "'{}'"],
    ['mail_sha256', 'NULL'],
    ['previous_hash', `'${'b'.repeat(64)}'`],
    ['hash', `'${'b'.repeat(64)}'`]
  ])('shows that %s of an entry became %s', (column, value) => {
    for (const action of ['opened', 'accepted', 'noticed']) append(action, 'ACME-2026-0001')

    tamper(`UPDATE audit SET ${column} = ${value} WHERE id = 2`)

    expect(db.read((read) => verifyAudit(read))).toEqual({ ok: false, count: 1, firstBad: 2 })
  })

  it.each([
    [1, 1],
    [2, 2],
    [3, 3]
  ])('shows that entry %i of three is gone', (gone, firstBad) => {
    for (const action of ['opened', 'accepted', 'noticed']) append(action)

    tamper(`DELETE FROM audit WHERE id = ${gone}`)

    expect(db.read((read) => verifyAudit(read))).toMatchObject({ ok: false, firstBad })
  })

  it('shows that it was written anew, against a head kept elsewhere', () => {
    append('opened')
    const kept = append('accepted')
    tamper('DELETE FROM audit')
    db.transact((tx) => tx.run("DELETE FROM sqlite_sequence WHERE name = 'audit'"))
    append('opened')
    append('rejected')

    expect(db.read((read) => verifyAudit(read)).ok).toBe(true)
    expect(db.read((read) => verifyAudit(read, kept))).toEqual({ ok: false, count: 1, firstBad: 2 })
  })

  it('shows that it was cut shorter than a head kept elsewhere', () => {
    append('opened')
    const kept = append('accepted')
    tamper('DELETE FROM audit WHERE id = 2')
    db.transact((tx) => tx.run("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'audit'"))

    expect(db.read((read) => verifyAudit(read, kept))).toEqual({ ok: false, count: 1, firstBad: 2 })
  })

  it('keeps nothing of a transaction that fails, and stays whole', () => {
    append('opened')
    expect(() =>
      db.transact((tx) => {
        appendAudit(tx, {
          at: NOON,
          actor: 'desk',
          action: 'x',
          caseTag: null,
          detail: {},
          mailSha256: null
        })
        throw new Error('crash')
      })
    ).toThrow('crash')
    append('accepted')

    expect(db.read((read) => verifyAudit(read))).toEqual({ ok: true, count: 2, firstBad: null })
  })

  it('is read oldest first, whole or of one case', () => {
    append('a', 'ACME-2026-0001')
    append('b', 'ACME-2026-0002')
    append('c', 'ACME-2026-0001')

    const [all, one] = db.read((read) => [
      [...iterateAudit(read)].map(({ action }) => action),
      [...iterateAudit(read, parseCaseTag('ACME-2026-0001'))].map(({ action }) => action)
    ])

    expect([all, one]).toEqual([
      ['a', 'b', 'c'],
      ['a', 'c']
    ])
  })
})
