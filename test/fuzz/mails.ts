/**
 * One message of the fuzzer by its number: a body, whole messages taken up again, mutations of the message, and above them the
 * fields of our own server. Seed, number and corpus alone determine it, never how another message was read: so a finding can be
 * made again after the reader was changed.
 */
import { forgedFields, ownTop, type Top } from './arrival.ts'
import { type Body, cleanBodies, type Exact, makeBody } from './bodies.ts'
import { bothHold, HOLDS_NOTHING, type Holds } from './inside.ts'
import { mutateMail } from './mime.ts'
import { type Random, randomOf } from './random.ts'
import { type Signed, type World } from './world.ts'

/** One message and what is known of it beforehand. */
export type FuzzMail = {
  /** What came in. */
  readonly raw: Buffer
  /** What our own server put on top of it; nobody else can change that. */
  readonly top: Top
  /** How it was made, for the report of a finding. */
  readonly recipe: string
  readonly holds: Holds
  /** Null where the message is broken in any way. */
  readonly exact: (Exact & Outside) | null
}

/** What an unbroken message has around its body. */
export type Outside = {
  /** All Received fields. */
  readonly received: number
  /** Fingerprints of the keys that answer to the sender's address, attached ones first. */
  readonly offered: readonly string[]
}

/** Where messages come from. */
export type Source = { readonly world: World; readonly corpus: readonly Buffer[] }

const HEAD = [
  'From: Alice <alice@reporter.example>',
  'To: <security@acme.example>',
  'Subject: outer subject',
  'Message-ID: <1@reporter.example>',
  'Date: Sun, 22 Nov 2026 01:00:00 +0000',
  'MIME-Version: 1.0',
  ''
].join('\r\n')
/** A message taken up again must be small enough that mutating it costs little. */
const TAKEN_BYTES_MAX = 64 * 1024

/** The unbroken messages around one signed payload. */
export function cleanMails(world: World, signed: Signed): FuzzMail[] {
  const random = randomOf(world.seed, -1_000_000 - world.signed.indexOf(signed))
  return cleanBodies(random, world, signed).map((body) => mailOf(random, world, body))
}

/** The message with this number. */
export function makeMail(source: Source, index: number): FuzzMail {
  const random = randomOf(source.world.seed, index)
  const other = takeOther(random, source, index)
  const isAgain = other !== undefined && random.chance(0.35)
  const mail = isAgain ? other : mailOf(random, source.world, makeBody(random, source.world, other))
  if (!isAgain && random.chance(0.5)) return mail
  const spliced = other ?? mail
  return {
    ...mail,
    raw: mutateMail(random, mail.raw, spliced.raw),
    top: ownTop(random),
    recipe: `${mail.recipe.slice(0, 200)}, mail`,
    holds: bothHold(mail.holds, spliced.holds),
    exact: null
  }
}

/** A message of the corpus, or one with a lower number, which may itself be made of others. */
function takeOther(random: Random, source: Source, index: number): FuzzMail | undefined {
  const isEarlier = index > 0 && (source.corpus.length === 0 || random.chance(0.5))
  const other = isEarlier
    ? makeMail(source, random.int(index))
    : source.corpus.length === 0
      ? undefined
      : corpusMail(random, random.pick(source.corpus))
  return other === undefined || other.raw.length > TAKEN_BYTES_MAX ? undefined : other
}

/** None of the keys of the corpus is known. */
function corpusMail(random: Random, raw: Buffer): FuzzMail {
  const holds = { ...HOLDS_NOTHING, keys: null }
  return { raw, top: ownTop(random), recipe: 'corpus', holds, exact: null }
}

function mailOf(random: Random, { keys }: World, body: Body): FuzzMail {
  const forged = forgedFields(random)
  const offered = random.chance(0.15) ? random.pick([keys.alice, keys.forged, keys.mallory]) : null
  const header =
    offered === null
      ? ''
      : `Autocrypt: addr=alice@reporter.example; keydata=${Buffer.from(offered.toPublic().write()).toString('base64')}\r\n`
  const inHeader = offered === null ? [] : [offered.getFingerprint()]
  const top = ownTop(random)
  const raw = Buffer.from(forged.fields + HEAD + header + body.entity, 'latin1')
  const own: Holds = { ...HOLDS_NOTHING, keys: { attached: [], header: inHeader } }
  return {
    raw,
    top,
    recipe: body.recipe,
    holds: bothHold(body.holds, own),
    exact:
      body.exact === null
        ? null
        : {
            ...body.exact,
            received: top.received + forged.received,
            offered: offeredTo(keys, body.exact, inHeader)
          }
  }
}

/** The keys that name the sender. The header of a delivery report offers none, because a machine wrote it. */
function offeredTo(
  { alice, forged }: World['keys'],
  { shows, bounce }: Exact,
  inHeader: readonly string[]
): string[] {
  const ofAlice = [alice, forged].map((key) => key.getFingerprint())
  const all = [...(shows?.keys ?? []), ...(bounce === null ? inHeader : [])]
  return [...new Set(all)].filter((fingerprint) => ofAlice.includes(fingerprint))
}
