/**
 * Expectations of `muacrypt`: Autocrypt fields, good and bad; only the good ones give a candidate.
 */
import { type Folder } from './expectation.ts'

/** Fingerprints that GnuPG shows of the keys in the fields. */
const RSA2048 = '7e2e3b36419a8bdb46f6106bbafc533cd993bd7f'
const RSA4096 = '9be9b98f9d8660b32179c5ee96b51d2b1367f001'
const ED25519 = '26aa6751fd7668c42fa4924afc744da9fe73c3d4'

/** File to expectation. */
export const MUACRYPT: Folder = {
  '25519-simple.eml': {
    text: 'sha256:81f430554481239ab641a22dd77f923c438b8ff535fc489eb442324747fbdd70',
    says: 'a test with a curve 25519-based key',
    candidates: [ED25519]
  },
  'msg_8bit.eml': { text: 'this äöäqäwe\n' },
  'msg_iso8859_quopri.eml': {
    text: 'angehört\n',
    warnings: ['no-from', 'no-message-id']
  },
  'multipart_fn_unicode.eml': {
    text: 'sha256:f39a39668d3970f483bd20e4d96e392bb17306a18e11b1242a5803cf6757237d',
    says: '---------- Forwarded message ---------- From: Delta Chat',
    attachments: [
      'Übersicht - Sicherheit, Privatsphäre und Nachhaltigkeit.pdf | application/octet-stream | 49a0be76acb34af1bf762bbbd1db455928248667f1c78588bfa99b0344f870bd'
    ],
    warnings: ['no-from', 'no-message-id']
  },
  // Whose key the field holds does not matter: it names another address, in a report.
  'multipart_report.eml': {
    text: 'sha256:471ac53343a9510a726b9a84294fd0c4425e7474a5104eaee08f78fb959df089',
    says: 'with subject "First draft of report" has been displayed',
    attachments: [
      'attachment-1.bin | message/disposition-notification | cb4b08179824f7c55778224430edb5daba1dc8db3107f5b77933ff25b7681077',
      'attachment-2.eml | message/rfc822 | 48c9d0137a29238d681c10020eb27d9b5f80e20067e11e70a14441ba8edffe74'
    ]
  },
  'no-autocrypt.eml': {
    text: 'sha256:0b2585b38e7459f002a51429b3706f2b94bdc952aa63824df7cd189f35ac94c7',
    says: 'This message contains no Autocrypt header'
  },
  'rsa2048-broken-base64.eml': {
    text: 'sha256:8a86c2671a708a5e1708f7976cebba4f914d90455eb7dc268441a0c6bb64aaa3',
    says: 'an Autocrypt header with invalid characters in the base64 key data'
  },
  // The attribute `type` was given up: unknown and critical.
  'rsa2048-explicit-type.eml': {
    text: 'sha256:2b739405efa4e0c5585f99d900f0bc08b2d430408222661b53a290e66706233e',
    says: 'includes an explicit "type=p" attribute'
  },
  // The field names another address than From.
  'rsa2048-from-not-match.eml': {
    text: 'sha256:543f9fdeb0e628a7138c8b7baa79258f087b8bbeb266f302e05d0e7d175ff329',
    says: 'does not match the "From"'
  },
  // Only the case of the address differs.
  'rsa2048-simple-casing.eml': {
    text: 'sha256:975f6a930392e19293b056cb233b993a6a6f01c326f2c539cfae761739755dc7',
    says: 'a default, minimal Autocrypt header using an RSA 2048 key',
    candidates: [RSA2048]
  },
  'rsa2048-simple-to-bot.eml': {
    text: 'sha256:975f6a930392e19293b056cb233b993a6a6f01c326f2c539cfae761739755dc7',
    says: 'a default, minimal Autocrypt header using an RSA 2048 key',
    candidates: [RSA2048]
  },
  'rsa2048-simple.eml': {
    text: 'sha256:975f6a930392e19293b056cb233b993a6a6f01c326f2c539cfae761739755dc7',
    says: 'a default, minimal Autocrypt header using an RSA 2048 key',
    candidates: [RSA2048]
  },
  'rsa2048-unknown-critical.eml': {
    text: 'sha256:7747b40788f2c16b7edb1b5500c2985f59faa884f7f5752eddf3b13ca30e5810',
    says: 'an unknown critical attribute'
  },
  'rsa2048-unknown-non-critical.eml': {
    text: 'sha256:f2685e93bab9b6df794b95bf07323c09501aad87d2f19c2094eec4ddea54417d',
    says: 'an unknown non-critical attribute',
    candidates: [RSA2048]
  },
  'rsa4096-simple.eml': {
    text: 'sha256:cf5b9a0ab54777c9dd2b790ed4050179957d39b22619fc9375e21ec5f58d254a',
    says: 'an Autocrypt header with RSA 4096-bit keys',
    candidates: [RSA4096]
  },
  'test1_autocrypt_org.key': { is: 'public key' },
  'testbot.secretkey': { is: 'secret key' },
  'unknown-type.eml': {
    text: 'sha256:a46e27c69079455faab556be0514756fc660fd9f3fce10711d47ce03cc9fc71a',
    says: 'an Autocrypt header that claims to be of type "x"'
  }
}
