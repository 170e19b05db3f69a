/**
 * One mail of the fuzzer: a kind (signed, sealed, inline, cleartext, attached, in clear, from the corpus), broken at the level
 * of packets, armor, payload or MIME, or at several. Knows of each whether any signature by a known key can be left in it.
 */

import { lines, makePayload, multipart, mutateMail } from './mime.ts'
import {
  armored,
  brokenArmor,
  compressed,
  encryptedData,
  framed,
  joined,
  literal,
  mutateBytes,
  mutatePackets,
  type Packet,
  reframed,
  splitPackets
} from './packets.ts'
import { type Random } from './random.ts'
import { SECRET_MARK, type Signed, type World } from './world.ts'

/** One mail and what is known of it beforehand. */
export type FuzzMail = {
  readonly raw: Buffer
  /** How it was made, for the report of a finding. */
  readonly recipe: string
  /** Whether a signature by a known key over what it signed can be in it; where not, nothing may be `valid`. */
  readonly mayBeValid: boolean
}

const HEAD = [
  'Return-Path: <alice@reporter.example>',
  'From: Alice <alice@reporter.example>',
  'To: <security@acme.example>',
  'Subject: outer subject',
  'Message-ID: <1@reporter.example>',
  'Date: Sun, 22 Nov 2026 01:00:00 +0000',
  'MIME-Version: 1.0',
  ''
].join('\r\n')

type Body = { readonly entity: string; readonly mayBeValid: boolean; readonly recipe: string }

/** The unbroken mails around one signed payload, in every form whose signature covers all of it. */
export function cleanMails(random: Random, world: World, signed: Signed): FuzzMail[] {
  const detached = detachedEntity(random, signed.payload, signed.detached)
  const streams = [joined([literal(detached)]), signed.inner]
  const sealed = streams.map((stream) => armored(random, 'MESSAGE', sealedStream(world, stream)))
  const bodies = [
    ...sealed.map(encryptedEntity),
    ...sealed.slice(1).map(inlineEntity),
    ...(signed.isSecret ? [] : [detached.toString('latin1'), inlineEntity(signed.cleartext)])
  ]
  return bodies.map((entity) => mailOf({ entity, mayBeValid: signed.isKnown, recipe: 'clean' }))
}

/** One mail. `others` are mails to take up again or to splice in: of a corpus, or ones that behaved in a new way. */
export function makeMail(random: Random, world: World, others: readonly FuzzMail[]): FuzzMail {
  const other = others.length === 0 ? undefined : random.pick(others)
  const isAgain = other !== undefined && random.chance(0.25)
  const mail = isAgain ? other : mailOf(makeBody(random, world, other))
  if (!isAgain && random.chance(0.5)) return mail
  const spliced = other ?? mail
  return {
    raw: mutateMail(random, mail.raw, spliced.raw),
    recipe: `${mail.recipe.slice(0, 200)}, mail`,
    mayBeValid: mail.mayBeValid || spliced.mayBeValid
  }
}

function makeBody(random: Random, world: World, other: FuzzMail | undefined): Body {
  switch (random.int(8)) {
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
    default: {
      const payload = makePayload(random, 'nothing signed').toString('latin1')
      return { entity: payload, mayBeValid: false, recipe: 'clear' }
    }
  }
}

/** multipart/signed, sometimes with a signature that cannot hold. */
function signedBody(random: Random, world: World): Body {
  const signed = random.pick(world.signed.filter((each) => !each.isSecret))
  const foreign = random.pick(world.signed)
  switch (random.int(5)) {
    case 0: {
      const entity = detachedEntity(random, otherWords(signed.payload), signed.detached)
      return { entity: entity.toString('latin1'), mayBeValid: false, recipe: 'other words' }
    }
    case 1: {
      if (foreign === signed) break
      const entity = detachedEntity(random, signed.payload, foreign.detached)
      return { entity: entity.toString('latin1'), mayBeValid: false, recipe: 'other signature' }
    }
    case 2: {
      const stream = reframed(random, mutatePackets(random, splitPackets(signed.detached)))
      const entity = detachedEntity(random, signed.payload, stream)
      return {
        entity: entity.toString('latin1'),
        mayBeValid: signed.isKnown,
        recipe: 'signature packets'
      }
    }
    case 3: {
      const entity = detachedEntity(random, signed.payload, brokenNumbers(random, signed.detached))
      return { entity: entity.toString('latin1'), mayBeValid: false, recipe: 'signature numbers' }
    }
    default:
  }
  const entity = detachedEntity(random, signed.payload, signed.detached)
  return { entity: entity.toString('latin1'), mayBeValid: signed.isKnown, recipe: 'signed' }
}

/** multipart/encrypted: broken inside of the encryption, in the packets around it, in the armor, or not at all. */
function sealedBody(random: Random, world: World, other: FuzzMail | undefined): Body {
  const { stream, mayBeValid } = innerStream(random, world, other)
  const message = outerStream(random, world, stream)
  if (random.chance(0.15)) {
    return { entity: binaryEntity(message), mayBeValid, recipe: 'sealed binary' }
  }
  const text = armored(random, 'MESSAGE', message)
  const block = random.chance(0.15) ? brokenArmor(random, text) : text
  const entity = random.chance(0.1) ? attachedEntity(block) : encryptedEntity(block)
  return { entity, mayBeValid, recipe: 'sealed' }
}

