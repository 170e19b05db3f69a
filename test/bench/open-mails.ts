/**
 * Messages to open in the benchmark: ordinary ones of a wanted size, and the worst of the attack catalogue, each as large or as
 * deep as a message that the desk downloads may be. Built by hand; nothing here is a secret.
 */
import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { createMessage, encryptSessionKey, readKey, sign } from 'openpgp'
import { binaryEntity, signedEntity, wrapped } from '../fuzz/entities.ts'
import { lines, multipart } from '../fuzz/mime.ts'
import { encryptedData, framed, joined, literal, splitPackets } from '../fuzz/packets.ts'
import { type Someone } from '../support/world.ts'
import { report } from './stage.ts'

/** A message with the name under which it is reported. */
export type NamedMail = { readonly name: string; readonly raw: Buffer }

/** An entity, made only when asked for: most are as large as any may be. */
type Payload = { readonly name: string; readonly make: () => Buffer }

const MIB = 2 ** 20
/** A line that begins like each delimiter of {@link inDashes}. */
const DASHES = `${'-'.repeat(74)}x\n`
/** A packet of a kind that nobody knows, with nothing in it. */
const NO_PACKET = Buffer.of(0xfc, 0)
const SESSION_KEY = Buffer.alloc(32, 7)
/** Just within what the desk decompresses. */
const MOST = 60 * MIB
const LEVELS = 19

/** The worst to read as a message. */
const WORST_PAYLOADS: readonly Payload[] = [
  { name: '60 MiB of lines of dashes in 19 levels', make: () => inLevels('--b \n') },
  { name: '60 texts of 1 MiB of line ends', make: lineEnds },
  { name: '198 parts of 1,000 fields that are not UTF-8', make: strangeFields },
  { name: 'uuencode, 60 MiB of lines of one byte', make: uuencoded },
  { name: '58 MiB of control characters', make: controls },
  { name: '60 MiB of zeros', make: zeros }
]

/** The worst to find in a signed and encrypted file. */
const WORST_FILES: readonly Payload[] = [
  {
    name: '60 MiB of lines that look like boundaries in 19 levels',
    make: () => inLevels('--b1 x\n')
  },
  { name: '58 MiB of armor', make: armor },
  { name: '60 MiB of zeros', make: zeros },
  {
    name: '60 MiB of empty key blocks',
    make: () => file('-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n')
  }
]

/** A signed and encrypted report that is about `bytes` long as it arrives. */
export async function mailOfSize(desk: Someone, from: Someone, bytes: number): Promise<Uint8Array> {
  const key = desk.secret.toPublic().armor()
  const bare = await report(from, key, 16)
  // The attachment is base64 inside of the encryption, and the armor is base64 again.
  return report(from, key, Math.max(16, Math.floor((bytes - bare.length) / 1.83)))
}

/** A message in clear, a text and a file in base64, that is about `bytes` long as it arrives. */
export function clearMail(bytes: number): Buffer {
  const text = lines(
    'Content-Type: text/plain; charset=utf-8',
    '',
    'The parser overflows: gr\u00fc\u00dfe.'
  )
  const head = 'Content-Disposition: attachment; filename="poc.bin"'
  const encoding = 'Content-Transfer-Encoding: base64'
  const data = lines(head, encoding, '', wrapped(randomBytes(Math.floor((bytes * 3) / 4.1))))
  return mail(multipart('multipart/mixed; boundary=m', 'm', [text, data]))
}

