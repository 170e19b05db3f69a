/**
 * MIME as the fuzzer breaks it: mutations of whole messages that know about headers, boundaries and encodings. What the
 * mutations add carries {@link FOREIGN_MARK}.
 */
import { type Random } from './random.ts'

/** Stands in everything that nobody signed. */
export const FOREIGN_MARK = 'QFOREIGNQ'

const TYPES = [
  'text/plain',
  'text/plain; charset=utf-8',
  'text/plain; charset=iso-2022-jp',
  'text/plain; charset=utf-16le',
  'text/plain; charset=utf-7',
  'text/plain; charset="x\\"y"',
  'text/plain; format=flowed; delsp=yes',
  'text/html',
  'text/html; charset=windows-1251',
  'text/calendar',
  'message/rfc822',
  'message/delivery-status',
  'message/disposition-notification',
  'application/pgp-keys',
  'application/pgp-signature',
  'application/pgp-encrypted; name=v',
  'application/octet-stream; name="x.asc"',
  'application/pkcs7-mime; smime-type=enveloped-data',
  'application/ms-tnef; name=winmail.dat',
  'multipart/mixed; boundary=b1',
  'multipart/alternative; boundary=b1',
  'multipart/related; boundary=b1',
  'multipart/digest; boundary=b1',
  'multipart/report; report-type=delivery-status; boundary=b1',
  'multipart/signed; protocol="application/pgp-signature"; boundary=b1',
  'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b1',
  'multipart/mixed; boundary=""',
  'multipart/mixed; boundary="b1 "; boundary=b2',
  "text/plain; name*0*=utf-8''%e2%80%ae; name*1*=%00%0d%0a",
  'broken',
  ''
]
const FIELDS = [
  'Subject: QFOREIGNQ',
  'Subject: =?utf-8?B?4oCuUUZPUkVJR05R?=',
  'Subject: =?utf-8?Q?a=0D=0ABcc:_x?= =?x?',
  'From: Eve <eve@evil.example>, "x\\" <y@z.example>',
  'From: "alice@reporter.example" <eve@evil.example>',
  'From: group: a@b.example, c@d.example;',
  'From:',
  `To: ${Array.from({ length: 250 }, (_, n) => `a${n}@b.example`).join(', ')}`,
  `References: ${Array.from({ length: 150 }, (_, n) => `<${n}@b.example>`).join(' ')}`,
  'Message-ID: <a@b.example> <c@d.example>',
  'Message-ID: <\u202e@b>',
  'Date: Thu, 99 Foo 99999 99:99:99 +9999',
  'Auto-Submitted: auto-replied',
  'Return-Path: <>',
  'List-Id: <x.example>',
  'HP-Outer: Subject: ...',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Transfer-Encoding: x-uuencode',
  'Content-Disposition: attachment; filename="../../\u202ex\u0007.exe"',
  "Content-Disposition: inline; filename*=utf-8''%e2%80%aegpj.exe",
  'Autocrypt: addr=a@b.example; keydata=AAAA',
  `X-Long: ${'x'.repeat(70_000)}`,
  ' folded into nothing',
  'no colon here',
  '\u0000\u0001: \u0002'
]
const LINES = [
  'QFOREIGNQ',
  '',
  '',
  '--b1',
  '--b1--',
  '--e',
  '--e--',
  '--s',
  '--s--',
  '--m',
  '--m--',
  '-----BEGIN PGP MESSAGE-----',
  '-----END PGP MESSAGE-----',
  '-----BEGIN PGP SIGNED MESSAGE-----',
  'Hash: SHA512',
  '-----BEGIN PGP SIGNATURE-----',
  '-----END PGP SIGNATURE-----',
  '- QFOREIGNQ',
  '<img src="http://evil.example/',
  '<div>'.repeat(500),
  '=?utf-8?Q?=E2=80=AE?=',
  '=00=0D=0A=',
  '\u001b[31m\u0007\u009b\u202e\u2066',
  'x'.repeat(70_000)
]

/** Lines joined by CRLF, without a line end after the last. */
export function lines(...all: readonly string[]): string {
  return all.join('\r\n')
}

/** A multipart entity; `type` must name `boundary`. */
export function multipart(type: string, boundary: string, parts: readonly string[]): string {
  const body = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')
  return `Content-Type: ${type}\r\n\r\n${body}--${boundary}--\r\n`
}

/** A larger message is not broken any further: making it would take more memory than reading it. */
const BROKEN_BYTES_MAX = 2 ** 20

