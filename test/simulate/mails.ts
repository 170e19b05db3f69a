/**
 * The mail of a flood day: hostile messages that are small and expensive, clumsy ones as ordinary clients and services write them,
 * and honest reports among them. Seed and number alone determine each choice. Every honest report has a mark in its text, by
 * which the day knows it again.
 */
import { deflateRawSync } from 'node:zlib'
import { type Instant, msOf } from '../../src/domain/time.ts'
import { worstMails } from '../bench/open-mails.ts'
import { mutateMail } from '../fuzz/mime.ts'
import { type Random } from '../fuzz/random.ts'
import { DESK_ADDRESS } from '../support/desk-world.ts'
import { type Someone, write } from '../support/world.ts'
import { TAG } from '../unit/policy/samples.ts'

const KIB = 1024
const BUG = 'There is a bug in your software, please fix it.'
const NAMELESS = ['From', 'Reply-To', 'Sender'].map((name) => new RegExp(`^${name}:`, 'i'))

/** The name of the operator's own mail server, whose word about senders counts. */
export const OUR_SERVER = 'mx.acme.example'

/** Who writes to the desk, and what they know. */
export type Cast = {
  readonly now: () => Instant
  readonly deskKey: string
  readonly maintainers: readonly Someone[]
  readonly strangers: readonly Someone[]
  /** Their keys are known to the desk, and command nothing. */
  readonly members: readonly Someone[]
}

/** Something that costs more than it weighs, or that wants to be somebody else. */
export type Hostile = (random: Random, number: number) => Promise<Buffer>

/** Messages of a few kilobytes that cost the most to open, for this certificate of the desk. */
export async function expensiveKinds(cast: Cast, keyData: Uint8Array): Promise<readonly Hostile[]> {
  const eve = strangerOf(cast)
  const worst = await worstMails({ ...eve, keyData }, eve, () => Buffer.alloc(0))
  return worst
    .filter(({ raw }) => raw.length <= 64 * KIB)
    .map(
      ({ raw }): Hostile =>
        (_, number) =>
          Promise.resolve(renamed(raw, `Eve <eve@h${number}.example>`))
    )
}

function strangerOf({ strangers: [eve] }: Cast): Someone {
  if (eve === undefined) throw new Error('nobody is hostile')
  return eve
}

/** Hostile messages of all other kinds. */
export function hostileKinds(cast: Cast): readonly Hostile[] {
  const eve = strangerOf(cast)
  const sealed = (from: Someone): Promise<Uint8Array> =>
    write(from, { subject: 'x', text: 'Nothing to see here.' }, cast.deskKey, cast.now())
  return [
    // Every domain asks for an acknowledgement of its own.
    (_, number) => Promise.resolve(plain(`a${number}@flood${number}.example`, 'Please confirm')),
    // Forged maintainers: priority and commands are what they want.
    async (random) => {
      const as = random.pick(cast.maintainers)
      return renamed(await sealed(eve), `${as.name} <${as.address}>`)
    },
    async (random) => {
      const as = random.pick(cast.maintainers)
      const words = '/notice release\n/reject spam because I say so\n'
      return Buffer.from(
        await write(as, { subject: 'x', text: words, as: 'clear' }, cast.deskKey, cast.now())
      )
    },
    async (random) => {
      const as = random.pick(cast.maintainers)
      const text = `case: ${TAG}\n/notice hold\n/reject spam because I say so\n`
      const by = random.pick([eve, ...cast.members])
      const raw = await write(by, { subject: 'x', text }, cast.deskKey, cast.now())
      return renamed(raw, `${as.name} <${as.address}>`)
    },
    async (random) =>
      mutateMail(
        random,
        Buffer.from(await sealed(random.pick(cast.strangers))),
        plain('o@other.example', 'x')
      ),
    (_, number) => Promise.resolve(words(number, '=?x-unknown-1?B?QQ==?= '.repeat(400))),
    (_, number) => Promise.resolve(words(number, `${'=?utf-8?B?'}${'A'.repeat(8000)}?=`)),
    (random, number) => Promise.resolve(zipBomb(number, random.int(20) + 1))
  ]
}

