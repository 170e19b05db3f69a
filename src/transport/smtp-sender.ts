/**
 * Hands finished bytes to the submission server, one recipient a transaction, over a few connections that are kept for further
 * messages. While the server cannot be reached or refuses our account, nothing is tried, and that costs no message a try. Changes
 * no byte and never logs content or addresses. A lost connection is `uncertain` only if the transfer of the message had begun
 * (RFC 1047).
 */
import { type Options, type SMTPError } from 'nodemailer/lib/smtp-connection'
import { type Address, isLoopback, needsUtf8, parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type SendOutcome } from '../domain/outgoing.ts'
import { type TroubleCode } from '../domain/trouble.ts'
import { type Envelope, type Log, type Sender } from '../effects/effects.ts'
import { connectionTrouble, type ServerOptions, tlsOptions } from './server.ts'
import { createLines, type Line } from './smtp-line.ts'
import { failedConnection, meaningOf } from './smtp-reply.ts'
import { createRoom, type Job, nothingBegun, type RoomOptions } from './smtp-room.ts'

/** The submission server. Without a user there is no login: for a relay on this machine. */
export type SenderOptions = ServerOptions &
  RoomOptions & {
    readonly user?: string | undefined
    readonly password?: string | undefined
    /** The sender of automatic messages where the server refuses the null sender. */
    readonly address: Address
    /** Default 30 s. */
    readonly connectTimeoutMs?: number
    /** How long to wait for a reply (RFC 5321 §4.5.3.2.6). */
    readonly reply_seconds: number
  }

const UNTRIED: SendOutcome = { kind: 'untried', code: 0 }
const QUIT_MS = 2000

/** A sender that connects when first needed. Throws {@link Trouble} `config` for an unencrypted connection to another machine. */
export function createSender(options: SenderOptions, log: Log): Sender {
  const { user, password = '' } = options
  const lines = createLines(
    settingsOf(options),
    user === undefined ? null : { user, pass: password }
  )
  const room = createRoom(options, lines.idle)
  const post: Post = { options, log, lines, room, isNullRefused: false, lastTrouble: null }
  let isClosed = false
  return {
    room: () => (isClosed ? 0 : room.count()),
    send: async (mail, signal) => {
      assert(parseAddress(mail.to) === mail.to, 'the recipient is a checked address')
      assert(mail.from === '' || parseAddress(mail.from) === mail.from, 'the sender is checked')
      if (signal.aborted || isClosed || room.isPaused()) return UNTRIED
      const job: Job = { since: performance.now(), line: null, begun: nothingBegun }
      const stop = (): void => {
        job.line?.close()
      }
      signal.addEventListener('abort', stop, { once: true })
      room.busy.add(job)
      try {
        return await transact(post, { mail, job, signal })
      } finally {
        room.busy.delete(job)
        signal.removeEventListener('abort', stop)
      }
    },
    close: () => {
      isClosed = true
      lines.close()
    }
  }
}

/** What all messages share. */
type Post = {
  readonly options: SenderOptions
  readonly log: Log
  readonly lines: ReturnType<typeof createLines>
  readonly room: ReturnType<typeof createRoom>
  isNullRefused: boolean
  lastTrouble: TroubleCode | null
}

type Task = { readonly mail: Envelope; readonly job: Job; readonly signal: AbortSignal }

async function transact(post: Post, task: Task): Promise<SendOutcome> {
  const { lines, room } = post
  const { job, signal } = task
  const kept = lines.takeAny()
  const line = kept ?? lines.create()
  job.line = line
  try {
    if (kept === null) await line.open()
  } catch (error) {
    line.close()
    return signal.aborted ? UNTRIED : unconnected(post, error)
  }
  const outcome = await carry(post, task, line)
  // The server had closed it since, and a new one may work.
  const isStale = outcome === 'lost' && kept !== null && !room.isSlow(job) && !signal.aborted
  if (isStale) return transact(post, task)
  if (outcome !== 'lost') return outcome
  return signal.aborted ? UNTRIED : { kind: 'deferred', code: 0 }
}