/** Breaks a message in up to four places. Bytes are handled as latin1, so that nothing else changes. */
export function mutateMail(random: Random, raw: Buffer, other: Buffer): Buffer {
  let text = raw.toString('latin1')
  for (let count = random.pick([1, 1, 1, 2, 2, 4]); count > 0; count -= 1) {
    if (text.length > BROKEN_BYTES_MAX) break
    text = mutateOnce(random, text, other.toString('latin1'))
  }
  return Buffer.from(text.slice(0, BROKEN_BYTES_MAX), 'latin1')
}

function mutateOnce(random: Random, text: string, other: string): string {
  if (random.chance(0.25)) return rewrapped(random, text)
  const all = text.split('\n')
  const at = random.int(all.length)
  const line = all[at] ?? ''
  const put = (...instead: readonly string[]): string => all.toSpliced(at, 1, ...instead).join('\n')
  switch (random.int(13)) {
    case 0:
      return put()
    case 1:
      return put(line, line)
    case 2:
      return put(`${latin1(random.pick(LINES))}\r`, line)
    case 3:
      return put(`${latin1(random.pick(FIELDS))}\r`, line)
    case 4:
      return `${latin1(random.pick(FIELDS))}\r\n${text}`
    case 5:
      return withOtherType(random, text)
    case 6:
      return text.replaceAll('\r\n', random.pick(['\n', '\r', '\r\n ', '\r\r\n']))
    case 7:
      return text.slice(0, random.int(text.length + 1))
    case 8:
      return put(flipped(random, line))
    case 9:
      return otherBoundary(random, text)
    case 10:
      return all.slice(0, at).join('\n') + other.slice(random.int(other.length + 1))
    case 11:
      return put(
        latin1(random.pick(['--b1', '--s', '--e', '--m', '--p'])) + '\r',
        `Content-Type: ${random.pick(TYPES)}\r`,
        '\r',
        'QFOREIGNQ\r',
        line
      )
    default:
      return all.toSpliced(random.int(all.length), 0, line).join('\n')
  }
}

/** The whole entity inside a wrapper with foreign text before or behind it, as lists, providers and attackers do. */
function rewrapped(random: Random, text: string): string {
  const [head, entity] = splitHead(text)
  const foreign = foreignPart(random)
  const kind = random.pick([
    'mixed',
    'mixed',
    'mixed',
    'mixed',
    'alternative',
    'related',
    'digest',
    'signed; protocol="application/pgp-signature"',
    'report'
  ])
  const parts = random.pick([
    [entity, foreign],
    [foreign, entity],
    [foreign, entity, foreign],
    [entity]
  ])
  return `${head}${multipart(`multipart/${kind}; boundary=m`, 'm', parts)}`
}

/** A part that nobody signed: as text, as a file, as a message, as nothing to see. */
function foreignPart(random: Random): string {
  const head = random.pick([
    'Content-Type: text/plain',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Type: text/plain',
    'Content-Type: text/html',
    'Content-Type: text/plain\r\nContent-Disposition: attachment; filename=QFOREIGNQ.txt',
    'Content-Type: application/octet-stream; name=x.bin',
    'Content-Type: application/pgp-keys; name=key.asc',
    'Content-Type: message/rfc822',
    'Content-Type: application/pgp-encrypted'
  ])
  return lines(head, '', random.chance(0.9) ? FOREIGN_MARK : '')
}

/** Header fields that stay outside, and the entity: its Content- fields and body. */
function splitHead(text: string): readonly [string, string] {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return ['', text]
  const fields = text.slice(0, end).split(/\r\n(?![ \t])/)
  const isOuter = (field: string): boolean => !/^content-/i.test(field)
  const outer = fields
    .filter(isOuter)
    .map((field) => `${field}\r\n`)
    .join('')
  const inner = fields.filter((field) => !isOuter(field)).join('\r\n')
  return [outer, `${inner}${text.slice(end)}`]
}

function withOtherType(random: Random, text: string): string {
  const types = [...text.matchAll(/^content-type:[^\r\n]*/gim)]
  const chosen = types.length === 0 ? undefined : random.pick(types)
  if (chosen === undefined) return text
  const type = `Content-Type: ${random.pick(TYPES)}`
  return text.slice(0, chosen.index) + type + text.slice(chosen.index + chosen[0].length)
}

function otherBoundary(random: Random, text: string): string {
  const boundaries = [...text.matchAll(/boundary="?([A-Za-z0-9]+)/g)].map((match) => match[1] ?? '')
  if (boundaries.length === 0) return text
  const instead = random.pick(boundaries)
  return text.replace(`boundary=${random.pick(boundaries)}`, `boundary=${instead}`)
}

function flipped(random: Random, line: string): string {
  if (line === '') return latin1('\u0000')
  const at = random.int(line.length)
  return line.slice(0, at) + String.fromCharCode(random.int(256)) + line.slice(at + 1)
}

/** UTF-8 bytes one by one, because messages are handled as latin1 here. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
