/** The MIME around signatures, ciphertexts and inline blocks, in sound form. */
import { lines, multipart } from './mime.ts'
import { armored } from './packets.ts'
import { type Random } from './random.ts'

/** multipart/signed around a payload. */
export function detachedEntity(random: Random, payload: Buffer, signature: Buffer): Buffer {
  const type =
    'multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary=s'
  const part = lines(
    'Content-Type: application/pgp-signature',
    '',
    armored(random, 'SIGNATURE', signature)
  )
  return Buffer.from(multipart(type, 's', [payload.toString('latin1'), part]), 'latin1')
}

/** multipart/signed around an entity, with signatures in base64. */
export function signedEntity(signatures: Buffer, entity: string, boundary: string): string {
  const type = `multipart/signed; protocol="application/pgp-signature"; boundary=${boundary}`
  const encoding = 'Content-Transfer-Encoding: base64'
  return multipart(type, boundary, [
    entity,
    lines('Content-Type: application/pgp-signature', encoding, '', wrapped(signatures))
  ])
}

/** multipart/encrypted around an armored block. */
export function encryptedEntity(block: string): string {
  return encryptedAround('Content-Type: application/octet-stream', '', block)
}

/** multipart/encrypted around base64. */
export function binaryEntity(message: Buffer): string {
  const encoding = 'Content-Transfer-Encoding: base64'
  return encryptedAround('Content-Type: application/octet-stream', encoding, '', wrapped(message))
}

function encryptedAround(...part: readonly string[]): string {
  return multipart('multipart/encrypted; protocol="application/pgp-encrypted"; boundary=e', 'e', [
    'Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1',
    lines(...part)
  ])
}

/** Base64 in lines. */
export function wrapped(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll(/.{76}/g, '$&\r\n')
}

/** A text that is a block. */
export function inlineEntity(text: string): string {
  return lines('Content-Type: text/plain; charset=utf-8', '', text)
}

/** Words with an encrypted file beside them. */
export function attachedEntity(block: string): string {
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
