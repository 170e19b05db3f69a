/**
 * Expectations of `k9`: Autocrypt fields as Thunderbird for Android tests them.
 */
import { type Folder } from './expectation.ts'

/** The fingerprint that GnuPG shows of the good key. */
const RSA2048 = '7e2e3b36419a8bdb46f6106bbafc533cd993bd7f'

/** File to expectation. */
export const K9: Folder = {
  'autocrypt/no_autocrypt.eml': {
    text: 'sha256:427a0dfbe516ec654aaae301f8fb097964287724968423e7b9028999e47003cf',
    says: 'This message contains no INBOME header'
  },
  'autocrypt/rsa2048-broken-base64.eml': {
    text: 'sha256:2b8bbc14e46999e44e1540fdd41ff3f8e2651cb0c2ac412e1d2aaeb4d2bd497f',
    says: 'an INBOME header with invalid characters in the base64 key data'
  },
  // The attribute `type` was given up: unknown and critical.
  'autocrypt/rsa2048-explicit-type.eml': {
    text: 'sha256:7e498cd030272c32533fc53459a395a08019b551247d6e7929ffb6567f3614a1',
    says: 'includes an explicit "type=p" attribute'
  },
  // The field has its old name, which nobody reads any more.
  'autocrypt/rsa2048-simple-to-bot.eml': {
    text: 'sha256:d0d9e5091be4a6a423106f561137f6cd717b9df3f82cbb7d0fda3df29ff5fcb3',
    says: 'a default, minimal INBOME header using an RSA 2048 key'
  },
  'autocrypt/rsa2048-simple.eml': {
    text: 'sha256:d0d9e5091be4a6a423106f561137f6cd717b9df3f82cbb7d0fda3df29ff5fcb3',
    says: 'a default, minimal INBOME header using an RSA 2048 key',
    candidates: [RSA2048]
  },
  'autocrypt/rsa2048-unknown-critical.eml': {
    text: 'sha256:bd6c006cbe0ba192f3ba03c926c471ff150307c2fc59485e85f11436ac25b6ca',
    says: 'an unknown critical attribute'
  },
  'autocrypt/rsa2048-unknown-non-critical.eml': {
    text: 'sha256:bb3ae656c5ddfb6e808a0dd179a2020f220b10030827810e5bf0aca3105534c6',
    says: 'an unknown non-critical attribute',
    candidates: [RSA2048]
  },
  'autocrypt/unknown-type.eml': {
    text: 'sha256:2c39bd55fc8eceab4b809b1d61e163b3c46e1db85ad09d7d70d69088c4a77a5a',
    says: 'an INBOME header that claims to be of type "x"'
  }
}
