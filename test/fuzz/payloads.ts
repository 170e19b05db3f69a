/**
 * Payloads as the fuzzer writes them, each with what a reader must show of it. That is never taken from a reader, but put
 * together from the same words as the MIME that carries them.
 */
import { type PrivateKey } from 'openpgp'
import { lines, multipart } from './mime.ts'
import { type Random } from './random.ts'

/** What a payload says. Words are compared without regard to blanks and line ends. */
export type Shows = {
  readonly text: string
  /** The text where its header fields do not count for the message: copies of them are then somebody's words. */
  readonly textWithCopies: string
  /** Content of every file, byte for byte, in order. */
  readonly files: readonly Buffer[]
  /** '' when it protects none. */
  readonly subject: string
  /** Fingerprints of attached keys. */
  readonly keys: readonly string[]
}

export type Payload = { readonly entity: Buffer; readonly shows: Shows }

type Piece = { readonly entity: string; readonly shows: Partial<Shows> }

const NOTHING: Shows = { text: '', textWithCopies: '', files: [], subject: '', keys: [] }
const ROOTS = [
  '',
  '; hp="cipher"',
  '; hp="clear"',
  '; protected-headers="v1"',
  '; protected-headers="v1"; hp="cipher"'
]

/** A MIME entity (CRLF, no mail header) that shows `mark`, now and then with one of `keys` attached. */
export function makePayload(
  random: Random,
  mark: string,
  keys: readonly PrivateKey[] = [],
  roots: readonly string[] = ROOTS
): Payload {
  const root = random.pick(roots)
  const subject = root === '' ? '' : `protected ${mark}`
  const text = leafPart(random, mark, root, subject)
  const other = leafPart(random, `more ${mark}`, '', subject)
  const file = filePart(`${mark} ${random.int(1000)}`)
  const key = keys.length > 0 && random.chance(0.3) ? [keyPart(random.pick(keys))] : []
  const all = (...pieces: readonly Piece[]): Payload =>
    payloadOf(
      subject,
      multipart(
        `multipart/mixed; boundary=p${root}`,
        'p',
        pieces.map(({ entity }) => entity)
      ),
      pieces.map(({ shows }) => shows)
    )
  switch (random.int(7)) {
    case 0:
      return all(text, file, ...key)
    case 1:
      return all(alternative(text, htmlPart(mark), true), ...key)
    case 2:
      return all(alternative(text, other, false), file, ...key)
    case 3:
      return all(legacyDisplay(random, mark, subject), text, ...key)
    case 4:
      return all(text, forwarded(mark), ...key)
    case 5:
      return payloadOf('', withHeads(subject, htmlPart(mark).entity), [htmlPart(mark).shows])
    default:
      return payloadOf(subject, withHeads(subject, text.entity), [text.shows])
  }
}

function payloadOf(subject: string, entity: string, pieces: readonly Partial<Shows>[]): Payload {
  const whole = pieces.map((piece) => ({ ...NOTHING, ...piece }))
  const isWithHeads = entity.startsWith('Subject: ')
  return {
    entity: Buffer.from(isWithHeads ? entity : withHeads(subject, entity)),
    shows: {
      text: whole.map(({ text }) => text).join(' '),
      textWithCopies: whole.map(({ textWithCopies }) => textWithCopies).join(' '),
      files: whole.flatMap(({ files }) => files),
      subject,
      keys: whole.flatMap(({ keys }) => keys)
    }
  }
}

function withHeads(subject: string, entity: string): string {
  const from = 'From: Alice <alice@reporter.example>'
  return subject === ''
    ? entity
    : lines(`Subject: ${subject}`, from, 'HP-Outer: Subject: ...', entity)
}

function leafPart(random: Random, mark: string, parameters: string, subject: string): Piece {
  const words = `Hello ${mark}\r\n\r\n> quoted\r\n-- \r\nAl\u00edce`
  const plain = { text: words, textWithCopies: words }
  const type = 'Content-Type: text/plain; charset=utf-8'
  switch (random.int(4)) {
    case 0: {
      const encoding = 'Content-Transfer-Encoding: base64'
      const body = Buffer.from(words).toString('base64')
      return { entity: lines(`${type}${parameters}`, encoding, '', body), shows: plain }
    }
    case 1: {
      const encoding = 'Content-Transfer-Encoding: quoted-printable'
      const body = words.replace('\u00ed', '=C3=AD')
      const head = `${type}; format=flowed${parameters}`
      return { entity: lines(head, encoding, '', body), shows: plain }
    }
    case 2: {
      // A copy of a protected field is left out, a line that only looks like one is not (RFC 9788 §5.2.2).
      const isCopy = subject !== '' && random.chance(0.5)
      const line = `Subject: ${isCopy ? subject : mark}`
      const withLine = `${line}\r\n\r\n${words}`
      return {
        entity: lines(`${type}; hp-legacy-display="1"${parameters}`, '', withLine),
        shows: { text: isCopy ? words : withLine, textWithCopies: withLine }
      }
    }
    default:
      return { entity: lines(`${type}${parameters}`, '', words), shows: plain }
  }
}

function htmlPart(mark: string): Piece {
  const words = `Hello ${mark}`
  return {
    entity: lines('Content-Type: text/html; charset=utf-8', '', `<p>Hello <b>${mark}</b></p>`),
    shows: { text: words, textWithCopies: words }
  }
}

/** Two versions: a second plain one has a word of its own, so it is shown, too. */
function alternative(first: Piece, second: Piece, isRepeated: boolean): Piece {
  const type = 'multipart/alternative; boundary=q'
  const both = (name: 'text' | 'textWithCopies'): string =>
    isRepeated
      ? (first.shows[name] ?? '')
      : `${first.shows[name] ?? ''} ${second.shows[name] ?? ''}`
  return {
    entity: multipart(type, 'q', [first.entity, second.entity]),
    shows: { text: both('text'), textWithCopies: both('textWithCopies') }
  }
}

function legacyDisplay(random: Random, mark: string, subject: string): Piece {
  const isCopy = subject !== '' && random.chance(0.5)
  const line = `Subject: ${isCopy ? subject : mark}`
  return {
    entity: lines('Content-Type: text/plain; protected-headers="v1"', '', line),
    shows: { text: isCopy ? '' : line, textWithCopies: line }
  }
}

function filePart(words: string): Piece {
  const content = Buffer.from(words)
  return {
    entity: lines(
      'Content-Type: application/octet-stream; name=poc.bin',
      'Content-Disposition: attachment; filename=poc.bin',
      'Content-Transfer-Encoding: base64',
      '',
      content.toString('base64')
    ),
    shows: { files: [content] }
  }
}

function keyPart(secret: PrivateKey): Piece {
  const content = secret.toPublic().armor().replaceAll(/\r?\n/g, '\r\n').trimEnd()
  const head = ['Content-Type: application/pgp-keys; name=key.asc', '', content]
  return {
    entity: lines(...head),
    shows: { files: [Buffer.from(content)], keys: [secret.getFingerprint()] }
  }
}

function forwarded(mark: string): Piece {
  const mail = lines(`Subject: ${mark}`, '', mark)
  return {
    entity: lines('Content-Type: message/rfc822', '', mail),
    shows: { files: [Buffer.from(mail)] }
  }
}
