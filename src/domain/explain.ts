/**
 * One plain sentence for people per code. Only these sentences ever explain a failure: library messages never reach a
 * mail, because they can carry packet details or content.
 */
import { type OpenFailure, type SignatureState, type WarningCode } from './mail.ts'

const FAILURES: Readonly<Record<OpenFailure, string>> = {
  'not-for-us': 'it is encrypted to a key that is not the desk key',
  damaged: 'the encrypted data is damaged or was changed on the way',
  unsupported: 'it uses an algorithm or format that the desk does not read',
  'no-integrity':
    'it is encrypted without integrity protection, so it could have been changed on the way',
  limit: 'it is above a limit of the desk (size, number of parts, time or memory)',
  expired: 'it is encrypted to a desk key that has expired',
  empty: 'a mail system on the way removed the encrypted content'
}

const SIGNATURES: Readonly<Record<SignatureState, string>> = {
  valid: 'yes, and the signature is valid',
  'expired-key': 'yes, but the key has expired',
  'revoked-key': 'yes, but the key is revoked',
  'unknown-key': 'yes, but nobody here knows the key, so it proves nothing',
  bad: 'the signature is WRONG: do not trust who or what this claims'
}

const WARNINGS: Readonly<Record<WarningCode, string>> = {
  'repeated-header':
    'The mail repeats a header field that may stand only once, which can show people different things.',
  'no-from': 'The mail names no usable sender address.',
  'no-message-id': 'The mail has no usable Message-ID.',
  'from-mismatch': 'The sender inside the protected part differs from the sender on the outside.',
  'unprotected-subject': 'The subject travelled in clear although the mail was encrypted.',
  'several-signatures': 'The mail carries more than one signature.',
  'signature-does-not-cover-all': 'The signature does not cover everything in the mail.',
  'outside-text':
    'Text was added outside the encrypted part; it is shown apart and is not from the sender.',
  mangled: 'A mail system on the way broke the encrypted form; the desk repaired it.',
  'cleartext-signature':
    'The text is signed inline; such signatures cover only the text and are easy to misread.',
  'errant-crypto': 'Encrypted or signed parts inside the mail were left unopened as attachments.',
  'html-only': 'The mail had only HTML; the text was converted from it.',
  'html-not-converted': 'The HTML part could not be converted; open the attachment with care.',
  'undecodable-text': 'Some characters could not be decoded and were replaced.',
  'text-truncated': 'The text is longer than the desk shows; the rest is in the original.',
  'too-many-parts': 'The mail has more parts than the desk reads; the rest is in the original.',
  'broken-mime': 'The structure of the mail is broken; it is shown as far as it is sound.',
  'several-keys': 'The mail carries several keys for its sender; none of them is used.',
  'fake-key': 'An attached key does not name the sender and is not used.',
  smime: 'The mail uses S/MIME, which the desk does not read.',
  'too-large': 'The mail is too large to be fetched; it waits in the held folder of the mailbox.'
}

/** Why a mail could not be opened; continues a sentence, no capital and no full stop. */
export function failureSentence(code: OpenFailure): string {
  return FAILURES[code]
}

/** Whether it was signed and what that is worth; no full stop. */
export function signatureSentence(state: SignatureState): string {
  return SIGNATURES[state]
}

/** What to distrust about the mail; a whole sentence. */
export function warningSentence(code: WarningCode): string {
  return WARNINGS[code]
}
