/**
 * Hands finished bytes to the submission server, one recipient a transaction (RFC 5321; AUTH RFC 4954, STARTTLS RFC 3207), over
 * a few connections that are kept for further messages. Changes no byte and never logs content or addresses. A lost connection
 * is `uncertain` only if the transfer of the message had begun (RFC 1047); the outbox does all retries.
 */
import { setMaxListeners } from 'node:events'
import { Readable } from 'node:stream'
import SMTPConnection, { type Options, type SMTPError } from 'nodemailer/lib/smtp-connection'
import { isLoopback, parseAddress } from '../domain/address.ts'
import { assert } from '../domain/assert.ts'
import { type Trouble, type TroubleCode } from '../domain/trouble.ts'
import { type Envelope, type Log, type Sender, type SendOutcome } from '../effects/effects.ts'
import { connectionTrouble, isTlsCode, type ServerOptions, tlsOptions } from './server.ts'
import { createSlots, type Slots } from './slots.ts'

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

type Line = { readonly connection: SMTPConnection; sent: number; idleTimer: NodeJS.Timeout | null }

type Pool = {
  readonly options: SenderOptions
  readonly log: Log
  readonly slots: Slots
  readonly idle: Line[]
  trouble: TroubleCode | null
  isLoginRefused: boolean
}

/** `isBegun`: bytes of the message were handed to the connection. */
type Sent = { readonly outcome: SendOutcome; readonly isBegun: boolean }

/**
 * A sender that connects when first needed. Throws {@link Trouble} `config` for an unencrypted connection to another machine.
 */
export function createSender(options: SenderOptions, log: Log): Sender {
  tlsOptions(options)
  const pool: Pool = {
    options,
    log,
    slots: createSlots(options.maxConnections ?? CONNECTIONS),
    idle: [],
    trouble: null,
    isLoginRefused: false
  }
  return {
    send: (mail, signal) => send(pool, mail, signal),
    close: async () => {
      await pool.slots.close()
      await Promise.all(pool.idle.splice(0).map(quit))
    }
  }
}

async function send(pool: Pool, mail: Envelope, signal: AbortSignal): Promise<SendOutcome> {
  assert(parseAddress(mail.to) === mail.to, 'the recipient is a checked address')
  assert(mail.from === '' || parseAddress(mail.from) === mail.from, 'the sender is checked')
  // A thousand messages may wait on the one signal that stops the desk.
  setMaxListeners(0, signal)
  const giveBack = await pool.slots.take(signal)
  if (giveBack === null) return UNREACHED
  try {
    return await sendOnLine(pool, mail, signal)
  } catch (error) {
    if (!signal.aborted) noteTrouble(pool, troubleOf(error, pool.options))
    return UNREACHED
  } finally {
    giveBack()
  }
}

/** The server may just have closed a kept connection; then the transfer has not begun and gets a fresh one. */
async function sendOnLine(pool: Pool, mail: Envelope, signal: AbortSignal): Promise<SendOutcome> {
  for (let kept = takeIdle(pool); ; kept = takeIdle(pool)) {
    if (pool.isLoginRefused || signal.aborted) return UNREACHED
    const line = kept ?? (await open(pool.options, signal))
    pool.trouble = null
    const { outcome, isBegun } = await transact(line.connection, mail, signal)
    line.sent += 1
    keep(pool, line)
    if (kept !== null && outcome === UNREACHED && !isBegun) continue
    if ('code' in outcome && LOGIN_CODES.includes(outcome.code)) {
      noteTrouble(pool, connectionTrouble('smtp', 'auth', pool.options, undefined))
      return UNREACHED
    }
    return outcome
  }
}

function open(options: SenderOptions, signal: AbortSignal): Promise<Line> {
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection(connectionOptions(options))
    const settle = (error: unknown): void => {
      signal.removeEventListener('abort', stop)
      if (error === null) {
        resolve({ connection, sent: 0, idleTimer: null })
        return
      }
      // In this order: closing emits `end`, which knows less about the reason.
      reject(error instanceof Error ? error : new Error('closed'))
      connection.close()
    }
    const stop = (): void => settle(new Error('aborted'))
    // Stays for the life of the connection, because an `error` without a listener ends the process.
    connection.on('error', settle)
    connection.once('end', () => settle(new Error('closed')))
    signal.addEventListener('abort', stop, { once: true })
    connection.connect((failed) => {
      const { user, password } = options
      if (failed !== undefined) settle(failed)
      else if (user === undefined) settle(null)
      else connection.login({ user, pass: password ?? '' }, settle)
    })
  })
}

