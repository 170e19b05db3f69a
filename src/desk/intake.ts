/**
 * Takes mail out of the inbox: the list of UIDs is the truth; stores each message before anything else, and moves it only after
 * its disposition is committed (G1). Never deletes, never sets a flag, never relies on what the server announced.
 */
import { type Fetched, type Listed, type Mailbox } from '../effects/effects.ts'
import * as arrivals from '../store/arrivals.ts'
import * as meta from '../store/meta.ts'
import { type Desk } from './desk.ts'

const PAGE = 200
const MOVE_PAGE = 100
/** Broken downloads of one message before only its header is fetched, and broken header downloads before it is held unread. */
const WHOLE_TRIES_MAX = 5
const HEADER_TRIES_MAX = 3

/** How often fetching a message broke the connection, by generation and UID; kept across connections. */
export type FetchFailures = Map<string, number>

/** How far one connection has listed the inbox: everything up to this UID is stored or gone. */
export type Cursor = arrivals.Generation & { readonly afterUid: number }

/**
 * One pass over the whole inbox or over what came after `from`. Calls `stored` after each message that was taken in. Returns
 * the present generation and how far it came.
 */
export async function takeIn(
  desk: Desk,
  mailbox: Mailbox,
  options: {
    readonly inbox: string
    readonly signal: AbortSignal
    readonly stored: () => void
    readonly failures: FetchFailures
    readonly from: Cursor | null
  }
): Promise<Cursor> {
  let cursor = options.from
  for (;;) {
    const afterUid: number = cursor?.afterUid ?? 0
    const page = await mailbox.list({ afterUid, limit: PAGE })
    const { uidValidity } = page
    if (cursor !== null && cursor.uidValidity !== uidValidity) {
      // The UIDs now name other messages, so the list above the old UID is incomplete.
      cursor = null
      continue
    }
    const generation = { mailbox: options.inbox, uidValidity }
    noteGeneration(desk, generation)
    cursor = { ...generation, afterUid }
    const uids = page.waiting.map(({ uid }) => uid)
    const known = desk.db.read((read) => arrivals.storedUids(read, generation, uids))
    for (const listed of page.waiting) {
      if (options.signal.aborted) return cursor
      if (!known.has(listed.uid)) {
        const what = { generation, listed, failures: options.failures }
        if (await takeOne(desk, mailbox, what)) options.stored()
      }
      cursor = { ...cursor, afterUid: listed.uid }
    }
    if (!page.more || page.waiting.length === 0) return cursor
  }
}

async function takeOne(
  desk: Desk,
  mailbox: Mailbox,
  what: {
    readonly generation: arrivals.Generation
    readonly listed: Listed
    readonly failures: FetchFailures
  }
): Promise<boolean> {
  const { generation, listed, failures } = what
  const { uid, size, receivedAt } = listed
  const isTooLarge = size > desk.settings.limits.mailBytes
  const key = `${generation.uidValidity}:${uid}`
  const fetched = await fetchOne(mailbox, uid, isTooLarge, { failures, key })
  if (fetched === null) return false
  const { raw, part } = fetched
  const { id } = desk.db.transact((tx) =>
    arrivals.add(tx, { ...generation, uid, size, receivedAt, raw, part }, desk.clock.now())
  )
  desk.log({ event: 'arrival.stored', arrival: id, bytes: raw.length })
  return true
}

/**
 * The message; after repeated broken downloads its header; at last only the fact that it is there, so that one message that
 * cannot be fetched delays no other and a person is told of it (G1, G9).
 */
export async function fetchOne(
  mailbox: Pick<Mailbox, 'fetch' | 'fetchHeaders'>,
  uid: number,
  isTooLarge: boolean,
  { failures, key }: { readonly failures: FetchFailures; readonly key: string }
): Promise<Fetched | null> {
  const failed = failures.get(key) ?? 0
  if (failed >= WHOLE_TRIES_MAX + HEADER_TRIES_MAX) return { raw: new Uint8Array(), part: 'header' }
  failures.set(key, failed + 1)
  const isHeaderOnly = isTooLarge || failed >= WHOLE_TRIES_MAX
  const fetched = isHeaderOnly ? await fetchHeaders(mailbox, uid) : await mailbox.fetch(uid)
  failures.delete(key)
  return fetched
}

async function fetchHeaders(
  mailbox: Pick<Mailbox, 'fetchHeaders'>,
  uid: number
): Promise<Fetched | null> {
  const raw = await mailbox.fetchHeaders(uid)
  return raw && { raw, part: 'header' }
}

/** Moves processed messages. After a crash between commit and move, only this is left to do. */
export async function moveHandled(
  desk: Desk,
  mailbox: Mailbox,
  generation: arrivals.Generation
): Promise<void> {
  for (;;) {
    const unmoved = desk.db.read((read) => arrivals.listUnmoved(read, generation, MOVE_PAGE))
    if (unmoved.length === 0) return
    for (const to of ['processed', 'held'] as const) {
      const rows = unmoved.filter((row) => row.to === to)
      if (rows.length === 0) continue
      await mailbox.move(
        rows.map(({ uid }) => uid),
        to
      )
      desk.db.transact((tx) =>
        arrivals.markMoved(
          tx,
          rows.map(({ id }) => id)
        )
      )
    }
  }
}

/** A new UIDVALIDITY makes all old UIDs meaningless; messages seen before are recognised by their bytes. */
function noteGeneration(desk: Desk, { uidValidity }: arrivals.Generation): void {
  const before = desk.db.read((read) => meta.read(read, 'inbox-uidvalidity'))
  if (before === uidValidity) return
  if (before !== null) desk.log({ event: 'imap.uidvalidity-changed' })
  desk.db.transact((tx) => meta.write(tx, 'inbox-uidvalidity', uidValidity))
}
