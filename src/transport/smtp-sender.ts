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
import { type Trouble, type TroubleCode } from '../domain/trouble.ts'
import { type Envelope, type Log, type Sender, type SendOutcome } from '../effects/effects.ts'
import { connectionTrouble, isTlsCode, type ServerOptions, tlsOptions } from './server.ts'

/** The submission server. Without a user there is no login: for a relay on this machine. */
export type SenderOptions = ServerOptions & {
  readonly user?: string
  readonly password?: string
  /** Name given in EHLO; default the machine's. */
  readonly name?: string
  /** Most connections at a time; default 4. */
  readonly maxConnections?: number
  /** Default 30 s. */
  readonly connectTimeoutMs?: number
  /** How long to wait for a reply; default 10 min (RFC 5321 §4.5.3.2.6). */
  readonly replyTimeoutMs?: number
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

type State = {
  readonly options: SenderOptions
  readonly log: Log
  /** Connections and messages that wait for one; replaced after a refused login. */
  pool: SMTPPool
  readonly sending: Set<Promise<SendOutcome>>
  isClosed: boolean
  trouble: TroubleCode | null
  isLoginRefused: boolean
}

/**
 * A sender that connects when first needed. Throws {@link Trouble} `config` for an unencrypted connection to another machine.
 */
export function createSender(options: SenderOptions, log: Log): Sender {
  const state: State = {
    options,
    log,
    pool: openPool(options),
    sending: new Set(),
    isClosed: false,
    trouble: null,
    isLoginRefused: false
  }
  return {
    send: async (mail, signal) => {
      assert(parseAddress(mail.to) === mail.to, 'the recipient is a checked address')
      assert(mail.from === '' || parseAddress(mail.from) === mail.from, 'the sender is checked')
      // A thousand messages may wait on the one signal that stops the desk.
      setMaxListeners(0, signal)
      const outcome = send(state, mail, signal)
      state.sending.add(outcome)
      return outcome.finally(() => state.sending.delete(outcome))
    },
    close: async () => {
      state.isClosed = true
      await Promise.all(state.sending)
      state.pool.close()
    }
  }
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
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.user === undefined
      ? {}
      : { auth: { user: options.user, pass: options.password ?? '' }, forceAuth: true }),
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    dnsTimeout: connectTimeout,
    socketTimeout: options.replyTimeoutMs ?? 600_000,
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

/** The server may just have closed a kept connection; then the transfer has not begun and gets a fresh one. */
async function send(state: State, mail: Envelope, signal: AbortSignal): Promise<SendOutcome> {
  for (let tries = 0; tries <= (state.options.maxConnections ?? CONNECTIONS); tries += 1) {
    if (state.isClosed || state.isLoginRefused || signal.aborted) return UNREACHED
    const { outcome, isStale } = await transact(state, mail, signal)
    if (!isStale) return outcome
  }
  return UNREACHED
}

type Sent = { readonly outcome: SendOutcome; readonly isStale: boolean }

function transact(state: State, mail: Envelope, signal: AbortSignal): Promise<Sent> {
  const body = Readable.from([Buffer.from(mail.raw)], { objectMode: false })
  let isConnected = false
  const message = {
    data: { signal },
    message: {
      getHeader: () => '',
      messageId: () => mail.messageId,
      getEnvelope: () => ({ from: mail.from, to: [mail.to], size: mail.raw.byteLength }),
      createReadStream: () => {
        isConnected = true
        state.trouble = null
        return body
      }
    }
  } as unknown as Parameters<SMTPPool['send']>[0]
  return new Promise((resolve) => {
    state.pool.send(message, (error: SMTPError | null, info) => {
      if (error === null) {
        const code = Number(/^\d{3}/.exec(info?.response ?? '')?.[0] ?? 250)
        resolve({ outcome: { kind: 'accepted', code }, isStale: false })
      } else if (isConnected) resolve(refusal(state, error, body.readableDidRead))
      else {
        if (!signal.aborted) noteTrouble(state, troubleOf(error, state.options))
        resolve({ outcome: UNREACHED, isStale: false })
      }
    })
  })
}

/** What a failed transaction means; `isBegun`: bytes of the message were handed to the connection. */
function refusal(state: State, error: SMTPError, isBegun: boolean): Sent {
  const outcome = outcomeOf(error, isBegun ? { kind: 'uncertain' } : UNREACHED)
  if ('code' in outcome && LOGIN_CODES.includes(outcome.code)) {
    noteTrouble(state, connectionTrouble('smtp', 'auth', state.options, undefined))
    return { outcome: UNREACHED, isStale: false }
  }
  // Only the library's error for a kept connection that was closed names no command.
  return { outcome, isStale: outcome === UNREACHED && error.command === undefined }
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

/** Logs a trouble once until a connection works again, and pauses after a refused login. */
function noteTrouble(state: State, trouble: Trouble): void {
  if (trouble.code === 'smtp-auth' && !state.isLoginRefused) {
    state.isLoginRefused = true
    // Everything that waits for a connection fails instead of trying the password.
    state.pool.close()
    state.pool = openPool(state.options)
    setTimeout(() => {
      state.isLoginRefused = false
    }, REFUSED_LOGIN_PAUSE_MS).unref()
  }
  if (state.trouble === trouble.code) return
  state.trouble = trouble.code
  state.log({ event: 'trouble', code: trouble.code, where: 'smtp', says: trouble.message })
}

function troubleOf(error: unknown, options: SenderOptions): Trouble {
  const known: Partial<SMTPError> = error instanceof Error ? error : {}
  if (known.code === 'EAUTH' && (known.responseCode ?? 500) >= 500) {
    return connectionTrouble('smtp', 'auth', options, error)
  }
  const isTls = isTlsCode(known.code ?? '') || isTlsCode(known.originalCode ?? '')
  return connectionTrouble('smtp', isTls ? 'tls' : 'network', options, error)
}
