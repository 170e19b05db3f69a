/**
 * Expectations of `rpgp`: messages of many OpenPGP programs, each read as the ciphertext of a PGP/MIME mail. The plain words come
 * from the JSON file beside each message or from the README of RFC 9580's; which cipher was used, from GnuPG.
 */
import {
  type ExpectedMail,
  type Folder,
  OPENED,
  type RefusedKey,
  type Seal
} from './expectation.ts'

const key = { is: 'public key' } as const
const secret = { is: 'secret key' } as const
const note = { is: 'note' } as const

/** Encrypted, opened, and not signed. */
function opened(text: string, ...desk: readonly string[]): ExpectedMail {
  return { ...OPENED, text: `${text}\n`, desk }
}

/** Encrypted and signed by the same person. */
function signed(text: string, person: string, state = `valid ${person}`): ExpectedMail {
  return { ...opened(text, person), signatures: [`${state} whole`] }
}

/** Signed in clear. */
function cleartext(signature: string): ExpectedMail {
  return {
    structure: 'inline',
    seal: 'clear',
    signatures: [`${signature} whole`],
    text: 'hello world\n',
    warnings: ['cleartext-signature']
  }
}

/** Refused for the reason given. */
function refused(seal: Seal, ...desk: readonly string[]): ExpectedMail {
  return { structure: 'pgp-mime', seal, desk }
}

/** Refused although it is sound: why we do not open it. */
function limited(seal: Seal, limit: string, ...desk: readonly string[]): ExpectedMail {
  return { ...refused(seal, ...desk), limit }
}

const RSA_SEIPD2 =
  'openpgp.js cannot decrypt a version 6 session key packet with RSA in constant time'
const inConstantTime = (cipher: string): string =>
  `the desk opens with RSA in constant time only, and openpgp.js does that for AES alone, not for ${cipher}`
const TRIPLE_DES = inConstantTime('3DES')
const CAST5 = inConstantTime('CAST5')
const BLOWFISH = inConstantTime('Blowfish')
const IDEA = inConstantTime('IDEA')
const CAMELLIA = inConstantTime('Camellia')
const NO_FLAGS = 'the subkey does not say that it is for encryption; a desk key has to'
const P256_KEY: RefusedKey = {
  file: 'openpgp-interop/testcases/messages/gnupg-v2-1-5-001-decrypt.asc',
  passphrase: 'test',
  kind: 'wrong-passphrase',
  because: 'openpgp.js cannot unlock this P-256 key; GnuPG can'
}
const V6_LEGACY_KEY: RefusedKey = {
  file: 'rfc9580/v6-legacy_illegal/tsk.asc',
  passphrase: '',
  kind: 'unreadable',
  because: 'version 6 with a legacy curve is forbidden by RFC 9580 §9.2, so the key is none'
}

/** Encrypted to a key that is refused: to every desk there can be, it is somebody else's. */
function keyless(refusedKey: RefusedKey, ...desk: readonly string[]): ExpectedMail {
  return { ...refused('not-for-us', ...desk), refusedKey }
}

