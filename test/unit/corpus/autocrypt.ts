/**
 * Expectations of `autocrypt`: examples of the Autocrypt specification. Alice's key expired in 2021, so it is no
 * candidate any more. The `cleartext` files are payloads read by themselves.
 */
import { type Folder, OPENED } from './expectation.ts'

/** File to expectation. */
export const AUTOCRYPT: Folder = {
  'alice@autocrypt.example.pub.asc': { is: 'public key' },
  'alice@autocrypt.example.sec.asc': { is: 'secret key' },
  'bob@autocrypt.example.pub.asc': { is: 'public key' },
  'bob@autocrypt.example.sec.asc': { is: 'secret key' },
  'carol@autocrypt.example.pub.asc': { is: 'public key' },
  'carol@autocrypt.example.sec.asc': { is: 'secret key' },
  'example-draft-cleartext.eml': {
    text: 'sha256:82e7c6e8a98e1a66e5fd0353ccb777a03154e05e17707512c9d288660547c80b',
    says: 'store it as a draft for now!',
    warnings: ['no-from', 'no-message-id']
  },
  'example-draft.eml': {
    ...OPENED,
    text: 'sha256:82e7c6e8a98e1a66e5fd0353ccb777a03154e05e17707512c9d288660547c80b',
    says: 'store it as a draft for now!',
    warnings: ['unprotected-subject']
  },
  'example-gossip-cleartext.eml': {
    text: 'sha256:24ada36f2032b5b3749603986feb4d1a3813a0d7b29b0da7bc3752288eacc45d',
    says: 'I wanted to introduce the two of you to each other.',
    warnings: ['no-from', 'no-message-id']
  },
  'example-gossip.eml': {
    ...OPENED,
    signatures: ['expired-key alice whole'],
    text: 'sha256:24ada36f2032b5b3749603986feb4d1a3813a0d7b29b0da7bc3752288eacc45d',
    says: 'I wanted to introduce the two of you to each other.',
    warnings: ['unprotected-subject']
  },
  'example-setup-message-cleartext.key': { is: 'secret key' },
  // A setup message is an encrypted file, which is not opened by itself.
  'example-setup-message.eml': {
    text: 'sha256:1c647ba4e437fedd6058f271fb2ed79dcbae87bd75beeba32bac7b464f83f51a',
    says: 'transfer your Autocrypt settings along with your secret key securely',
    attachments: [
      'autocrypt-setup-message.html | application/autocrypt-setup | a607c9eec3260ccca9795973b0261443ed9364402f45033c61e0b3c6f3a85ba7'
    ],
    warnings: ['errant-crypto', 'no-message-id']
  },
  'example-simple-autocrypt.eml': {
    text: 'sha256:4819b67c6aa3bee9e61f1e8e463aebeb08935d7f338e62c2d26d5f650f2f3a44',
    says: 'an example e-mail with Autocrypt header and Ed25519+Cv25519 key'
  }
}
