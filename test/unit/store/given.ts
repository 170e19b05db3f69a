/** What the tests of the store are given: a database, a draft. */
import { afterEach, beforeEach } from 'vitest'
import { type SaveNotice } from '../../../src/domain/decision.ts'
import { Trouble } from '../../../src/domain/trouble.ts'
import { type Database } from '../../../src/store/database.ts'
import { type SqlParams } from '../../../src/store/sql.ts'
import { useFolder } from '../../support/folder.ts'
import { TAG } from '../policy/samples.ts'
import { openIn } from './support.ts'

/** A new database for every test of a file, open from its first line. */
export function useDatabase(): Pick<Database, 'read' | 'transact'> & {
  all<Row>(sql: string, params?: SqlParams): Row[]
  run(sql: string, params?: SqlParams): void
  /** As after a crash: closed, and opened by the next process. */
  reopen(): void
} {
  const folder = useFolder()
  let db: Database
  beforeEach(() => {
    db = openIn(folder.path)
  })
  afterEach(() => {
    db.close()
  })
  return {
    read: (work) => db.read(work),
    transact: (work) => db.transact(work),
    all: (sql, params) => db.read((read) => read.all(sql, params)),
    run: (sql, params) => {
      db.transact((tx) => tx.run(sql, params))
    },
    reopen: () => {
      db.close()
      db = openIn(folder.path)
    }
  }
}

/** The trouble that this work ends in. */
export function troubleOf(work: () => unknown): Trouble {
  try {
    work()
  } catch (error) {
    if (error instanceof Trouble) return error
    throw error
  }
  throw new Error('no Trouble was thrown')
}

/** The first draft of the notice of case {@link TAG}. */
export const DRAFT: SaveNotice = {
  kind: 'save-notice',
  caseTag: TAG,
  product: 'parser',
  version: 0,
  state: 'drafting',
  revision: 1,
  fields: { description: 'x' },
  told: null,
  releaseAt: null,
  releasedAt: null,
  patches: null,
  copies: 'go-on'
}