/** The worst messages there are, made for this desk. What is compressed ends at a limit where nothing is `added` to it. */
export async function worstMails(
  desk: Someone,
  from: Someone,
  added = noiseFor
): Promise<NamedMail[]> {
  const withNoise = (content: Buffer): Buffer => Buffer.concat([content, added(content.length)])
  const toDesk = await sessionKeyFor(desk)
  const message = (stream: Buffer): Buffer =>
    Buffer.concat([toDesk, framed(encryptedData(SESSION_KEY, stream))])
  const sealed = (stream: Buffer): Buffer => encrypted(message(stream))
  const files: NamedMail[] = []
  for (const { name, make } of WORST_FILES) {
    const packets = deflated(await signedMessage(from, withNoise(make())))
    files.push({ name: `signed file: ${name}, compressed`, raw: attached(message(packets)) })
  }
  const signature = await signatureOf(from, { binary: Buffer.from('x\r\n') })
  const textSignatures = await eightSignatures(from)
  const data = encryptedData(SESSION_KEY, joined([literal(Buffer.from('\r\nhello'))]))
  const flood = Buffer.concat(Array.from({ length: 2000 }, () => toDesk))
  return [
    { name: '2,000 session keys', raw: encrypted(Buffer.concat([flood, framed(data)])) },
    {
      name: '64 session keys, 4 tried',
      raw: encrypted(Buffer.concat([flood.subarray(0, 64 * toDesk.length), framed(data)]))
    },
    { name: 'compression, 256 MiB from 0.25', raw: sealed(bomb(256)) },
    {
      name: 'compression, 60 MiB, within the limit',
      raw: sealed(compressed(withNoise(Buffer.alloc(MOST, 97))))
    },
    { name: 'MIME, 200,000 parts', raw: manyParts(200_000) },
    { name: 'MIME, 20,000 levels', raw: manyLevels(20_000) },
    {
      name: 'HTML, 1,000,000 open tags',
      raw: mail('Content-Type: text/html', '', '<div>'.repeat(1_000_000))
    },
    {
      name: 'HTML, 10 MiB of attributes',
      raw: mail('Content-Type: text/html', '', `<a ${'x="'.repeat(3_000_000)}`)
    },
    { name: 'HTML, 198 parts of quotes in quotes', raw: quotes('<blockquote>', 'x\n') },
    { name: 'HTML, 198 parts of empty lists in lists', raw: quotes('<ul><li>', '\n\n') },
    { name: '5,000 signatures', raw: signed(repeated(signature, 5000)) },
    { name: '8 signatures over 25 MiB', raw: signed(repeated(signature, 8), 'x'.repeat(25 * MIB)) },
    {
      name: '8 text signatures over 25 MiB of lines',
      raw: signed(textSignatures, 'a\r\n'.repeat((25 * MIB) / 3))
    },
    {
      name: '4 layers of 8 signatures around 60 MiB, compressed',
      raw: await layeredMail(desk, from, 'x'.repeat(60 * MIB))
    },
    ...WORST_PAYLOADS.map(({ name, make }) => ({
      name: `${name}, compressed`,
      raw: sealed(compressed(withNoise(make())))
    })),
    ...files,
    {
      name: '1,500,000 packets inside, compressed',
      raw: sealed(floodInside(NO_PACKET, 1_500_000, added))
    },
    {
      name: '150,000 signatures inside, compressed',
      raw: sealed(floodInside(joined(splitPackets(signature)), 150_000, added))
    },
    { name: 'header of 25 MiB', raw: mail(`References: ${'<a@b> '.repeat(4 * MIB)}`, '', 'hello') },
    {
      name: '500,000 header fields',
      raw: mail(`${'Subject: a\r\n'.repeat(500_000)}\r\nhello`)
    },
    { name: '25 MiB of boundary look-alikes', raw: lookAlikes() },
    { name: '25 MiB of dashes in 18 levels', raw: inDashes('-'.repeat(25 * MIB)) },
    { name: '25 MiB of lines of dashes in 18 levels', raw: inDashes(DASHES.repeat(MIB / 3)) },
    {
      name: 'quoted-printable, 25 MiB of =',
      raw: mail(
        'Content-Type: text/plain',
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '=\r\n'.repeat(8 * MIB)
      )
    },
    {
      name: 'flowed text, 1 MiB of soft line breaks',
      raw: mail('Content-Type: text/plain; format=flowed; delsp=yes', '', 'x \n'.repeat(MIB / 3))
    }
  ]
}

