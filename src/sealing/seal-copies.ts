/**
 * From a body and recipients to finished messages, each encrypted to its one key or refused (G3, G5); also the signed message
 * that everybody may read. Defines the layout: RFC 3156 outside, RFC 9788 header protection inside. Must never put two
 * recipients into one message and never return an unencrypted body.
 */
import {
  type OutgoingBody,
  type OutgoingHeaders,
  type Sealed,
  type SealTo
} from '../domain/outgoing.ts'
import { type Instant } from '../domain/time.ts'
import {
  bodyEntity,
  encryptedEntity,
  signedEntity,
  textEntity,
  writeEntity
} from '../mime/write.ts'
import { type SecretKey } from '../openpgp/keyring.ts'
import { sealMessage, signDetached } from '../openpgp/seal.ts'
import { clearBlocks, type DeskFace, sealedBlocks } from './fields.ts'

/** The signing desk: its header data and its unlocked key. */
export type DeskIdentity = DeskFace & { readonly signer: SecretKey }

/** RFC 9788 §2.1, and the older `protected-headers` for programs that know only that. */
const CONFIDENTIAL = '; protected-headers="v1"; hp="cipher"'
const SIGNED_ONLY = '; protected-headers="v1"; hp="clear"'

/**
 * The finished message to one recipient, signed and encrypted as of `now`, or why the key was refused. Throws Trouble `desk-key`
 * when the desk cannot sign, Invariant on unclean headers.
 */
export async function sealCopy(
  body: OutgoingBody,
  to: SealTo,
  desk: DeskIdentity,
  now: Instant
): Promise<Sealed> {
  const { outer, inner } = sealedBlocks(to.headers, desk)
  const payload = writeEntity(bodyEntity(body, to.lastLine), inner, CONFIDENTIAL)
  const message = await sealMessage(payload, to, desk.signer, now)
  if (message.kind === 'refused') return message
  return { kind: 'sealed', raw: writeEntity(encryptedEntity(message.armored), outer, '') }
}

/**
 * A message signed by the desk and readable by everybody (RFC 3156 §5). Throws Trouble `desk-key` when the desk cannot sign,
 * Invariant on unclean headers.
 */
export async function signClearMail(
  text: string,
  headers: OutgoingHeaders,
  desk: DeskIdentity,
  now: Instant
): Promise<Uint8Array> {
  const { outer, inner } = clearBlocks(headers, desk)
  const signed = writeEntity(textEntity(text), inner, SIGNED_ONLY)
  const { armored, micalg } = await signDetached(signed, desk.signer, now)
  return writeEntity(signedEntity(signed, armored, micalg), outer, '')
}
