/**
 * What the record says of the account at the IMAP server: whether it can be opened, and whether the server refuses its login.
 * One refusal may be of a moment; the next one in a row, over whichever connection, is told at once (16).
 */
import { BY_DESK, DESK, event, type NewEvent } from '../domain/event.ts'
import { Trouble } from '../domain/trouble.ts'
import * as events from '../store/events.ts'
import { record } from './commit.ts'
import { type Desk } from './desk.ts'

const KINDS = ['inbox-opened', 'inbox-closed', 'login-refused'] as const

type Last = ReturnType<typeof events.lastOfKinds<(typeof KINDS)[number]>>

/** Notes that the account was opened (`failed` is null) or could not be, where that is news. */
export function noteAccount(
  { db, clock }: Pick<Desk, 'db' | 'clock'>,
  failed: unknown,
  noted: () => void
): void {
  const last = db.read((read) => events.lastOfKinds(read, DESK, KINDS))
  const news = failed === null ? opened(last) : closed(last, failed)
  if (news === null) return
  db.transact((tx) => record(tx, news, { now: clock.now() }))
  noted()
}

function opened(last: Last): NewEvent | null {
  const isOpen = last === null || last.kind === 'inbox-opened'
  return isOpen ? null : event('inbox-opened', DESK, BY_DESK, {})
}

function closed(last: Last, failed: unknown): NewEvent | null {
  const because = failed instanceof Trouble ? failed.code : 'bug'
  const news = event('inbox-closed', DESK, BY_DESK, { because })
  if (last === null || last.kind === 'inbox-opened') return news
  const isRefused = failed instanceof Trouble && because === 'imap-auth'
  if (!isRefused || last.kind === 'login-refused') return null
  return 'because' in last.about && last.about.because === because
    ? event('login-refused', DESK, BY_DESK, { says: failed.message })
    : news
}
