/**
 * What stands inside an encryption and around it: streams of packets, broken or not, with the most that may be in them and, for
 * an unbroken one, what it says.
 */
import { type Instant } from '../../src/domain/time.ts'
import { detachedEntity } from './entities.ts'
import { mutateMail } from './mime.ts'
import {
  compressed,
  encryptedData,
  joined,
  literal,
  mutateBytes,
  mutatePackets,
  type Packet,
  reframed,
  splitPackets
} from './packets.ts'
import { makePayload, type Shows } from './payloads.ts'
import { type Random } from './random.ts'
import { SECRET_MARK, type Signed, type World } from './world.ts'

/** What may at most be in a message. One that was put together from several may hold everything that is in one of them. */
export type Holds = {
  /** Whether a signature by a known key over what it signed can be in it; where not, nothing may be `valid`. */
  readonly mayBeValid: boolean
  /** Whether something sealed to the desk can be in it; where not, nothing may be decrypted. */
  readonly mayBeDecrypted: boolean
  /** Fingerprints of the keys that it attaches or has in its Autocrypt field; null, for the corpus, where any may be there. */
  readonly keys: { readonly attached: readonly string[]; readonly header: readonly string[] } | null
}

/** Enough of another message to take pieces of it. */
export type Other = { readonly raw: Buffer; readonly holds: Holds }

/** Nothing at all. */
export const HOLDS_NOTHING: Holds = {
  mayBeValid: false,
  mayBeDecrypted: false,
  keys: { attached: [], header: [] }
}

/** Everything that is in one or in the other. */
export function bothHold(one: Holds, other: Holds): Holds {
  return {
    mayBeValid: one.mayBeValid || other.mayBeValid,
    mayBeDecrypted: one.mayBeDecrypted || other.mayBeDecrypted,
    keys:
      one.keys === null || other.keys === null
        ? null
        : {
            attached: [...one.keys.attached, ...other.keys.attached],
            header: [...one.keys.header, ...other.keys.header]
          }
  }
}

/** What stands inside an encryption. `shows` is null where it is broken. */
export type Inner = {
  readonly stream: Buffer
  /** The literal data. */
  readonly raw: Buffer
  readonly holds: Holds
  readonly shows: Shows | null
  readonly signature: { readonly signer: string | null; readonly madeAt: Instant } | null
  readonly isOnePass: boolean
}

/** One-pass signature, literal data, signature. */
export function onePassInside(signed: Signed): Inner {
  return {
    stream: signed.inner,
    raw: signed.payload,
    holds: sealedHolding(signed.shows, signed.signer !== null),
    shows: signed.shows,
    signature: { signer: signed.signer, madeAt: signed.madeAt.inner },
    isOnePass: true
  }
}

/** A multipart/signed as literal data. */
export function detachedInside(random: Random, signed: Signed): Inner {
  const raw = detachedEntity(random, signed.payload, signed.detached)
  return {
    ...onePassInside(signed),
    stream: joined([literal(raw)]),
    raw,
    signature: { signer: signed.signer, madeAt: signed.madeAt.detached },
    isOnePass: false
  }
}

/** Either of the two forms above, or something unsigned or broken. */
export function innerStream(random: Random, world: World, other: Other | undefined): Inner {
  const signed = random.pick(world.signed)
  const whole = onePassInside(signed)
  const broken = (stream: Buffer, holds = whole.holds): Inner => ({
    ...whole,
    stream,
    holds,
    shows: null
  })
  switch (random.int(7)) {
    case 0:
      return broken(reframed(random, mutatePackets(random, splitPackets(signed.inner))))
    case 1:
      return detachedInside(random, signed)
    case 2: {
      const packets = splitPackets(signed.inner).map((packet) =>
        packet.tag === 11 ? literal(otherWords(signed.payload)) : packet
      )
      return broken(joined(packets), sealedHolding(signed.shows, false))
    }
    case 3: {
      const taken = other ?? { raw: signed.payload, holds: HOLDS_NOTHING }
      const stream = joined([literal(mutateMail(random, taken.raw, signed.payload))])
      return broken(stream, bothHold(taken.holds, sealedHolding(signed.shows, false)))
    }
    case 4:
      return { ...whole, stream: joined([compressed(random, splitPackets(signed.inner))]) }
    case 5: {
      const { alice, forged, mallory } = world.keys
      const offered = [alice, forged, mallory]
      const { entity, shows } = makePayload(random, `unsigned ${SECRET_MARK}`, offered)
      return {
        stream: joined([literal(entity)]),
        raw: entity,
        holds: sealedHolding(shows, false),
        shows,
        signature: null,
        isOnePass: false
      }
    }
    default:
      return whole
  }
}

/** For whom a stream is sealed; null when it is broken. */
export type IsFor = 'desk' | 'other' | null

/** Session keys and encrypted data, now and then broken. */
export function outerStream(
  random: Random,
  { keys }: World,
  stream: Buffer
): { readonly message: Buffer; readonly isFor: IsFor } {
  const { toDesk, toHidden, toOther } = keys
  const chosen = random.pick([
    [toDesk],
    [toDesk],
    [toOther, toDesk],
    [toHidden],
    [toOther],
    [toOther, toHidden, toHidden]
  ])
  const data = encryptedData(keys.sessionKey, stream)
  const packets: Packet[] = [...chosen.flatMap((key) => splitPackets(key)), data]
  const isFor = chosen.length === 1 && chosen[0] === toOther ? 'other' : 'desk'
  if (random.chance(0.75)) return { message: joined(packets), isFor }
  if (random.chance(0.3)) return { message: mutateBytes(random, joined(packets)), isFor: null }
  const broken = random.chance(0.6) ? mutatePackets(random, packets) : packets
  return { message: reframed(random, broken), isFor: null }
}

/** What a message in clear holds that shows this. */
export function holding(shows: Shows): Holds {
  return { ...HOLDS_NOTHING, keys: { attached: shows.keys, header: [] } }
}

function sealedHolding(shows: Shows, mayBeValid: boolean): Holds {
  return { ...holding(shows), mayBeValid, mayBeDecrypted: true }
}

/** The payload with one letter of it changed: never what was signed. */
export function otherWords(payload: Buffer): Buffer {
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