/**
 * A small message that takes seconds of any machine: four times eight signatures of somebody known around `text`, compressed. It
 * grows just less than a hundredfold, which is the most that the desk opens.
 */
export async function layeredMail(
  desk: Pick<Someone, 'keyData'>,
  from: Pick<Someone, 'secret'>,
  text: string
): Promise<Buffer> {
  const noise = randomBytes(Math.ceil(text.length / 85)).toString('base64')
  const packets = compressed(inLayers(await eightSignatures(from), `${text}${noise}`))
  const data = framed(encryptedData(SESSION_KEY, packets))
  return encrypted(Buffer.concat([await sessionKeyFor(desk), data]))
}

async function eightSignatures(from: Pick<Someone, 'secret'>): Promise<Buffer> {
  const all = Array.from({ length: 8 }, () => signatureOf(from, { text: 'x' }))
  return Buffer.concat(await Promise.all(all))
}

async function sessionKeyFor(desk: Pick<Someone, 'keyData'>): Promise<Buffer> {
  const packet = await encryptSessionKey({
    data: SESSION_KEY,
    algorithm: 'aes256',
    encryptionKeys: await readKey({ binaryKey: desk.keyData }),
    format: 'binary'
  })
  return Buffer.from(packet)
}

async function signatureOf(
  from: Pick<Someone, 'secret'>,
  content: { readonly binary: Uint8Array } | { readonly text: string }
): Promise<Buffer> {
  const how = { signingKeys: from.secret, detached: true, format: 'binary' } as const
  const signature =
    'text' in content
      ? await sign({ message: await createMessage(content), ...how })
      : await sign({ message: await createMessage(content), ...how })
  return Buffer.from(signature)
}

/** Just so much of what does not compress that the desk opens so many bytes beside it: they grow at most a hundredfold (A1). */
function noiseFor(bytes: number): Buffer {
  return Buffer.from(`\n${wrapped(randomBytes(Math.ceil(bytes / 85)))}`)
}

/** A compressed packet that unfolds to one literal of `mebibytes`. */
function bomb(mebibytes: number): Buffer {
  return compressed(Buffer.alloc(mebibytes * MIB, 97))
}

function compressed(content: Buffer): Buffer {
  return deflated(framed(literal(content)))
}

function deflated(packets: Buffer): Buffer {
  return framed({ tag: 8, body: Buffer.concat([Buffer.of(1), deflateRawSync(packets)]) })
}

/** `packet` many times in front of a text, compressed. */
function floodInside(packet: Buffer, count: number, added: typeof noiseFor): Buffer {
  const flood = Buffer.alloc(packet.length * count, packet)
  const text = framed(literal(Buffer.from(`\r\nhello${added(flood.length)}`)))
  return deflated(Buffer.concat([flood, text]))
}

/** The packets of `content` with a signature by `from`. */
async function signedMessage(from: Someone, content: Buffer): Promise<Buffer> {
  const message = await createMessage({ binary: content })
  return Buffer.from(await sign({ message, signingKeys: from.secret, format: 'binary' }))
}

function manyParts(count: number): Buffer {
  return mail('Content-Type: multipart/mixed; boundary=m', '', '--m\r\n\r\nx\r\n'.repeat(count))
}

