/**
 * Expectations of `protected-headers`: the vectors of the older draft. An `.inner` file is the payload of the
 * mail of that name; read by itself it is a message in clear, and its legacy display is then text like any other.
 */
import { type Folder, OPENED } from './expectation.ts'

/** File to expectation. */
export const PROTECTED_HEADERS: Folder = {
  'README.md': { is: 'note' },
  'alice@openpgp.example.pub.asc': { is: 'public key' },
  'bob@openpgp.example.sec.asc': { is: 'secret key' },
  'pgpmime-enc+legacy-disp.eml': {
    ...OPENED,
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:5c7e5d373f0c0830e41ee9a835b40fadfb82a184d1382547fb4eeff3dbdc9749',
    says: "(this is the 'pgpmime-enc+legacy-disp' message)"
  },
  'pgpmime-enc+legacy-disp.inner': {
    text: 'sha256:3fd081c5e515379f669853932b7dd6845b034d34b29e0806b64bc58d64a86624',
    says: "(this is the 'pgpmime-enc+legacy-disp' message)"
  },
  'pgpmime-layered+legacy-disp.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:570cc08ff4f3fead5aa0b8ffeb6f997e373af1690717b58eb30b43c02a056e5b',
    says: "(this is the 'pgpmime-layered+legacy-disp' message)"
  },
  'pgpmime-layered+legacy-disp.inner': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:570cc08ff4f3fead5aa0b8ffeb6f997e373af1690717b58eb30b43c02a056e5b',
    says: "(this is the 'pgpmime-layered+legacy-disp' message)",
    warnings: ['from-mismatch', 'no-from', 'no-message-id']
  },
  'pgpmime-layered.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:9662f31c726a77a591cb01677e0d465b918e896576bba1374573539a296198c0',
    says: "(this is the 'pgpmime-layered' message)"
  },
  // No outer From, but a signed one: they differ.
  'pgpmime-layered.inner': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:9662f31c726a77a591cb01677e0d465b918e896576bba1374573539a296198c0',
    says: "(this is the 'pgpmime-layered' message)",
    warnings: ['from-mismatch', 'no-from', 'no-message-id']
  },
  'pgpmime-sign+enc+legacy-disp.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:1d9fa93a4ed2070a7695a750a79d4fca53d37b810d0b062a12ec8a1fbf53012a',
    says: "(this is the 'pgpmime-sign+enc+legacy-disp' message)"
  },
  'pgpmime-sign+enc+legacy-disp.inner': {
    text: 'sha256:b16b4638c17323ea15892cdf78069b0bf8991dbc489353eb5f536ff24fc68c49',
    says: "(this is the 'pgpmime-sign+enc+legacy-disp' message)"
  },
  'pgpmime-sign+enc.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:d57d0ed4fa24954bf4613f911daa221a604b1e3b485cbaef8273d18b42204127',
    says: "(this is the 'pgpmime-sign+enc' message)"
  },
  'pgpmime-sign+enc.inner': {
    text: 'sha256:d57d0ed4fa24954bf4613f911daa221a604b1e3b485cbaef8273d18b42204127',
    says: "(this is the 'pgpmime-sign+enc' message)"
  },
  'pgpmime-signed.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid alice whole'],
    subject: 'The FooCorp contract',
    text: 'sha256:b49cd426ec1b026e894e990ee095ef391dca630d35840574e41af7318945edcc',
    says: "(this is the 'pgpmime-signed' message)"
  },
  'sample-ca.pem': { is: 'note' },
  'smime-enc+legacy-disp.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | faa0cfcb46d5e0086a9fef89337a7ff0652d207e3ec5e24bf7430816d41ac277'
    ],
    warnings: ['smime']
  },
  'smime-enc+legacy-disp.inner': {
    text: 'sha256:a38a4791ba28206aa4a4db19f264173cd7ab93911afd333246b772d4545eabdb',
    says: "(this is the 'smime-enc+legacy-disp' message)"
  },
  'smime-multipart-signed.eml': {
    text: 'sha256:d0fc08eee3df45c062497821f80c1f49eb24ebb776ff099542c3954a70273abc',
    says: "(this is the 'smime-multipart-signed' message)",
    attachments: [
      'smime.p7s | application/pkcs7-signature | 5253a32aa952a868e5b3849197c699e7f0b9cd2c3598b1362add14b5eb8f3598'
    ],
    warnings: ['smime']
  },
  'smime-onepart-signed.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | d639a744ccf16794e8f48c543145f114eda9554da5e626d79288d0e01db37749'
    ],
    warnings: ['smime']
  },
  'smime-onepart-signed.inner': {
    text: 'sha256:1506764e795897fc76d7b97afd0207a00ebbf244f57995e22bf0f510d9e5c4e2',
    says: "(this is the 'smime-onepart-signed' message)"
  },
  'smime-sign+enc+legacy-disp.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | 39c6b099aaf0113b28f5d2e58f141c04283937ca91112f214fa0c3c30bd358ab'
    ],
    warnings: ['smime']
  },
  'smime-sign+enc+legacy-disp.inner': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | 0a36e5e7d5b1ca10114c38fd3c2dbf59d22d4b7a9981d51eeb69a1c380cb1b43'
    ],
    warnings: ['no-from', 'no-message-id', 'smime']
  },
  'smime-sign+enc+legacy-disp.inner.inner': {
    text: 'sha256:036f19ac30acc75502a0a9e38298ae32b1d094d8b0b11bdeb79bf96198548ae3',
    says: "(this is the 'smime-sign+enc+legacy-disp' message)"
  },
  'smime-sign+enc.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | c1ebd7a3a41d126fe18bb6fa3b81e29f77720121c18cd580cff8f3c95439feb3'
    ],
    warnings: ['smime']
  },
  'smime-sign+enc.inner': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | 9e7889e5fa4b9bb7b2eb5ae0aaffe8305d98b2144d323cb48ae4a01958a1e862'
    ],
    warnings: ['no-from', 'no-message-id', 'smime']
  },
  'smime-sign+enc.inner.inner': {
    text: 'sha256:057e035d1f2d2593bf4d97fac925e17f5dc2234a261cc2a6e3823a8bfd4c8644',
    says: "(this is the 'smime-sign+enc' message)"
  },
  'unfortunately-complex.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:91070d157935dd19c9c6b6d173f1e29877b6c40c0463452af33f3642d4b45a74',
    says: "(this is the 'unfortunately-complex' message)",
    attachments: [
      'testharness-config.diff | text/x-diff | 67efee2111868d73c8901825493345191455e59bb4d41825eae3b6d40a6496d0'
    ]
  },
  'unfortunately-complex.inner': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid alice whole'],
    subject: "BarCorp contract signed, let's go!",
    text: 'sha256:91070d157935dd19c9c6b6d173f1e29877b6c40c0463452af33f3642d4b45a74',
    says: "(this is the 'unfortunately-complex' message)",
    attachments: [
      'testharness-config.diff | text/x-diff | 67efee2111868d73c8901825493345191455e59bb4d41825eae3b6d40a6496d0'
    ],
    warnings: ['from-mismatch', 'no-from', 'no-message-id']
  }
}
