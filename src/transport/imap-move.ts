/**
 * Moves mails out of the open folder (MOVE RFC 6851, UIDPLUS RFC 4315). Must never delete a mail without a copy.
 */
import { Trouble } from '../domain/trouble.ts'
import { refused } from './imap-errors.ts'
import { type Session } from './imap-session.ts'
import { packUids } from './uids.ts'

const MOVE_BATCH = 200

/** Moves those of `uids` that are still there; the other folder is made when first needed. */
export async function move(
  session: Session,
  uids: readonly number[],
  folder: string
): Promise<void> {
  if (session.client.mailbox === false) await session.client.mailboxOpen(session.folder)
  for (let start = 0; start < uids.length; start += MOVE_BATCH) {
    const present = await session.client.search(
      { uid: packUids(uids.slice(start, start + MOVE_BATCH)) },
      { uid: true }
    )
    if (present === false || present === undefined) throw refused()
    if (present.length === 0) continue
    await makeFolder(session, folder)
    await moveBatch(session, packUids(present), folder)
  }
}

async function makeFolder(session: Session, folder: string): Promise<void> {
  if (session.folders.has(folder)) return
  try {
    const made = await session.client.mailboxCreate(folder)
    if (made.created) await session.client.mailboxSubscribe(folder)
  } catch (error) {
    // Some servers refuse to make what is there without saying so (RFC 9051 §6.3.4 knows only NO).
    const there = await session.client
      .status(folder, { messages: true })
      .catch(() => false as const)
    if (there === false || session.lost !== null) throw error
  }
  session.folders.add(folder)
}

/**
 * Without MOVE the library copies, marks as deleted only what was copied, and expunges exactly that, for which it needs UIDPLUS.
 * Without both, the marked mails stay: a plain EXPUNGE would also destroy what people marked in their own clients.
 */
async function moveBatch(session: Session, set: string, folder: string): Promise<void> {
  const { client } = session
  const byUid = { uid: true }
  // What IMAP4rev2 has by itself counts only where the library has enabled it.
  const isRev2 = client.enabled.has('IMAP4REV2')
  if (isRev2 || client.capabilities.has('MOVE') || client.capabilities.has('UIDPLUS')) {
    if (!(await client.messageMove(set, folder, byUid))) throw moveRefused(session, folder)
    return
  }
  if (!(await client.messageCopy(set, folder, byUid))) throw moveRefused(session, folder)
  if (!(await client.messageFlagsAdd(set, ['\\Deleted'], byUid))) throw refused()
}

function moveRefused(session: Session, folder: string): Trouble {
  // The folder may have been deleted since: look again next time.
  session.folders.delete(folder)
  return new Trouble(
    'imap-mailbox',
    'The IMAP server refused to move mail. Check the folders under imap and the quota of the account.',
    { retryable: true }
  )
}
