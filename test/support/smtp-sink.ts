/**
 * A real SMTP server on loopback that keeps every message it accepts and fails on demand at any step, for one recipient or for
 * all. What it answers is under the test's control; how SMTP works is smtp-server's.
 */
import { once } from 'node:events'
import { type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { SMTPServer, type SMTPServerSession } from 'smtp-server'
import { type Certificates } from './certificates.ts'

/** A message the server took responsibility for. */
export type Taken = {
  readonly from: string
  readonly to: string
  readonly raw: Buffer
  /** Milliseconds since 1970. */
  readonly at: number
  /** How often this recipient was tried, this time included. */
  readonly attempt: number
  readonly secure: boolean
  readonly user: string | null
}

/** What goes wrong; a reply is a code, or one with text behind it. `hang` never answers; `drop` closes the connection without an answer. */
export type Fault =
  | { readonly at: 'connect' | 'mail' | 'rcpt' | 'data'; readonly reply: number | string }
  | { readonly at: 'connect' | 'mail' | 'rcpt' | 'data'; readonly hang: true }
  | { readonly at: 'mail' | 'rcpt'; readonly drop: true }
  | { readonly at: 'data'; readonly drop: 'before-storing' | 'after-storing' }

/** The bytes of a message as a sender takes them. */
export const inOnePiece = (raw: Uint8Array) => ({ size: raw.length, pieces: () => [raw] })

export type SinkOptions = {
  /** Default `none`. */
  readonly tls?: 'implicit' | 'starttls' | 'none'
  readonly certificates?: Certificates
  readonly auth?: { readonly user: string; readonly password: string }
  /** Largest mail in bytes (SIZE, RFC 1870). */
  readonly size?: number
  readonly pipelining?: boolean
  /** Most connections at a time; others get 421. */
  readonly connections?: number
  /** Whether it takes addresses in UTF-8 (SMTPUTF8). */
  readonly utf8?: boolean
  /** The step at which the null sender is refused, and in which words; 550 5.7.1 by default. */
  readonly refusesNull?: { readonly at: 'mail' | 'rcpt' | 'data'; readonly reply?: string }
}

export type Sink = Awaited<ReturnType<typeof startSink>>

type Rule = { readonly fault: Fault; readonly to: string | null; times: number; after: number }
type Answer = (error?: Error | null) => void

/** Starts one on a free port. */
export async function startSink(options: SinkOptions = {}) {
  const taken: Taken[] = []
  const rules: Rule[] = []
  const tries = new Map<string, number>()
  const mails: object[] = []
  let connected = 0
  let hanging = 0

  const ruleFor = (at: Fault['at'], to: string | null): Fault | null => {
    const rule = rules.find(
      (each) => each.times > 0 && each.fault.at === at && (each.to === null || each.to === to)
    )
    if (rule === undefined) return null
    if (rule.after > 0) {
      rule.after -= 1
      return null
    }
    rule.times -= 1
    return rule.fault
  }
  const nullRefusal = (at: Fault['at'], { envelope }: SMTPServerSession): Fault | null => {
    const { mailFrom } = envelope
    if (options.refusesNull?.at !== at || mailFrom === false || mailFrom.address !== '') return null
    return { at, reply: options.refusesNull.reply ?? '550 5.7.1 null sender refused' }
  }
  const drop = (session: SMTPServerSession): void => {
    for (const connection of server.connections) {
      if (connection.session.id === session.id) connection._socket.destroy()
    }
  }
  /** Answers with the fault, or with `good` when there is none. */
  const answer = (fault: Fault | null, session: SMTPServerSession, done: Answer): void => {
    if (fault === null) done()
    else if ('reply' in fault) done(replyError(fault.reply))
    else if ('drop' in fault) drop(session)
    else hanging += 1
  }

  const server = new SMTPServer({
    ...tlsOptions(options),
    logger: false,
    disableReverseLookup: true,
    closeTimeout: 200,
    maxAllowedUnauthenticatedCommands: false,
    hidePIPELINING: options.pipelining === false,
    hideSMTPUTF8: options.utf8 !== true,
    authOptional: options.auth === undefined,
    allowInsecureAuth: true,
    ...(options.size === undefined ? {} : { size: options.size }),
    onAuth: (given, _session, done) => {
      const isRight =
        given.username === options.auth?.user && given.password === options.auth?.password
      if (isRight) done(null, { user: given.username })
      else done(replyError(535))
    },
    onConnect: (session, done) => {
      connected += 1
      if (server.connections.size > (options.connections ?? Infinity)) {
        done(replyError('421 4.7.0 too many connections'))
        return
      }
      answer(ruleFor('connect', null), session, done)
    },
    onMailFrom: ({ address, args }, session, done) => {
      mails.push(args === false ? {} : { ...args })
      const isRefused = options.refusesNull?.at === 'mail' && address === ''
      if (isRefused) done(replyError('550 5.7.1 null sender refused'))
      else answer(ruleFor('mail', null), session, done)
    },
    onRcptTo: ({ address }, session, done) => {
      tries.set(address, (tries.get(address) ?? 0) + 1)
      answer(nullRefusal('rcpt', session) ?? ruleFor('rcpt', address), session, done)
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address).join(', ')
        const fault = stream.sizeExceeded
          ? ({ at: 'data', reply: 552 } as const)
          : (nullRefusal('data', session) ?? ruleFor('data', to))
        const isStored = fault === null || ('drop' in fault && fault.drop === 'after-storing')
        const { mailFrom } = session.envelope
        if (isStored) {
          taken.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to,
            raw: Buffer.concat(chunks),
            at: Date.now(),
            attempt: tries.get(to) ?? 0,
            secure: session.secure,
            user: typeof session.user === 'string' ? session.user : null
          })
        }
        answer(fault, session, done)
      })
    }
  })
  server.on('error', () => undefined)
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  const dropConnections = (): void => {
    for (const connection of server.connections) connection._socket.destroy()
  }

  return {
    host: '127.0.0.1',
    port: (listening.address() as AddressInfo).port,
    taken: taken as readonly Taken[],
    /** Connections made so far, the failed ones included. */
    connections: () => connected,
    /** The parameters of each MAIL command. */
    mails: mails as readonly object[],
    /** Steps left without an answer so far. */
    hanging: () => hanging,
    /** RCPT commands for this recipient so far. */
    attempts: (to: string) => tries.get(to) ?? 0,
    /** `times` matching steps fail, once `after` of them went well; `to` limits a fault at `rcpt` or `data` to one recipient. */
    fail: (
      fault: Fault,
      { to = null, times = 1, after = 0 }: Partial<Omit<Rule, 'fault'>> = {}
    ) => {
      rules.push({ fault, to, times, after })
    },
    /** From now on nothing fails. */
    mend: () => {
      rules.length = 0
    },
    /** Resolves once so many messages were taken, or the predicate holds. */
    waitFor: async (
      wanted: number | ((taken: readonly Taken[]) => boolean),
      timeoutMs = 10_000
    ): Promise<readonly Taken[]> => {
      const isReached = (): boolean =>
        typeof wanted === 'number' ? taken.length >= wanted : wanted(taken)
      for (const end = Date.now() + timeoutMs; !isReached(); await delay(10)) {
        if (Date.now() > end) throw new Error(`the sink took only ${taken.length} messages`)
      }
      return [...taken]
    },
    /** Closes the connections that are open now; new ones are welcome. */
    dropConnections,
    close: () => {
      dropConnections()
      return new Promise<void>((resolve) => {
        server.close(resolve)
      })
    }
  }
}

function tlsOptions(options: SinkOptions) {
  const mode = options.tls ?? 'none'
  return {
    secure: mode === 'implicit',
    hideSTARTTLS: mode !== 'starttls',
    disabledCommands: mode === 'starttls' ? [] : ['STARTTLS'],
    ...(options.certificates === undefined
      ? {}
      : { cert: options.certificates.certificate, key: options.certificates.key })
  }
}

function replyError(reply: number | string): Error {
  const [code = '', ...text] = String(reply).split(' ')
  const words = text.join(' ') || 'fault of the test'
  return Object.assign(new Error(words), { responseCode: Number(code) })
}