function connectionOptions(options: SenderOptions): Options {
  const connectTimeout = options.connectTimeoutMs ?? 30_000
  return {
    host: options.host,
    port: options.port,
    secure: options.tls === 'implicit',
    requireTLS: options.tls === 'starttls',
    ignoreTLS: options.tls === 'none',
    tls: tlsOptions(options),
    ...(options.name === undefined ? {} : { name: options.name }),
    connectionTimeout: connectTimeout,
    greetingTimeout: connectTimeout,
    dnsTimeout: connectTimeout,
    socketTimeout: options.replyTimeoutMs ?? 600_000,
    socketCloseTimeout: QUIT_MS,
    allowInternalNetworkInterfaces: isLoopback(options.host),
    logger: false,
    debug: false,
    transactionLog: false
  }
}

/** Sends one message on one connection. Never rejects. */
function transact(connection: SMTPConnection, mail: Envelope, signal: AbortSignal): Promise<Sent> {
  return new Promise((resolve) => {
    const body = Readable.from([Buffer.from(mail.raw)], { objectMode: false })
    let answer: SendOutcome | null = null
    const unanswered = (): SendOutcome => (body.readableDidRead ? { kind: 'uncertain' } : UNREACHED)
    const settle = (): void => {
      signal.removeEventListener('abort', stop)
      connection.removeListener('end', end)
      resolve({ outcome: answer ?? unanswered(), isBegun: body.readableDidRead })
    }
    const stop = (): void => {
      settle()
      connection.close()
    }
    // The library reports most losses with an error just after `end`, but not all.
    const end = (): void => {
      setImmediate(settle)
    }
    connection.once('end', end)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) {
      stop()
      return
    }
    const envelope = { from: mail.from, to: [mail.to], size: mail.raw.byteLength }
    connection.send(envelope, body, (error: SMTPError | null, info) => {
      if (error === null) {
        answer = { kind: 'accepted', code: Number(/^\d{3}/.exec(info.response)?.[0] ?? 250) }
        settle()
        return
      }
      answer = outcomeOf(error, unanswered())
      if (error.responseCode === undefined || connection.destroyed) {
        settle()
        return
      }
      // The next message must not find an unfinished transaction (RFC 5321 §4.1.1.5).
      connection.reset((failed) => {
        if (failed !== null) connection.close()
        settle()
      })
    })
  })
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

function takeIdle(pool: Pool): Line | null {
  for (let line = pool.idle.pop(); line !== undefined; line = pool.idle.pop()) {
    if (line.idleTimer !== null) clearTimeout(line.idleTimer)
    line.idleTimer = null
    if (!line.connection.destroyed) return line
  }
  return null
}

function keep(pool: Pool, line: Line): void {
  if (line.connection.destroyed) return
  if (line.sent >= MAILS_PER_CONNECTION) {
    void quit(line)
    return
  }
  line.idleTimer = setTimeout(() => {
    pool.idle.splice(pool.idle.indexOf(line), 1)
    void quit(line)
  }, IDLE_MS)
  line.idleTimer.unref()
  pool.idle.push(line)
}

/** Sends QUIT and waits briefly for the reply. */
function quit(line: Line): Promise<void> {
  if (line.idleTimer !== null) clearTimeout(line.idleTimer)
  const { connection } = line
  if (connection.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => connection.close(), QUIT_MS)
    connection.once('end', () => {
      clearTimeout(timer)
      resolve()
    })
    connection.quit()
  })
}

/** Logs a trouble once until a connection works again, and pauses after a refused login. */
function noteTrouble(pool: Pool, trouble: Trouble): void {
  if (trouble.code === 'smtp-auth' && !pool.isLoginRefused) {
    pool.isLoginRefused = true
    setTimeout(() => {
      pool.isLoginRefused = false
    }, REFUSED_LOGIN_PAUSE_MS).unref()
  }
  if (pool.trouble === trouble.code) return
  pool.trouble = trouble.code
  pool.log({ event: 'trouble', code: trouble.code, where: 'smtp', says: trouble.message })
}

function troubleOf(error: unknown, options: SenderOptions): Trouble {
  const known: Partial<SMTPError> = error instanceof Error ? error : {}
  if (known.code === 'EAUTH' && (known.responseCode ?? 500) >= 500) {
    return connectionTrouble('smtp', 'auth', options, error)
  }
  const isTls = isTlsCode(known.code ?? '') || isTlsCode(known.originalCode ?? '')
  return connectionTrouble('smtp', isTls ? 'tls' : 'network', options, error)
}
