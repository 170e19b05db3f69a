/**
 * Connections to the submission server (RFC 5321; AUTH RFC 4954, STARTTLS RFC 3207). Each carries one message at a time and is
 * kept for further ones. Says what the library says; what that means is decided in smtp-reply.ts.
 */
import { Readable, type Transform } from 'node:stream'
import SMTPConnection, {
  type Options,
  type SentMessageInfo,
  type SMTPError
} from 'nodemailer/lib/smtp-connection'
import { needsUtf8 } from '../domain/address.ts'
import { type Envelope } from '../effects/effects.ts'

export type Login = { readonly user: string; readonly pass: string }
export type Line = ReturnType<typeof createLine>

const MAILS_PER_CONNECTION = 100
const IDLE_MS = 30_000
const QUIT_MS = 2000
const CHUNK = 64 * 1024
/** So many times as long as one answer may take without a byte, a step may take without a part of the message leaving. */
const ANSWERS_MAX = 2

type Done<T> = (error: SMTPError | null | undefined, value?: T) => void

/** Steps of the conversation, one at a time. A step fails when the connection ends, and ends it when it takes too long. */
function createSteps(connection: SMTPConnection, limitMs: number) {
  let giveUp: ((error: SMTPError) => void) | null = null
  let overdue: NodeJS.Timeout | undefined
  const ended = (): void => {
    clearTimeout(overdue)
    overdue = undefined
    giveUp = null
  }
  const fail = (error: SMTPError): void => {
    giveUp?.(error)
    ended()
  }
  return {
    fail,
    /** A part of the message has left. */
    moved: (): void => {
      overdue?.refresh()
    },
    step: <T>(work: (done: Done<T>) => void): Promise<T | undefined> =>
      new Promise((resolve, reject) => {
        giveUp = reject
        // The library's own limit begins anew with each byte of an answer, which may never end.
        overdue = setTimeout(() => connection.close(), limitMs)
        work((error, value) => {
          ended()
          if (error === null || error === undefined) resolve(value)
          else reject(error)
        })
      })
  }
}

/** A connection that is not open yet. `ended` is called once when it has closed, whoever closed it. */
function createLine(options: Options, login: Login | null, ended: () => void) {
  const connection = new SMTPConnection(options)
  const limitMs = ANSWERS_MAX * (options.socketTimeout ?? 0)
  const { step, fail, moved } = createSteps(connection, limitMs)
  let carried = 0
  connection.on('error', fail)
  connection.once('end', () => {
    fail(new Error('the connection has ended'))
    ended()
  })
  const close = (): void => {
    connection.close()
  }
  return {
    isOpen: () => !connection.destroyed,
    isWorn: () => carried >= MAILS_PER_CONNECTION,
    open: async (): Promise<void> => {
      await step((done) => {
        connection.connect(done)
      })
      if (login === null) return
      await step((done) => {
        connection.login({ ...login, credentials: login }, done)
      })
    },
    takesUtf8: () => takesUtf8(connection),
    /** Hands over one message. `begun` says whether bytes of it may have reached the server, also after a failure. */
    carry: (mail: Envelope) => {
      carried += 1
      const body = bodyOf(mail.pieces(), moved)
      const about = { size: mail.size, use8BitMime: needsUtf8(mail.to) }
      const envelope = { ...about, from: mail.from, to: [mail.to] }
      const reply = step<SentMessageInfo>((done) => {
        connection.send(envelope, body, done)
      })
      return { reply, begun: () => body.readableDidRead }
    },
    /** Makes it ready for another message after one that was refused; closes it where that fails. */
    reset: (): Promise<unknown> =>
      step((done) => {
        connection.reset(done)
      }).catch(close),
    quit: () => {
      connection.quit()
      setTimeout(close, QUIT_MS).unref()
    },
    close
  }
}

/** Whether it takes UTF-8 in addresses and headers (RFC 6531). Only the library itself knows what the server has announced. */
function takesUtf8(connection: SMTPConnection): boolean {
  const announced: unknown = Reflect.get(connection, '_supportedExtensions')
  return Array.isArray(announced) && announced.includes('SMTPUTF8')
}

/** A large message goes out as the server takes it: nothing of it is held a second time. */
function* chunksOf(pieces: Iterable<Uint8Array>, moved: () => void): Generator<Buffer> {
  for (const { buffer, byteOffset, byteLength } of pieces)
    for (let at = 0; at < byteLength; at += CHUNK) {
      moved()
      yield Buffer.from(buffer, byteOffset + at, Math.min(CHUNK, byteLength - at))
    }
}

/** The message as the library takes it, which pipes it into its own stream, to escape it for the server. */
function bodyOf(pieces: Iterable<Uint8Array>, moved: () => void): Readable {
  const body = Readable.from(chunksOf(pieces, moved), { objectMode: false })
  const pipe = body.pipe.bind(body)
  body.pipe = (target, options) => pipe(letPlainPass(target), options)
  return body
}

const [LF, CR, DOT] = [10, 13, 46]
type Escaping = Transform & { lastByte?: number | false }

/** Chunks in which nothing has to be escaped pass as they are: the library takes several times as long to look at each byte. */
function letPlainPass<T extends NodeJS.WritableStream>(target: T): T {
  const stream = target as unknown as Escaping
  const escape = stream._transform.bind(stream)
  stream._transform = (chunk: Buffer, encoding, done) => {
    const { lastByte } = stream
    // A message begins as a line does.
    const before = typeof lastByte === 'number' ? lastByte : LF
    if (!isPlain(chunk, before)) escape(chunk, encoding, done)
    else {
      stream.lastByte = chunk.at(-1) ?? before
      done(null, chunk)
    }
  }
  return target
}

/**
 * Whether all line ends are whole and no line begins with a dot (RFC 5321 §2.3.8, §4.5.2). `before` is the byte before. Goes from
 * line to line: to look at each byte here takes three times as long.
 */
function isPlain(chunk: Buffer, before: number): boolean {
  let at = before === CR ? 1 : 0
  if (at === 1 && chunk[0] !== LF) return false
  for (let last = at === 1 ? LF : before; last !== LF || chunk[at] !== DOT; last = LF) {
    const [cr, lf] = [chunk.indexOf(CR, at), chunk.indexOf(LF, at)]
    if (lf < 0) return cr < 0 || cr === chunk.length - 1
    if (cr < 0 || lf !== cr + 1) return false
    at = lf + 1
  }
  return false
}

/** The connections that wait for the next message. */
export function createLines(options: Options, login: Login | null) {
  const idle = new Map<Line, NodeJS.Timeout>()
  let isClosed = false
  /** Null if it is not among them any more. */
  const take = (line: Line | undefined): Line | null => {
    if (line === undefined) return null
    clearTimeout(idle.get(line))
    return idle.delete(line) ? line : null
  }
  return {
    idle: () => idle.size,
    /** One that is open already, or null. */
    takeAny: () => take([...idle.keys()].at(-1)),
    /** A new one, not open yet. */
    create: (): Line => {
      const line: Line = createLine(options, login, () => take(line))
      return line
    },
    /** Keeps it for the next message, for a while. */
    keep: (line: Line): void => {
      if (!line.isOpen()) return
      if (isClosed || line.isWorn()) line.quit()
      else idle.set(line, setTimeout(() => take(line)?.quit(), IDLE_MS).unref())
    },
    close: () => {
      isClosed = true
      for (const line of [...idle.keys()]) take(line)?.close()
    }
  }
}