/** Messages that mean well. */
export function clumsy(random: Random, number: number): Buffer {
  const from = `c${number}@clumsy${number % 97}.example`
  const subject = random.pick([
    'bug',
    'Fwd: problem',
    'SECURITY!!!',
    '',
    '=?iso-8859-1?Q?L=FCcke?='
  ])
  const kinds: readonly (() => Buffer)[] = [
    () => plain(from, subject),
    () =>
      entity(
        from,
        subject,
        ['Content-Type: text/html; charset=windows-1252'],
        '<p>It <b>crashes</b>.'
      ),
    () =>
      entity(
        from,
        subject,
        ['Content-Type: text/plain; charset=x-mac-klingon'],
        'It crashes \xfc.'
      ),
    () =>
      entity(
        from,
        subject,
        ['Content-Type: multipart/alternative; boundary=b'],
        '--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Only here\r\n--b--'
      ),
    () =>
      entity(
        from,
        subject,
        ['Content-Type: application/pkcs7-mime; smime-type=enveloped-data'],
        'AAAA'
      ),
    () =>
      entity(
        from,
        subject,
        ['Auto-Submitted: auto-replied', 'In-Reply-To: <x@y.example>'],
        'I am away.'
      ),
    () =>
      entity(
        from,
        subject,
        [],
        '-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----'
      ),
    () => Buffer.from(`From: ${from}\nSubject: bare line feeds\n\nno To, no Date\n`)
  ]
  return random.pick(kinds)()
}

/** One honest report: every second one is encrypted; our server knows whom it comes from. */
export async function honest(
  from: Someone,
  mark: string,
  isSealed: boolean,
  deskKey: string,
  at: Instant
): Promise<Buffer> {
  const text = `The parser overflows. ${mark}`
  const letter = {
    subject: `An overflow ${mark}`,
    text,
    ...(isSealed ? { autocrypt: true } : { as: 'clear' as const })
  }
  return proved(await write(from, letter, deskKey, at), from.address, at)
}

/** A maintainer's signed commands about a case. */
export async function commands(
  from: Someone,
  tag: string,
  text: string,
  deskKey: string,
  at: Instant
): Promise<Buffer> {
  const letter = { subject: 'Re', text: `case: ${tag}\n${text}\n` }
  return proved(await write(from, letter, deskKey, at), from.address, at)
}

/** With the fields of our own server on top. */
function proved(raw: Uint8Array, address: string, now: Instant): Buffer {
  const domain = address.split('@').at(-1) ?? ''
  const top = `Authentication-Results: ${OUR_SERVER}; dmarc=pass header.from=${domain}`
  return Buffer.concat([Buffer.from(`${top}\r\n${received(now)}`), raw])
}

/** As everything that came in: our server has seen it, and says nothing of its sender. */
export function arrived(raw: Buffer, at: Instant): Buffer {
  return Buffer.concat([Buffer.from(received(at)), raw])
}

function received(now: Instant): string {
  const at = new Date(msOf(now)).toUTCString().replace('GMT', '+0000')
  return `Received: from outside.example by ${OUR_SERVER}; ${at}\r\n`
}

let ids = 0

/** A short message without any structure. */
export function plain(from: string, subject: string, text = BUG): Buffer {
  return entity(from, subject, [], text)
}

function entity(from: string, subject: string, fields: readonly string[], body: string): Buffer {
  ids += 1
  const head = [
    `From: ${from}`,
    `To: ${DESK_ADDRESS}`,
    `Subject: ${subject}`,
    `Message-ID: <s${ids}@flood.example>`
  ]
  return Buffer.from(`${[...head, ...fields].join('\r\n')}\r\n\r\n${body}\r\n`, 'latin1')
}

function words(number: number, subject: string): Buffer {
  return entity(`w${number}@words.example`, subject, [`To: ${subject}`], 'x')
}

/** A compressed file that unfolds to so many MiB of zeros; the desk does not unpack it. */
function zipBomb(number: number, mebibytes: number): Buffer {
  const data = deflateRawSync(Buffer.alloc(mebibytes * KIB * KIB)).toString('base64')
  const lines = data.replaceAll(/.{76}/g, '$&\r\n')
  const head = ['Content-Type: application/zip; name=a.zip', 'Content-Transfer-Encoding: base64']
  return entity(`z${number}@zip.example`, 'see file', head, lines)
}

/** The same message from somebody else. */
function renamed(raw: Uint8Array, from: string): Buffer {
  const text = Buffer.from(raw).toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  const fields = text.slice(0, end).split(/\r\n(?![ \t])/)
  const kept = fields.filter((field) => !NAMELESS.some((name) => name.test(field)))
  return Buffer.from(`${[`From: ${from}`, ...kept].join('\r\n')}${text.slice(end)}`, 'latin1')
}
