/**
 * One arrival from its bytes to its disposition: read → decide → prepare → commit. Throws every failure of the outside; a
 * failed attempt leaves nothing behind (DESIGN §3).
 */
import { type Decision } from '../domain/decision.ts'
import { type OpenedMail } from '../domain/mail.ts'
import { type Instant } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'
import { relay } from '../messages/to-maintainers.ts'
import { decideArrival } from '../policy/inbound.ts'
import { type Arrival } from '../store/arrivals.ts'
import { type Committed, commit } from './commit.ts'
import { type Desk } from './desk.ts'
import { type Prepared, prepare } from './prepare.ts'
import { readSituation } from './read-situation.ts'

/** Another writer may take a case number or change a case between read and commit; then the step is repeated. */
const CONFLICTS_MAX = 5

/** An arrival, opened. */
export type Handled = {
  readonly opened: OpenedMail
  /** When opening began. */
  readonly begunAt: Instant
  readonly raw: Uint8Array | null
  readonly quarantined: boolean
}

/** Handles one opened arrival and returns its disposition. */
export async function receive(desk: Desk, arrival: Arrival, mail: Handled): Promise<Committed> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      return await receiveOnce(desk, arrival, mail)
    } catch (error) {
      const isConflict = error instanceof Trouble && error.code === 'conflict'
      if (!isConflict || conflicts >= CONFLICTS_MAX) throw error
    }
  }
}

async function receiveOnce(desk: Desk, arrival: Arrival, mail: Handled): Promise<Committed> {
  const now = desk.clock.now()
  const { opened, begunAt, quarantined } = mail
  const situation = await readSituation(desk, arrival, opened, { quarantined, now })
  const decisions = decideArrival(situation, desk.settings, {
    now,
    begunAt,
    jitter: desk.randomness.below(1_000_000) / 1_000_000,
    tools: { sha256: desk.sha256, code: desk.randomness.token(10) }
  })
  const source = {
    attachments: opened.attachments,
    original: arrival.part === 'whole' ? mail.raw : null
  }
  const prepared = await prepare(desk, decisions, now, source)
  const seen = heldIfUnseen(decisions, prepared)
  const work = { arrivalId: arrival.id, mailSha256: arrival.sha256, now }
  return desk.db.transact((tx) => commit(tx, seen, prepared, work))
}

/** A report that could be encrypted to no maintainer was seen by nobody: it stays in the held folder (G1). */
function heldIfUnseen(decisions: readonly Decision[], prepared: Prepared): readonly Decision[] {
  const isRelayed = decisions.some(
    (decision) => decision.kind === 'send-sealed' && relay.is(decision.message)
  )
  if (!isRelayed || prepared.messages.some(({ kind }) => kind === relay.kind)) return decisions
  return decisions.map((decision) =>
    decision.kind === 'dispose'
      ? { ...decision, state: 'held', reason: 'no maintainer has a usable key' }
      : decision
  )
}
