/**
 * The body of one fuzzed mail: signed, sealed, inline, cleartext, in clear, a delivery report; broken at the level of packets,
 * armor or payload, or not at all. For an unbroken one it says what a reader must make of it.
 */
import { type BounceFacts, type OpenedMail } from '../../src/domain/mail.ts'
import { type Instant } from '../../src/domain/time.ts'
import { makeReport } from './arrival.ts'
import {
  attachedEntity,
  binaryEntity,
  detachedEntity,
  encryptedEntity,
  inlineEntity
} from './entities.ts'
import * as within from './inside.ts'
import { FOREIGN_MARK, lines, multipart } from './mime.ts'
import {
  armored,
  brokenArmor,
  encryptedData,
  framed,
  joined,
  mutatePackets,
  reframed,
  splitPackets
} from './packets.ts'
import { makePayload, type Shows } from './payloads.ts'
import { type Random } from './random.ts'
import { type Signed, type World } from './world.ts'

/** What a reader must make of an unbroken message, exactly. */
export type Exact = Pick<OpenedMail, 'structure' | 'encrypted' | 'decrypted' | 'failure'> & {
  /** Words, files and subject; null for a message that cannot be opened and shows nothing. */
  readonly shows: Shows | null
  /** The one signature over the whole; null for none. `signer` is null where the key is unknown. */
  readonly signature: { readonly signer: string | null; readonly madeAt: Instant } | null
  readonly bounce: BounceFacts | null
}

/** A body, what may be in it and what it is. */
export type Body = {
  readonly entity: string
  readonly holds: within.Holds
  readonly recipe: string
  readonly exact: Exact | null
}

const CLEAR_MAIL = {
  structure: 'clear',
  encrypted: false,
  decrypted: false,
  failure: null
} as const
const SIGNED_MAIL = { ...CLEAR_MAIL, structure: 'pgp-mime', bounce: null } as const
const SEALED_MAIL = {
  structure: 'pgp-mime',
  encrypted: true,
  decrypted: true,
  failure: null,
  bounce: null
} as const

/** The unbroken bodies around one signed payload, in every form whose signature covers all of it. */
export function cleanBodies(random: Random, world: World, signed: Signed): Body[] {
  const { sessionKey, toDesk } = world.keys
  const seal = (stream: Buffer): string =>
    armored(random, 'MESSAGE', Buffer.concat([toDesk, framed(encryptedData(sessionKey, stream))]))
  const inside: readonly within.Inner[] = [
    within.detachedInside(random, signed),
    within.onePassInside(signed)
  ]
  return [
    ...inside.map((inner) => sealedAs('clean', encryptedEntity(seal(inner.stream)), inner)),
    ...inside.slice(1).map((inner) => inlineAs('clean', seal(inner.stream), inner)),
    ...(signed.isSecret
      ? []
      : [plainlySigned(random, signed), cleartextAs(signed.cleartext, signed)])
  ]
}

/** A body, broken or not. */
export function makeBody(random: Random, world: World, other: within.Other | undefined): Body {
  switch (random.int(12)) {
    case 0:
    case 1:
      return signedBody(random, world)
    case 2:
    case 3:
    case 4:
      return sealedBody(random, world, other)
    case 5:
      return inlineBody(random, world)
    case 6:
      return cleartextBody(random, world)
    case 7: {
      const { entity, bounce } = makeReport(random)
      const exact = { ...CLEAR_MAIL, shows: null, signature: null, bounce }
      return { entity, holds: within.HOLDS_NOTHING, recipe: 'report', exact }
    }
    case 8:
    case 10:
      return wrappedBody(random, world)
    case 9:
      return aroundBody(random, world)
    default:
      return clearBody(random, world)
  }
}

/** A message in clear. A payload's fields do not count in it: they would only be a second outer header. */
function clearBody(random: Random, { keys }: World): Body {
  const offered = [keys.alice, keys.forged, keys.mallory]
  const { entity, shows } = makePayload(random, 'nothing signed', offered, [''])
  return {
    entity: entity.toString('latin1'),
    holds: within.holding(shows),
    recipe: 'clear',
    exact: { ...CLEAR_MAIL, shows, signature: null, bounce: null }
  }
}

