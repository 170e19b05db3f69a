/**
 * An IMAP server inside this process, on loopback, with everything in memory: for the demo and for machines without Dovecot.
 * One account. Mail is put in by the program itself, and clients in IDLE are told at once.
 */
import { type AddressInfo, type Socket } from 'node:net'
import hoodiecrow from 'hoodiecrow-imap'

export type EmbeddedImap = Awaited<ReturnType<typeof startEmbeddedImap>>

const PLUGINS = [
  ...['IDLE', 'MOVE', 'UIDPLUS', 'ENABLE', 'CONDSTORE', 'LITERALPLUS', 'UNSELECT'],
  ...['SPECIAL-USE', 'NAMESPACE', 'ID']
]

/** Starts one on a free port with an empty inbox. The password is no word, so that masking it in a log hides nothing else. */
export async function startEmbeddedImap(
  account = { user: 'desk', password: 'Zq7-embedded-imap-4Tn' }
) {
  const imap = hoodiecrow({
    plugins: PLUGINS,
    users: { [account.user]: { password: account.password } },
    storage: { INBOX: {}, '': { separator: '/' } }
  })
  const sockets = new Set<Socket>()
  imap.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => {
    imap.listen(0, '127.0.0.1', resolve)
  })
  return {
    host: '127.0.0.1',
    port: (imap.server.address() as AddressInfo).port,
    ...account,
    /** Puts a message into the inbox, received at `receivedAt`. */
    append: (raw: Uint8Array, receivedAt = new Date()) => {
      imap.appendMessage('INBOX', [], receivedAt, Buffer.from(raw).toString('latin1'))
    },
    /** The messages of a folder in order; [] when there is no such folder. */
    messages: (folder = 'INBOX') =>
      (imap.getMailbox(folder)?.messages ?? []).map(({ uid, raw }) => ({
        uid,
        raw: Buffer.from(raw, 'latin1')
      })),
    close: () =>
      new Promise<void>((resolve) => {
        imap.close(resolve)
        for (const socket of sockets) socket.destroy()
      })
  }
}
