/**
 * The benchmark part `growth`: what a desk costs that has run for years, beside a young one: the start, and one report. The rows
 * are written by SQL, because a million messages would take hours to come; the record's hashes are not real.
 */
import { setTimeout } from 'node:timers/promises'
import { databaseOf } from '../support/seeded.ts'
import { type Figure, figure } from './figures.ts'
import { type Part } from './parts.ts'
import { cpuSecondsOf, onStage, people, pidOf, report, type Stage, timesOf, USER } from './stage.ts'

const MINUTES_MS = 5 * 60_000
const REPORTS = 100
/** Messages of one case: of a reporter and of maintainers. */
const A_CASE = 10

/** The first with a thousand stored messages, the second with `stored`. */
export const growth: Part = async ({ stored }) => {
  const young = await costOf(1000)
  const old = await costOf(stored)
  const line = (what: string, of: keyof typeof young, unit: string, below: number): Figure =>
    figure('growth', what, old[of], {
      unit,
      below,
      note: `with 1000 messages: ${young[of].toFixed(2)}`
    })
  return [
    line(`start, ${stored} messages`, 'startSeconds', 's', 1),
    line(
      `a report, ${stored} messages`,
      'cpuMs',
      'ms of processor time',
      Math.round(young.cpuMs * 1.2)
    )
  ]
}

async function costOf(
  stored: number
): Promise<{ readonly startSeconds: number; readonly cpuMs: number }> {
  return onStage(3, async (stage) => {
    fill(stage, stored)
    const spawnedAt = Date.now()
    const daemon = await stage.desk.start()
    const [begun = Number.NaN] = timesOf(daemon, 'imap.connected')
    await looked(stage)
    const cpuBefore = cpuSecondsOf(pidOf(daemon))
    for (const sender of await people('reporter', REPORTS))
      await stage.dovecot.append(USER, await report(sender, stage.desk.publicKey))
    await stage.sink.waitFor(REPORTS * 4, MINUTES_MS)
    const cpu = cpuSecondsOf(pidOf(daemon)) - cpuBefore
    return { startSeconds: (begun - spawnedAt) / 1000, cpuMs: (cpu * 1000) / REPORTS }
  })
}

/** Waits until the desk has looked at every case once, as it does after an upgrade that changes clocks. */
async function looked({ desk }: Stage): Promise<void> {
  const due = "SELECT count(*) FROM looks WHERE next_look_at <= strftime('%Y-%m-%dT%H:%M:%fZ')"
  for (let left = -1; left !== 0; ) {
    await setTimeout(1000)
    const db = databaseOf(desk)
    left = db.read((read) => read.value<number>(due)) ?? 0
    db.close()
  }
}

/** Closed cases, each with its messages, their bytes, the mail that left and the events. */
function fill({ desk }: Stage, stored: number): void {
  const cases = Math.ceil(stored / A_CASE)
  const at = "strftime('%Y-%m-%dT%H:%M:%fZ', '2020-01-01', '+' || n || ' minutes')"
  const hex = (n: string): string => `printf('%064x', ${n})`
  const db = databaseOf(desk)
  db.transact((tx) => {
    const fillTable = (table: string, columns: string, count: number, values: string): void => {
      tx.run(
        `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
         INSERT INTO ${table} (${columns}) SELECT ${values} FROM numbers`,
        {}
      )
    }
    const tag = (n: string): string => `printf('ACME-2020-%06d', ${n})`
    const caseOf = `((n - 1) / ${A_CASE} + 1)`
    fillTable(
      'cases',
      'tag, product, state, subject, received_at, opened_at, maintainer_root',
      cases,
      `${tag('n')}, 'parser', 'closed', 'An overflow', ${at}, ${at}, 'm' || n || '@acme.example'`
    )
    fillTable(
      'case_reporters',
      'id, case_id, address, name, began_in_clear, root, latest',
      cases,
      `${tag('n')}, n, 'r' || n || '@old.example', 'R', 0, 'r' || n || '@old.example', NULL`
    )
    fillTable(
      'arrivals',
      'mailbox, uid_validity, uid, received_at, arrived_at, turn, size, sha256, part, state, disposition, case_id, moved, stored_at, done_at',
      stored,
      `'OLD', '1', n, ${at}, ${at}, 3, 1000, ${hex('n')}, 'whole', 'done', 'report', ${caseOf}, 1, ${at}, ${at}`
    )
    fillTable('arrival_bytes', 'arrival_id, block, raw', stored, 'n, 0, zeroblob(1000)')
    fillTable(
      'messages',
      'case_id, arrival_id, at, author, author_id, audience, subject, text, message_id',
      stored,
      `${caseOf}, n, ${at}, 'reporter', ${tag(caseOf)}, 'internal', 'An overflow', printf('%500s', 'words'), n || '@old.example'`
    )
    fillTable(
      'outbox',
      'once, kind, case_id, audience, recipient_id, envelope_from, envelope_to, message_id, raw_sha256, size, state, attempts, not_before, next_attempt_at, created_at, sent_at',
      stored,
      `'old:' || n, iif(n % 4 = 0, 'acknowledgement', 'relay'), ${caseOf}, iif(n % 4 = 0, 'reporter', 'maintainer'), iif(n % 4 = 0, ${tag(caseOf)}, 'maintainer' || n % 3), '', iif(n % 4 = 0, 'r' || ${caseOf} || '@old.example', 'maintainer@bench.example'), 'o' || n || '@acme.example', ${hex('n')}, 1000, 'sent', 1, ${at}, ${at}, ${at}, ${at}`
    )
    fillTable(
      'events',
      'id, at, kind, subject_kind, subject_id, actor_kind, actor_id, about, previous_hash, hash',
      stored,
      `n, ${at}, iif(n % ${A_CASE} = 1, 'opened', iif(n % ${A_CASE} = 0, 'closed', 'told')), 'case', ${tag(caseOf)}, 'desk', '', '{}', ${hex('n - 1')}, ${hex('n')}`
    )
    fillTable('looks', 'subject_kind, subject_id, next_look_at', cases, `'case', ${tag('n')}, NULL`)
    fillTable(
      'contents',
      'mark, address, arrival_id',
      stored,
      `${hex('n')}, 'r' || n || '@old.example', n`
    )
  })
  db.close()
}