/** A sound body with foreign words around it, which never add to what was inside. */
function wrappedBody(random: Random, world: World): Body {
  const open = world.signed.filter((each) => !each.isSecret)
  const signed = random.pick(random.chance(0.7) ? open : world.signed)
  const bodies = cleanBodies(random, world, signed)
  const body = random.pick(
    bodies.filter(({ entity }) => entity.startsWith('Content-Type: multipart/'))
  )
  return { ...body, entity: wrapped(random, body.entity), recipe: 'wrapped', exact: null }
}

/** A signature around a ciphertext: it says nothing about who wrote what is inside. */
function aroundBody(random: Random, world: World): Body {
  const { payload, detached, signer } = random.pick(world.around)
  return {
    entity: detachedEntity(random, payload, detached).toString('latin1'),
    holds: { ...within.HOLDS_NOTHING, mayBeValid: signer !== null, mayBeDecrypted: true },
    recipe: 'around',
    exact: null
  }
}

/** multipart/signed, sometimes with a signature that cannot hold. */
function signedBody(random: Random, world: World): Body {
  const signed = random.pick(world.signed.filter((each) => !each.isSecret))
  const foreign = random.pick(world.signed)
  const broken = (
    payload: Buffer,
    signature: Buffer,
    recipe: string,
    mayBeValid = false
  ): Body => ({
    entity: detachedEntity(random, payload, signature).toString('latin1'),
    holds: { ...within.holding(signed.shows), mayBeValid },
    recipe,
    exact: null
  })
  switch (random.int(6)) {
    case 0:
      return broken(within.otherWords(signed.payload), signed.detached, 'other words')
    case 1:
      return foreign === signed
        ? plainlySigned(random, signed)
        : broken(signed.payload, foreign.detached, 'other signature')
    case 2: {
      const stream = reframed(random, mutatePackets(random, splitPackets(signed.detached)))
      return broken(signed.payload, stream, 'signature packets', signed.signer !== null)
    }
    case 4: {
      const packets = splitPackets(signed.detached)
      const noted = packets.map(({ tag, body }) => ({ tag, body: withNote(body) }))
      return { ...plainlySigned(random, { ...signed, detached: joined(noted) }), recipe: 'note' }
    }
    case 3:
      return broken(signed.payload, brokenNumbers(random, signed.detached), 'signature numbers')
    default:
      return plainlySigned(random, signed)
  }
}

function plainlySigned(random: Random, signed: Signed): Body {
  // Where nobody vouches for the protected fields, a copy of one is shown like any other words.
  const text = signed.signer === null ? signed.shows.textWithCopies : signed.shows.text
  return {
    entity: detachedEntity(random, signed.payload, signed.detached).toString('latin1'),
    holds: { ...within.holding(signed.shows), mayBeValid: signed.signer !== null },
    recipe: 'signed',
    exact: {
      ...SIGNED_MAIL,
      shows: { ...signed.shows, text },
      signature: { signer: signed.signer, madeAt: signed.madeAt.detached }
    }
  }
}

/** multipart/encrypted: broken inside of the encryption, in the packets around it, in the armor, or not at all. */
function sealedBody(random: Random, world: World, other: within.Other | undefined): Body {
  const inner = within.innerStream(random, world, other)
  const { message, isFor } = within.outerStream(random, world, inner.stream)
  const isBinary = random.chance(0.15)
  const text = armored(random, 'MESSAGE', message)
  const block = random.chance(0.15) ? brokenArmor(random, text) : text
  const entity = isBinary ? binaryEntity(message) : encryptedEntity(block)
  const body = sealedAs('sealed', entity, inner)
  if (!isBinary && random.chance(0.1))
    return { ...body, entity: attachedEntity(block), exact: null }
  return { ...body, exact: isBinary || block === text ? exactFor(isFor, body.exact) : null }
}

