/**
 * Hands finished bytes to the submission server, one recipient a transaction (RFC 5321; AUTH RFC 4954, STARTTLS RFC 3207), over
 * a few connections that are kept for further messages. Changes no byte and never logs content or addresses. A lost connection
 * is `uncertain` only if the transfer of the message had begun (RFC 1047); the outbox does all retries.
 */
import { setMaxListeners } from 'node:events'
import { Readable } from 'node:stream'
import { type SMTPError } from 'nodemailer/lib/smtp-connection'
import SMTPPool, { type Options } from 'nodemailer/lib/smtp-pool'
import { isLoopback, parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type SendOutcome } from '../domain/outgoing.ts'
import { type Trouble, type TroubleCode } from '../domain/trouble.ts'
import { type Envelope, type Log, type Sender } from '../effects/effects.ts'
import { connectionTrouble, isTlsCode, type ServerOptions, tlsOptions } from './server.ts'

/** The submission server. Without a user there is no login: for a relay on this machine. */
export type SenderOptions = ServerOptions & {
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** Most connections at a time; default 4. */
  readonly maxConnections?: number
  /** Default 30 s. */
  readonly connectTimeoutMs?: number
  /** How long to wait for a reply (RFC 5321 §4.5.3.2.6). */
  readonly reply_seconds: number
}

const CONNECTIONS = 4
const MAILS_PER_CONNECTION = 100
const IDLE_MS = 30_000
const QUIT_MS = 2000
/** Pause after a refused password: further attempts would only lock the account. */
const REFUSED_LOGIN_PAUSE_MS = 60_000
const UNREACHED: SendOutcome = { kind: 'deferred', code: 0 }
/** Replies about our login, not about the message (RFC 4954 §6). */
const LOGIN_CODES = [530, 534, 535, 538]

/** A sender that connects when first needed. Throws {@link Trouble} `config` for an unencrypted connection to another machine. */
export function createSender(options: SenderOptions, log: Log): Sender {
  // Connections, and messages that wait for one; replaced after a refused login.
  let pool = openPool(options)
  let isLoginRefused = false
  let lastTrouble: TroubleCode | null = null

  /** Logs a trouble once until a connection works again, and pauses after a refused login. */
  function note(trouble: Trouble): void {
    if (trouble.code === 'smtp-auth' && !isLoginRefused) {
      isLoginRefused = true
      // Everything that waits for a connection fails instead of trying the password.
      pool.close()
      pool = openPool(options)
      setTimeout(() => (isLoginRefused = false), REFUSED_LOGIN_PAUSE_MS).unref()
    }
    if (lastTrouble === trouble.code) return
    lastTrouble = trouble.code
    log({ event: 'trouble', code: trouble.code, where: 'smtp', says: trouble.message })
  }

  function send(mail: Envelope, signal: AbortSignal): Promise<SendOutcome> {
    const body = Readable.from([Buffer.from(mail.raw)], { objectMode: false })
    let isConnected = false
    const message = messageOf(mail, signal, () => {
      isConnected = true
      lastTrouble = null
      return body
    })
    return new Promise((resolve) => {
      pool.send(message, (error: SMTPError | null, info) => {
        if (error === null) {
          const code = Number(/^\d{3}/.exec(info?.response ?? '')?.[0] ?? 250)
          resolve({ kind: 'accepted', code })
        } else if (isConnected && !LOGIN_CODES.includes(error.responseCode ?? 0)) {
          // The transfer had begun when bytes of the message were handed to the connection.
          resolve(
            outcomeOf(error, body.readableDidRead ? { kind: 'uncertain', code: 0 } : UNREACHED)
          )
        } else {
          if (isConnected) note(connectionTrouble('smtp', 'auth', options, undefined))
          else if (!signal.aborted) note(troubleOf(error, options))
          resolve(UNREACHED)
        }
      })
    })
  }
  return {
    send: async (mail, signal) => {
      assert(parseAddress(mail.to) === mail.to, 'the recipient is a checked address')
      assert(mail.from === '' || parseAddress(mail.from) === mail.from, 'the sender is checked')
      // A thousand messages may wait on the one signal that stops the desk.
      setMaxListeners(0, signal)
      return isLoginRefused || signal.aborted ? UNREACHED : send(mail, signal)
    },
    close: () => pool.close()
  }
}

type PoolMail = Parameters<SMTPPool['send']>[0]
type UsedByPool = 'getHeader' | 'messageId' | 'getEnvelope' | 'createReadStream'

/** What the pool uses of a message: the library's own class would write it anew. Asks for the body when it has a connection. */
function messageOf(
  { messageId, from, to, raw }: Envelope,
  signal: AbortSignal,
  body: () => Readable
): PoolMail {
  const message: Pick<PoolMail['message'], UsedByPool> = {
    getHeader: () => '',
    messageId: () => messageId,
    getEnvelope: () => ({ from, to: [to], size: raw.byteLength }),
    createReadStream: body
  }
  return { data: { signal }, message } as PoolMail
}

function openPool(options: SenderOptions): SMTPPool {
  const connectTimeout = options.connectTimeoutMs ?? 30_000
  const settings: Options = {
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    requireTLS: options.tls === 'starttls',
    ignoreTLS: options.tls === 'none',
    tls: tlsOptions(options),
    ...(options.user === undefined
      ? {}
      : { auth: { user: options.user, pass: options.password ?? '' }, forceAuth: true }),
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    dnsTimeout: connectTimeout,
    socketTimeout: options.reply_seconds * 1000,
    socketCloseTimeout: QUIT_MS,
    allowInternalNetworkInterfaces: isLoopback(options.host),
    maxConnections: options.maxConnections ?? CONNECTIONS,
    maxMessages: MAILS_PER_CONNECTION,
    // The library cannot know whether the server took a message.
    maxRequeues: 0,
    idleTimeout: IDLE_MS,
    logger: false,
    debug: false,
    transactionLog: false
  }
  return new SMTPPool(settings)
}

/** The meaning of a library error; `unanswered` is its meaning if the server has not replied. */
function outcomeOf(error: SMTPError, unanswered: SendOutcome): SendOutcome {
  const code = error.responseCode
  if (code === undefined) {
    const isTooLarge = error.code === 'EMESSAGE' && error.command === 'MAIL FROM'
    return isTooLarge ? { kind: 'rejected', code: 552 } : unanswered
  }
  if (code < 400) return unanswered
  // 503 concerns the order of commands on this connection, not the message.
  return { kind: code < 500 || code === 503 ? 'deferred' : 'rejected', code }
}

function troubleOf(error: unknown, options: SenderOptions): Trouble {
  const known: Partial<SMTPError> = error instanceof Error ? error : {}
  if (known.code === 'EAUTH' && (known.responseCode ?? 500) >= 500)
    return connectionTrouble('smtp', 'auth', options, error)
  const isTls = isTlsCode(known.code ?? '') || isTlsCode(known.originalCode ?? '')
  return connectionTrouble('smtp', isTls ? 'tls' : 'network', options, error)
}
