/**
 * The message world of the demo, on loopback: one SMTP server that everybody submits to, and one IMAP server a mailbox. What
 * SMTP accepts for an address lies in that address's mailbox a moment later, the desk's own included.
 */
import { createTransport } from 'nodemailer'
import { SMTPServer } from 'smtp-server'
import { type EmbeddedImap, startEmbeddedImap } from '../support/embedded-imap.ts'
import { type Identity } from './people.ts'

/** A message on its way. */
export type Delivery = {
  /** 1 for the first message of the demo. */
  readonly number: number
  readonly from: string
  readonly to: string
  readonly raw: Buffer
  /** When SMTP accepted it, in milliseconds since 1970. */
  readonly at: number
}

export type PostOffice = AsyncDisposable & {
  readonly host: '127.0.0.1'
  readonly smtpPort: number
  /** One for all accounts; the user name is the account's id. */
  readonly password: string
  /** Every message so far, oldest first. */
  readonly deliveries: readonly Delivery[]
  /** The IMAP server of an account. */
  imapOf(id: string): EmbeddedImap
  /** Submits a finished mail like a mail client: over SMTP, with the account's password. */
  submit(from: Identity, to: string, raw: Buffer): Promise<void>
}

/** Opens it. `onDelivery` sees every message at the moment it is delivered. */
export async function openPostOffice(
  accounts: readonly Identity[],
  password: string,
  onDelivery: (delivery: Delivery) => void
): Promise<PostOffice> {
  const mailboxes = new Map<string, EmbeddedImap>()
  for (const { id } of accounts) {
    mailboxes.set(id, await startEmbeddedImap({ user: id, password }))
  }
  const imapOf = (id: string): EmbeddedImap => {
    const imap = mailboxes.get(id)
    if (imap === undefined) throw new RangeError(`there is no account ${id}`)
    return imap
  }
  const deliveries: Delivery[] = []
  const smtp = await startSmtp(accounts, password, (from, to, raw) => {
    const delivery = { number: deliveries.length + 1, from, to: to.address, raw, at: Date.now() }
    deliveries.push(delivery)
    onDelivery(delivery)
    imapOf(to.id).append(raw, new Date(delivery.at))
  })
  return {
    host: '127.0.0.1',
    smtpPort: smtp.port,
    password,
    deliveries,
    imapOf,
    submit: async (from, to, raw) => {
      const client = createTransport({
        host: '127.0.0.1',
        port: smtp.port,
        ignoreTLS: true,
        auth: { user: from.id, pass: password }
      })
      await client.sendMail({ envelope: { from: from.address, to }, raw })
      client.close()
    },
    [Symbol.asyncDispose]: async () => {
      await smtp.close()
      for (const imap of mailboxes.values()) await imap.close()
    }
  }
}

async function startSmtp(
  accounts: readonly Identity[],
  password: string,
  deliver: (from: string, to: Identity, raw: Buffer) => void
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const accountOf = (address: string): Identity | undefined =>
    accounts.find((account) => account.address === address.toLowerCase())
  const refusal = (responseCode: number, words: string): Error =>
    Object.assign(new Error(words), { responseCode })
  const server = new SMTPServer({
    logger: false,
    disableReverseLookup: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    closeTimeout: 500,
    onAuth: ({ username, password: given }, _session, done) => {
      const isRight = accounts.some(({ id }) => id === username) && given === password
      done(isRight ? null : refusal(535, 'wrong user or password'), { user: username })
    },
    onRcptTo: ({ address }, _session, done) => {
      done(accountOf(address) === undefined ? refusal(550, 'nobody of that name here') : null)
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom === false ? '' : mailFrom.address
        for (const { address } of rcptTo) {
          const to = accountOf(address)
          if (to !== undefined) deliver(from, to, Buffer.concat(chunks))
        }
        done()
      })
    }
  })
  server.on('error', () => undefined)
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject)
    const listening = server.listen(0, '127.0.0.1', () => {
      const address = listening.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
      })
  }
}