/** File to expectation. */
export const RPGP: Folder = {
  'openpgp-interop/AUTHORS': note,
  'openpgp-interop/CONTRIBUTING.md': note,
  'openpgp-interop/CONTRIBUTORS': note,
  'openpgp-interop/LICENSE': note,
  'openpgp-interop/README.md': note,
  'openpgp-interop/testcases/keys/e2e-001.asc': key,
  'openpgp-interop/testcases/keys/e2e-001.json': note,
  'openpgp-interop/testcases/keys/gnupg-v1-001.asc': key,
  'openpgp-interop/testcases/keys/gnupg-v1-001.json': note,
  'openpgp-interop/testcases/keys/gnupg-v1-002.asc': key,
  'openpgp-interop/testcases/keys/gnupg-v1-002.json': note,
  'openpgp-interop/testcases/keys/gnupg-v1-003.asc': key,
  'openpgp-interop/testcases/keys/gnupg-v1-003.json': note,
  'openpgp-interop/testcases/keys/gnupg-v1-004.asc': key,
  'openpgp-interop/testcases/keys/gnupg-v1-004.json': note,
  'openpgp-interop/testcases/keys/openkeychain-001.asc': key,
  'openpgp-interop/testcases/keys/openkeychain-001.json': note,
  'openpgp-interop/testcases/keys/pgp-6-5-001.asc': key,
  'openpgp-interop/testcases/keys/pgp-6-5-001.json': note,
  'openpgp-interop/testcases/keys/subkey-001.asc': key,
  'openpgp-interop/testcases/keys/subkey-001.json': note,
  'openpgp-interop/testcases/keys/uid-001.asc': key,
  'openpgp-interop/testcases/keys/uid-001.json': note,
  'openpgp-interop/testcases/keys/uid-002.asc': key,
  'openpgp-interop/testcases/keys/uid-002.json': note,
  'openpgp-interop/testcases/keys/uid-003.asc': key,
  'openpgp-interop/testcases/keys/uid-003.json': note,
  'openpgp-interop/testcases/messages/camellia128-001.asc': limited('damaged', CAMELLIA, 'bob'),
  'openpgp-interop/testcases/messages/camellia128-001.json': note,
  'openpgp-interop/testcases/messages/camellia192-001.asc': limited('damaged', CAMELLIA, 'bob'),
  'openpgp-interop/testcases/messages/camellia192-001.json': note,
  'openpgp-interop/testcases/messages/camellia256-001.asc': limited('damaged', CAMELLIA, 'bob'),
  'openpgp-interop/testcases/messages/camellia256-001.json': note,
  'openpgp-interop/testcases/messages/e2e-001-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/e2e-001-verify.asc': key,
  'openpgp-interop/testcases/messages/e2e-001.asc': signed('hello', 'e2e'),
  'openpgp-interop/testcases/messages/e2e-001.json': note,
  'openpgp-interop/testcases/messages/e2e-002-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/e2e-002-verify.asc': key,
  'openpgp-interop/testcases/messages/e2e-002.asc': signed('hello', 'e2e'),
  'openpgp-interop/testcases/messages/e2e-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-001-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v1-001-verify.asc': key,
  'openpgp-interop/testcases/messages/gnupg-v1-001.asc': limited(
    'unsupported',
    NO_FLAGS,
    'rsa1024'
  ),
  'openpgp-interop/testcases/messages/gnupg-v1-001.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-002-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v1-002.asc': opened('hello', 'elgamal'),
  'openpgp-interop/testcases/messages/gnupg-v1-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-003-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v1-003-verify.asc': key,
  'openpgp-interop/testcases/messages/gnupg-v1-003.asc': limited(
    'unsupported',
    NO_FLAGS,
    'rsa1024'
  ),
  'openpgp-interop/testcases/messages/gnupg-v1-003.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-001-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-001.asc': limited(
    'damaged',
    TRIPLE_DES,
    'susheep'
  ),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-001.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-002.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-003.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-003.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-004.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-004.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-005.asc': limited(
    'damaged',
    BLOWFISH,
    'susheep'
  ),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-005.json': note,
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-006.asc': limited('damaged', CAST5, 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v1-4-11-006.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-001.asc': limited(
    'damaged',
    TRIPLE_DES,
    'susheep'
  ),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-001.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-002.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-003.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-003.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-004.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-004.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-005.asc': limited(
    'damaged',
    BLOWFISH,
    'susheep'
  ),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-005.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-006.asc': limited('damaged', CAST5, 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-0-17-006.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-001-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-001-verify.asc': key,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-001.asc': keyless(P256_KEY, 'p384'),
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-001.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-002-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-002-verify.asc': key,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-002.asc': signed('hello', 'p384'),
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-003-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-003-verify.asc': key,
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-003.asc': signed('hello', 'p521'),
  'openpgp-interop/testcases/messages/gnupg-v2-1-5-003.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-001.asc': limited(
    'damaged',
    TRIPLE_DES,
    'susheep'
  ),
  'openpgp-interop/testcases/messages/gnupg-v2-10-001.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-002.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-002.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-003.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-003.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-004.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-004.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-005.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-005.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-006.asc': limited('damaged', BLOWFISH, 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-006.json': note,
  'openpgp-interop/testcases/messages/gnupg-v2-10-007.asc': limited('damaged', CAST5, 'susheep'),
  'openpgp-interop/testcases/messages/gnupg-v2-10-007.json': note,
  'openpgp-interop/testcases/messages/openkeychain-001-decrypt.asc': secret,
  'openpgp-interop/testcases/messages/openkeychain-001-verify.asc': key,
  'openpgp-interop/testcases/messages/openkeychain-001.asc': signed('Hello', 'openkeychain'),
  'openpgp-interop/testcases/messages/openkeychain-001.json': note,
  'openpgp-interop/testcases/messages/openpgp-001.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/openpgp-001.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-001.asc': limited('damaged', TRIPLE_DES, 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-001.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-002.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-002.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-003.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-003.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-004.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-004.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-005.asc': opened('susheep', 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-005.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-006.asc': limited('damaged', CAST5, 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-006.json': note,
  'openpgp-interop/testcases/messages/pgp-10-0-007.asc': limited('damaged', IDEA, 'susheep'),
  'openpgp-interop/testcases/messages/pgp-10-0-007.json': note,
  'rfc9580/README': note,
  'rfc9580/v4-ed25519-x25519/csf.msg': cleartext('valid v4x25519'),
  'rfc9580/v4-ed25519-x25519/enc-seipdv1.msg': opened('hello world', 'v4x25519'),
  'rfc9580/v4-ed25519-x25519/enc-seipdv2.msg': opened('hello world', 'v4x25519'),
  'rfc9580/v4-ed25519-x25519/tsk.asc': secret,
  'rfc9580/v4-legacy/enc-seipdv2.msg': opened('hello world', 'v4Legacy'),
  'rfc9580/v4-legacy/tsk.asc': secret,
  'rfc9580/v4-nistp/enc-seipdv2.msg': opened('hello world', 'v4Nist'),
  'rfc9580/v4-nistp/tsk.asc': secret,
  'rfc9580/v4-rsa/enc-seipdv2.msg': limited('damaged', RSA_SEIPD2, 'v4Rsa'),
  'rfc9580/v4-rsa/tsk.asc': secret,
  'rfc9580/v6-25519-annex-a-4/csf.msg': cleartext('valid v6x25519'),
  'rfc9580/v6-25519-annex-a-4/enc-seipdv1.msg': opened('hello world', 'v6x25519'),
  'rfc9580/v6-25519-annex-a-4/enc-seipdv2.msg': opened('hello world', 'v6x25519'),
  'rfc9580/v6-25519-annex-a-4/tsk.asc': secret,
  'rfc9580/v6-ed25519-x448/csf.msg': cleartext('valid v6x448'),
  'rfc9580/v6-ed25519-x448/enc-seipdv1.msg': opened('hello world', 'v6x448'),
  'rfc9580/v6-ed25519-x448/enc-seipdv2.msg': opened('hello world', 'v6x448'),
  'rfc9580/v6-ed25519-x448/tsk.asc': secret,
  'rfc9580/v6-ed448-x448/csf.msg': cleartext('valid v6Ed448'),
  'rfc9580/v6-ed448-x448/enc-seipdv1.msg': opened('hello world', 'v6Ed448'),
  'rfc9580/v6-ed448-x448/enc-seipdv2.msg': opened('hello world', 'v6Ed448'),
  'rfc9580/v6-ed448-x448/tsk.asc': secret,
  'rfc9580/v6-legacy_illegal/csf.msg': {
    ...cleartext('unknown-key'),
    refusedKey: V6_LEGACY_KEY
  },
  'rfc9580/v6-legacy_illegal/enc-seipdv2.msg': keyless(V6_LEGACY_KEY, 'v6x25519'),
  'rfc9580/v6-legacy_illegal/tsk.asc': secret,
  'rfc9580/v6-nistp/csf.msg': cleartext('valid v6Nist'),
  'rfc9580/v6-nistp/enc-seipdv1.msg': opened('hello world', 'v6Nist'),
  'rfc9580/v6-nistp/enc-seipdv2.msg': opened('hello world', 'v6Nist'),
  'rfc9580/v6-nistp/tsk.asc': secret,
  'rfc9580/v6-rsa/csf.msg': cleartext('valid v6Rsa'),
  'rfc9580/v6-rsa/enc-seipdv1.msg': opened('hello world', 'v6Rsa'),
  'rfc9580/v6-rsa/enc-seipdv2.msg': limited('damaged', RSA_SEIPD2, 'v6Rsa'),
  'rfc9580/v6-rsa/tsk.asc': secret
}