function manyLevels(count: number): Buffer {
  const levels = Array.from(
    { length: count },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`
  )
  return mail(levels.join(''))
}

function lookAlikes(): Buffer {
  return mail('Content-Type: multipart/mixed; boundary=m', '', '--mm\r\n'.repeat(4 * MIB))
}

/** Parts of HTML whose every line of two characters becomes a long one. */
function quotes(tag: string, line: string): Buffer {
  const part = `Content-Type: text/html\r\n\r\n${tag.repeat(24)}<pre>${line.repeat(60_000)}`
  return mail(
    multipart(
      'multipart/mixed; boundary=m',
      'm',
      Array.from({ length: 198 }, () => part)
    )
  )
}

/** `body` in 18 containers, one in the other, whose boundaries are dashes only. */
function inDashes(body: string): Buffer {
  const levels = Array.from({ length: 18 }, (_, level) => {
    const boundary = '-'.repeat(60 - level)
    return `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n`
  })
  return mail(`${levels.join('')}\r\n${body}`)
}

function encrypted(message: Buffer): Buffer {
  return mail(binaryEntity(message))
}

/** An encrypted file and nothing beside it. */
function attached(message: Buffer): Buffer {
  return mail(
    'Content-Type: application/octet-stream; name=x.pgp',
    'Content-Disposition: attachment; filename=x.pgp',
    'Content-Transfer-Encoding: base64',
    '',
    wrapped(message)
  )
}

function signed(signatures: Buffer, text = 'x'): Buffer {
  return mail(signedEntity(signatures, `Content-Type: text/plain\r\n\r\n${text}`, 's'))
}

/** `text` in four signed layers, one in the other, with the same signatures on each. */
function inLayers(signatures: Buffer, text: string): Buffer {
  const inside = `Content-Type: text/plain\r\n\r\n${text}`
  const levels = ['a', 'b', 'c', 'd']
  return Buffer.from(
    levels.reduce((entity, boundary) => signedEntity(signatures, entity, boundary), inside)
  )
}

function mail(...entity: readonly string[]): Buffer {
  const head = ['From: Eve <eve@bench.example>', 'To: <security@bench.example>', 'Subject: worst']
  return Buffer.from(lines(...head, ...entity))
}

function repeated(bytes: Buffer, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes))
}

function inLevels(line: string): Buffer {
  const heads = Array.from(
    { length: LEVELS },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`
  )
  return Buffer.concat([Buffer.from(`${heads.join('')}\r\n`), Buffer.alloc(MOST, line)])
}

function lineEnds(): Buffer {
  const type = 'Content-Type: text/plain; charset=iso-8859-1; format=flowed; delsp=yes'
  const text = `${type}\r\n\r\n${'\n'.repeat(MIB - 10)}`
  const texts = Array.from({ length: MOST / MIB }, () => text)
  return Buffer.from(multipart('multipart/mixed; boundary=m', 'm', texts))
}

function strangeFields(): Buffer {
  const part = `${'x:\u00ff\r\n'.repeat(1000)}\r\ny`
  const parts = Array.from({ length: 198 }, () => part)
  return Buffer.from(multipart('multipart/mixed; boundary=m', 'm', parts), 'latin1')
}

function uuencoded(): Buffer {
  const head = lines('Content-Type: text/plain', 'Content-Transfer-Encoding: x-uuencode', '')
  const end = '`\nend\n'
  return Buffer.concat([
    Buffer.from('Content-Type: multipart/alternative; boundary=m\r\n\r\n--m\r\n'),
    Buffer.from(`${head}begin 644 x\n`),
    Buffer.alloc(MOST, '!\n'),
    Buffer.from(`${end}--m--\r\n`)
  ])
}

function zeros(): Buffer {
  return file('\0')
}

function file(content: string): Buffer {
  const head = 'Content-Type: application/octet-stream\r\n\r\n\0'
  return Buffer.concat([Buffer.from(head), Buffer.alloc(MOST, content)])
}

function controls(): Buffer {
  const head = 'Content-Type: text/plain; charset=utf-8\r\n\r\n'
  return Buffer.concat([Buffer.from(head), Buffer.alloc(58 * MIB, '\u0001')])
}

function armor(): Buffer {
  const [begin, end] = ['BEGIN', 'END'].map((word) => `-----${word} PGP MESSAGE-----\n`)
  const lines = Buffer.alloc(58 * MIB, `${'A'.repeat(64)}\n`)
  return Buffer.concat([Buffer.from(`${begin}\n`), lines, Buffer.from(`=AAAA\n${end}`)])
}
