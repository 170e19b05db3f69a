/**
 * Takes mail out of the inbox: lists by UID as the truth, stores each mail before anything else, and moves it only after its
 * disposition is committed (G1). Never deletes, never sets a flag, never relies on what the server announced.
 */
import { type Listed, type Mailbox } from '../effects/effects.ts'
import {
  type Generation,
  hasUid,
  insertArrival,
  listUnmoved,
  markMoved
} from '../store/arrivals.ts'
import { readMeta, writeMeta } from '../store/meta.ts'
import { type Desk } from './desk.ts'

const PAGE = 200
const MOVE_PAGE = 100

/** One pass over the inbox. `stored` is called after each mail that was taken in. Returns the present generation. */
export async function takeIn(
  desk: Desk,
  mailbox: Mailbox,
  options: { readonly inbox: string; readonly signal: AbortSignal; readonly stored: () => void }
): Promise<Generation> {
  let afterUid = 0
  for (;;) {
    const page = await mailbox.list({ afterUid, limit: PAGE })
    const generation = { mailbox: options.inbox, uidValidity: page.uidValidity }
    noteGeneration(desk, generation)
    for (const listed of page.waiting) {
      if (options.signal.aborted) return generation
      if (await takeOne(desk, mailbox, generation, listed)) options.stored()
      afterUid = listed.uid
    }
    if (!page.more || page.waiting.length === 0) return generation
  }
}

async function takeOne(
  desk: Desk,
  mailbox: Mailbox,
  generation: Generation,
  { uid, size, receivedAt }: Listed
): Promise<boolean> {
  if (desk.db.read((read) => hasUid(read, generation, uid))) return false
  const part = size > desk.settings.limits.mailBytes ? 'header' : 'whole'
  const raw = part === 'header' ? await mailbox.fetchHeaders(uid) : await mailbox.fetch(uid)
  if (raw === null) return false
  const { arrival } = desk.db.transact((tx) =>
    insertArrival(tx, { ...generation, uid, size, receivedAt, raw, part }, desk.clock.now())
  )
  desk.log({ event: 'arrival.stored', arrival: arrival.id, bytes: raw.length })
  return true
}

/** Moves what is handled. A crash between commit and move leaves only this to be done again. */
export async function moveHandled(
  desk: Desk,
  mailbox: Mailbox,
  generation: Generation
): Promise<void> {
  for (;;) {
    const unmoved = desk.db.read((read) => listUnmoved(read, generation, MOVE_PAGE))
    if (unmoved.length === 0) return
    for (const to of ['processed', 'held'] as const) {
      const rows = unmoved.filter((row) => row.to === to)
      if (rows.length === 0) continue
      await mailbox.move(
        rows.map(({ uid }) => uid),
        to
      )
      desk.db.transact((tx) => {
        markMoved(
          tx,
          rows.map(({ id }) => id)
        )
      })
      desk.log({ event: 'arrival.moved', count: rows.length, to })
    }
  }
}

/** A new UIDVALIDITY makes all old UIDs meaningless; mails seen before are recognised by their bytes. */
function noteGeneration(desk: Desk, { uidValidity }: Generation): void {
  const before = desk.db.read((read) => readMeta(read, 'inbox-uidvalidity'))
  if (before === uidValidity) return
  if (before !== null) desk.log({ event: 'imap.uidvalidity-changed' })
  desk.db.transact((tx) => {
    writeMeta(tx, 'inbox-uidvalidity', uidValidity)
  })
}