function inlineBody(random: Random, world: World): Body {
  const { stream, mayBeValid } = innerStream(random, world, undefined)
  const text = armored(random, 'MESSAGE', outerStream(random, world, stream))
  const block = random.chance(0.2) ? brokenArmor(random, text) : text
  return { entity: inlineEntity(block), mayBeValid, recipe: 'inline' }
}

function cleartextBody(random: Random, world: World): Body {
  const signed = random.pick(world.signed.filter((each) => !each.isSecret))
  const text = random.chance(0.5) ? brokenArmor(random, signed.cleartext) : signed.cleartext
  return { entity: inlineEntity(text), mayBeValid: signed.isKnown, recipe: 'cleartext' }
}

/** The packets inside of an encryption. */
function innerStream(
  random: Random,
  world: World,
  other: FuzzMail | undefined
): { readonly stream: Buffer; readonly mayBeValid: boolean } {
  const signed = random.pick(world.signed)
  const mayBeValid = signed.isKnown
  switch (random.int(7)) {
    case 0:
      return {
        stream: reframed(random, mutatePackets(random, splitPackets(signed.inner))),
        mayBeValid
      }
    case 1: {
      const entity = detachedEntity(random, signed.payload, signed.detached)
      return { stream: joined([literal(entity)]), mayBeValid }
    }
    case 2: {
      const packets = splitPackets(signed.inner).map((packet) =>
        packet.tag === 11 ? literal(otherWords(signed.payload)) : packet
      )
      return { stream: joined(packets), mayBeValid: false }
    }
    case 3: {
      const raw = other?.raw ?? signed.payload
      return {
        stream: joined([literal(mutateMail(random, raw, signed.payload))]),
        mayBeValid: other?.mayBeValid ?? false
      }
    }
    case 4:
      return { stream: joined([compressed(random, splitPackets(signed.inner))]), mayBeValid }
    case 5: {
      const secret = makePayload(random, `unsigned ${SECRET_MARK}`)
      return { stream: joined([literal(secret)]), mayBeValid: false }
    }
    default:
      return { stream: signed.inner, mayBeValid }
  }
}

/** Session keys and encrypted data, now and then broken. */
function outerStream(random: Random, world: World, stream: Buffer): Buffer {
  const keys = random.pick([
    [world.toDesk],
    [world.toDesk],
    [world.toOther, world.toDesk],
    [world.toHidden],
    [world.toOther],
    [world.toOther, world.toHidden, world.toHidden]
  ])
  const data = encryptedData(world.sessionKey, stream)
  const packets: Packet[] = [...keys.flatMap((key) => splitPackets(key)), data]
  if (random.chance(0.75)) return joined(packets)
  if (random.chance(0.3)) return mutateBytes(random, joined(packets))
  return reframed(random, random.chance(0.6) ? mutatePackets(random, packets) : packets)
}

function sealedStream(world: World, stream: Buffer): Buffer {
  return Buffer.concat([world.toDesk, framed(encryptedData(world.sessionKey, stream))])
}

/** The payload with one letter of it changed: never what was signed. */
function otherWords(payload: Buffer): Buffer {
  const copy = Buffer.from(payload)
  const at = copy.indexOf('\r\n\r\n') + 4
  for (let index = at; index < copy.length; index += 1) {
    const byte = copy[index] ?? 0
    if (byte < 97 || byte > 121) continue
    copy[index] = byte + 1
    return copy
  }
  return Buffer.concat([copy, Buffer.from('x')])
}

/** A signature whose last number is another one. */
function brokenNumbers(random: Random, detached: Buffer): Buffer {
  const copy = Buffer.from(detached)
  const at = copy.length - 1 - random.int(16)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8))
  return copy
}

function detachedEntity(random: Random, payload: Buffer, signature: Buffer): Buffer {
  const type =
    'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary=s'
  const part = lines(
    'Content-Type: application/pgp-signature',
    '',
    armored(random, 'SIGNATURE', signature)
  )
  return Buffer.from(multipart(type, 's', [payload.toString('latin1'), part]), 'latin1')
}

function encryptedEntity(block: string): string {
  return multipart('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e', 'e', [
    'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
    `Content-Type: application/octet-stream\r\n\r\n${block}`
  ])
}

function binaryEntity(message: Buffer): string {
  const block = message.toString('base64').replaceAll(/.{76}/g, '$&\r\n')
  return multipart('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e', 'e', [
    'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
    `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${block}`
  ])
}

function inlineEntity(text: string): string {
  return lines('Content-Type: text/plain; charset=utf-8', '', text)
}

function attachedEntity(block: string): string {
  return multipart('multipart/mixed; boundary=m', 'm', [
    lines('Content-Type: text/plain', '', 'see the file'),
    lines(
      'Content-Type: application/pgp-encrypted; name=report.txt.asc',
      'Content-Disposition: attachment; filename=report.txt.asc',
      '',
      block
    )
  ])
}

function mailOf({ entity, mayBeValid, recipe }: Body): FuzzMail {
  return { raw: Buffer.from(HEAD + entity, 'latin1'), mayBeValid, recipe }
}