/** Hands over the message on this connection; `lost` where the connection was, before anything of the message had left. */
async function carry(post: Post, task: Task, line: Line): Promise<SendOutcome | 'lost'> {
  const { mail, job } = task
  if (needsUtf8(mail.to) && !line.takesUtf8()) {
    post.lines.keep(line)
    return { kind: 'no-utf8', code: 0 }
  }
  const from = mail.from === '' && post.isNullRefused ? post.options.address : mail.from
  const { reply, begun } = line.carry({ ...mail, from })
  job.begun = begun
  try {
    const info = await reply
    worked(post)
    post.lines.keep(line)
    return { kind: 'accepted', code: Number(/^\d{3}/.exec(info?.response ?? '')?.[0] ?? 250) }
  } catch (error) {
    const refused = error as SMTPError
    const meaning = meaningOf(refused, mail.size)
    if (meaning !== null) return refusal(post, task, { line, from, refused, meaning })
    line.close()
    return begun() ? { kind: 'uncertain', code: 0 } : 'lost'
  }
}

async function refusal(
  post: Post,
  task: Task,
  about: {
    readonly line: Line
    readonly from: Address | ''
    readonly refused: SMTPError
    readonly meaning: NonNullable<ReturnType<typeof meaningOf>>
  }
): Promise<SendOutcome> {
  const { line, from, refused, meaning } = about
  const code = refused.responseCode ?? 0
  if (meaning.about === 'connections') {
    line.close()
    // Alone, it is about this message.
    return post.room.isTooMany() ? UNTRIED : { kind: 'deferred', code }
  }
  if (line.isOpen()) await line.reset()
  post.lines.keep(line)
  if (meaning.about === 'message') {
    // Many servers judge the sender only when they know the recipient, or have the message.
    if (from === '' && isMaybeSender(meaning.outcome, refused.response))
      return transact(post, { ...task, mail: { ...task.mail, from: post.options.address } })
    if (!['ours', 'unclear'].includes(meaning.outcome.kind)) worked(post)
    return meaning.outcome
  }
  if (meaning.about === 'account' && from === '') {
    post.isNullRefused = true
    return transact(post, task)
  }
  // An answer about a login may quote what it was given.
  pause(post, meaning.about, meaning.about === 'auth' ? undefined : refused)
  return { kind: 'untried', code }
}

/** Whether a refusal after MAIL may mean the null sender. */
function isMaybeSender({ kind, code }: SendOutcome, says = ''): boolean {
  const isFinal = code >= 500 && kind !== 'too-large'
  return isFinal && (kind !== 'rejected' || /\bsender|<>/i.test(says))
}

function unconnected(post: Post, error: unknown): SendOutcome {
  const { kind, code } = failedConnection(error)
  const isAnswered = code > 0 || post.room.hasOpen()
  if (kind === 'network' && isAnswered && post.room.isTooMany()) return UNTRIED
  pause(post, kind, error)
  return { kind: 'untried', code: kind === 'auth' ? code : 0 }
}

/** Logs a trouble once until a message gets through again, and waits. */
function pause(post: Post, kind: 'auth' | 'tls' | 'account' | 'network', cause: unknown): void {
  const { code, message } = connectionTrouble('smtp', kind, post.options, cause)
  if (post.lastTrouble !== code) post.log({ event: 'trouble', code, where: 'smtp', says: message })
  post.lastTrouble = code
  post.room.pause(kind === 'auth' || kind === 'account')
}

function worked(post: Post): void {
  post.room.worked()
  post.lastTrouble = null
}

function settingsOf(options: SenderOptions): Options {
  const connectTimeout = options.connectTimeoutMs ?? 30_000
  return {
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    requireTLS: options.tls === 'starttls',
    ignoreTLS: options.tls === 'none',
    tls: tlsOptions(options),
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    dnsTimeout: connectTimeout,
    socketTimeout: options.reply_seconds * 1000,
    socketCloseTimeout: QUIT_MS,
    allowInternalNetworkInterfaces: isLoopback(options.host),
    logger: false,
    debug: false,
    transactionLog: false
  }
}