function inlineBody(random: Random, world: World): Body {
  const inner = within.innerStream(random, world, undefined)
  const { message, isFor } = within.outerStream(random, world, inner.stream)
  const text = armored(random, 'MESSAGE', message)
  const block = random.chance(0.2) ? brokenArmor(random, text) : text
  const body = inlineAs('inline', block, inner)
  return { ...body, exact: block === text ? exactFor(isFor, body.exact) : null }
}

function cleartextBody(random: Random, world: World): Body {
  const signed = random.pick(world.signed.filter((each) => !each.isSecret))
  const body = cleartextAs(signed.cleartext, signed)
  if (random.chance(0.5)) return body
  const entity = inlineEntity(brokenArmor(random, signed.cleartext))
  return { ...body, entity, exact: null }
}

function sealedAs(recipe: string, entity: string, inner: within.Inner): Body {
  const { shows, signature } = inner
  const exact = shows === null ? null : { ...SEALED_MAIL, shows, signature }
  return { entity, holds: inner.holds, recipe, exact }
}

/** Inline PGP shows the entity that was encrypted, but takes no header from it. */
function inlineAs(recipe: string, block: string, { shows, signature, holds }: within.Inner): Body {
  const exact: Exact | null =
    shows === null
      ? null
      : {
          ...SEALED_MAIL,
          structure: 'inline',
          shows: { ...shows, text: shows.textWithCopies, subject: '' },
          signature
        }
  return { entity: inlineEntity(block), holds, recipe, exact }
}

function cleartextAs(block: string, signed: Signed): Body {
  const text = signed.cleartextWords
  return {
    entity: inlineEntity(block),
    holds: { ...within.HOLDS_NOTHING, mayBeValid: signed.signer !== null },
    recipe: 'cleartext',
    exact: {
      ...CLEAR_MAIL,
      structure: 'inline',
      bounce: null,
      shows: { text, textWithCopies: text, files: [], subject: '', keys: [] },
      signature: { signer: signed.signer, madeAt: signed.madeAt.cleartext }
    }
  }
}

/** What a reader makes of a sound body that is sealed for somebody. */
function exactFor(isFor: within.IsFor, exact: Exact | null): Exact | null {
  if (isFor === null || exact === null) return null
  if (isFor === 'desk') return exact
  return { ...exact, decrypted: false, failure: 'not-for-us', shows: null, signature: null }
}

/** A signature with its last number changed. */
function brokenNumbers(random: Random, detached: Buffer): Buffer {
  const copy = Buffer.from(detached)
  const at = copy.length - 1 - random.int(16)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8))
  return copy
}

/**
 * `entity` with a foreign text before it, behind it or among its parts, in the exact shapes that lists, providers and attackers
 * make and chance rarely does.
 */
function wrapped(random: Random, entity: string): string {
  const foreign = lines('Content-Type: text/plain', '', FOREIGN_MARK)
  const whole = entity.trimEnd()
  const mixed = (...parts: readonly string[]): string =>
    multipart('multipart/mixed; boundary=m', 'm', parts)
  switch (random.int(6)) {
    case 0:
    case 3:
      return mixed(whole, foreign)
    case 1:
      return mixed(foreign, whole)
    case 2:
      // The parts of the envelope beside a text, as Exchange leaves them.
      return entity.replace(
        /^Content-Type: multipart\/\w+;[^\r\n]*boundary=(\w)\r\n\r\n/,
        (_, name) =>
          lines(
            `Content-Type: multipart/mixed; boundary=${String(name)}`,
            '',
            `--${String(name)}`,
            foreign,
            ''
          )
      )
    default:
      // One part too many.
      return whole.replace(/--(\w)--$/, (_, name) =>
        lines(`--${String(name)}`, foreign, `--${String(name)}--`, '')
      )
  }
}

/** The same signature packet with a note in its unhashed part, which anybody can put there (RFC 9580 §5.2.3). */
function withNote(packet: Buffer): Buffer {
  const at = 6 + packet.readUInt16BE(4)
  const note = Buffer.of(2, 100, 120)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(packet.readUInt16BE(at) + note.length)
  return Buffer.concat([packet.subarray(0, at), length, note, packet.subarray(at + 2)])
}
