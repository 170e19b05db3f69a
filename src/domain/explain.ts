/**
 * One plain sentence for every code of reading, for people who know mail but not OpenPGP. Must never quote the message:
 * these sentences go where its content must not go.
 */
import {
  type OpenFailure,
  type Signature,
  type SignatureState,
  type UnusableKey,
  type WarningCode
} from './mail.ts'

const FAILURES: Readonly<Record<OpenFailure, string>> = {
  'not-for-us':
    'It is encrypted to a key that the desk does not have, perhaps to an old one, so nobody here can read it.',
  damaged: 'Its encrypted part is damaged or was changed on the way, so nothing of it is shown.',
  unsupported: 'It uses an encryption method that the desk does not support.',
  'no-integrity':
    'It is encrypted without protection against changes, which could be misused to steal its content; it was not opened.',
  limit: 'It is larger, more deeply nested or in more pieces than the desk opens.',
  empty: 'It was sent encrypted, but a mail system on the way removed the encrypted part.'
}

const STATES: Readonly<Record<SignatureState, string>> = {
  valid: 'The signature is valid.',
  'expired-key': 'The signature was made with a key that has expired.',
  'revoked-key': 'The signature was made with a key that has been revoked.',
  'unknown-key': 'The signature was made with a key that is not known here, so it proves nothing.',
  bad: 'The signature does not match the text, or is not acceptable; it may have been changed on the way.'
}

/** Added when the key was valid at the date that the signature states. */
const WAS_GOOD = 'At the date that the signature states, the key was still valid.'

const WARNINGS: Readonly<Record<WarningCode, string>> = {
  'repeated-header':
    'A header field that may occur once occurs more than once, or it names several senders.',
  'no-from': 'It has no single readable sender address.',
  'no-message-id': 'It has no usable Message-ID.',
  'from-mismatch': 'The sender inside the protected part differs from the sender outside.',
  'unprotected-subject': 'It was encrypted, but its subject was readable on the way.',
  'several-signatures': 'It carries more than one signature.',
  'signature-does-not-cover-all': 'A signature does not cover the whole message.',
  'unsigned-filename':
    'The name of a file stands outside the signed part, where anybody could change it; the name is not used.',
  'outside-text': 'There is text outside the protected part; anybody may have added it.',
  mangled: 'A mail system had rearranged its parts; the desk put them back in order.',
  'cleartext-signature': 'It is signed in the old inline form, which protects only the text.',
  'errant-crypto': 'It contains further encrypted or signed parts, which were left closed.',
  'html-only': 'Its text was converted from HTML.',
  'html-not-converted': 'Its HTML could not be converted to text.',
  'undecodable-text':
    'Some characters could not be decoded, or other programs may show them differently.',
  'text-truncated': 'The text is too long and was cut off.',
  'too-many-parts': 'It has more parts than the desk opens; the rest is attached as received.',
  'broken-mime': 'Its structure is malformed, so parts may be missing or wrongly divided.',
  'several-keys': 'It carries several different keys for the sender.',
  'fake-key':
    'It carries a key that does not name the sender or is not valid; the key is not used.',
  smime: 'It uses S/MIME, which the desk does not read.',
  tnef: 'It has a file in the format of Outlook (TNEF, winmail.dat), which the desk does not unpack; the file is attached as received.',
  'too-large': 'It is larger than the desk downloads; only its header was read.'
}

const UNUSABLE: Readonly<Record<UnusableKey['because'], string>> = {
  expired: 'it has expired',
  revoked: 'it is revoked',
  'cannot-encrypt': 'nothing can be encrypted to it'
}

/** Why a message could not be opened. */
export function explainFailure(failure: OpenFailure): string {
  return FAILURES[failure]
}

/** What the state of a signature means now, and at its own date when that differs. */
export function explainSignature({
  state,
  stateThen
}: Pick<Signature, 'state' | 'stateThen'>): string {
  const hasChanged = state !== 'valid' && stateThen === 'valid'
  return hasChanged ? `${STATES[state]} ${WAS_GOOD}` : STATES[state]
}

/** What to be careful about. */
export function explainWarning(code: WarningCode): string {
  return WARNINGS[code]
}

/** Why nothing can be encrypted to a key; a clause, not a sentence. */
export function explainUnusable(because: UnusableKey['because']): string {
  return UNUSABLE[because]
}
