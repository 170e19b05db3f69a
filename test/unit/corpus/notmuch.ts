/**
 * Expectations of `notmuch`: encrypted messages of its test suite, headers that must not be believed, and
 * threads in clear.
 */
import { type Folder, OPENED } from './expectation.ts'

/** File to expectation. */
export const NOTMUCH: Folder = {
  'corpora/crypto/basic-encrypted.eml': {
    ...OPENED,
    text: 'The password is "abcd1234!", please do not tell anyone.\n',
    warnings: ['unprotected-subject']
  },
  'corpora/crypto/encrypted-rfc822-attachment': {
    ...OPENED,
    attachments: [
      'msg-006 | message/rfc822 | 6d0600e41c73069bbd8f1a5b9599b030945a6cac14c603dfa829c33d8a2eded1'
    ],
    warnings: ['unprotected-subject']
  },
  'corpora/crypto/encrypted-signed.eml': {
    ...OPENED,
    signatures: ['valid suite whole'],
    text: 'sha256:87909203b8e846ebe356dac80733e573e8748d6312538a2ba7ce6ad92cb6d49e',
    says: 'My father was the keeper of the Eddystone Light',
    warnings: ['unprotected-subject']
  },
  // Sealed to a key that the suite does not hold.
  'corpora/crypto/simple-encrypted': { structure: 'pgp-mime', seal: 'not-for-us' },
  // The Exchange shape, with the message as binary packets in base64.
  'corpora/mangling/mixed-up.eml': {
    structure: 'pgp-mime-mangled',
    seal: 'opened',
    text: 'The password is "abcd1234!", please do not tell anyone.\n',
    warnings: ['mangled', 'unprotected-subject']
  },
  // Encryption inside encryption is not opened, and its header fields are not believed.
  'corpora/protected-headers/double-wrapped-with-phony-protected-header.eml': {
    ...OPENED,
    attachments: [
      'attachment-1.asc | application/pgp-encrypted | be2f27e98ccfb4629c7bd740488ade00fb5238d8641611416dcf250298089c14',
      'attachment-2.bin | application/octet-stream | 6d1b64a43f17e57257e58c56174ea80384ce5fe04b1faa5748b8f6be0ac14d83'
    ],
    warnings: ['errant-crypto', 'unprotected-subject']
  },
  'corpora/protected-headers/encrypted-message-with-forwarded-attachment.eml': {
    ...OPENED,
    subject: 'This is the cryptographic envelope subject',
    text: 'Check out this forwarded message:\n',
    attachments: [
      'attachment-1.eml | message/rfc822 | 7b7905ced174e871b0e314a88b4adb51d09b65d8b513430ca06405e64a576f67'
    ]
  },
  'corpora/protected-headers/encrypted-signed-not-masked.eml': {
    ...OPENED,
    signatures: ['valid suite whole'],
    subject: 'Rhinoceros dinner',
    text: 'sha256:5346c9bf2f1a56713841a2547002584c47462118dd4352490a725cebea1e0948',
    says: 'My Rhinoceros likes donuts',
    warnings: ['unprotected-subject']
  },
  'corpora/protected-headers/encrypted-signed.eml': {
    ...OPENED,
    signatures: ['valid suite whole'],
    subject: 'Rhinoceros dinner',
    text: 'sha256:5346c9bf2f1a56713841a2547002584c47462118dd4352490a725cebea1e0948',
    says: 'My Rhinoceros likes donuts'
  },
  // Fields of a part below the root of the payload protect nothing.
  'corpora/protected-headers/misplaced-protected-header.eml': {
    ...OPENED,
    text: 'sha256:e0022766bd8bd6748d42415e41149f16aa617d69fbc010c6580f457db3163238',
    says: 'an example message that has wrongly-placed "protected headers"',
    warnings: ['unprotected-subject']
  },
  'corpora/protected-headers/nested-rfc822-message.eml': {
    ...OPENED,
    attachments: [
      'attachment-1.eml | message/rfc822 | 3f4cb86774d60c25c5b9ee6898155453f576640fb794a480e08fa64ec51eb7a2'
    ],
    warnings: ['unprotected-subject']
  },
  // A subject inside without the mark protects nothing.
  'corpora/protected-headers/no-protected-header-attribute.eml': {
    ...OPENED,
    text: 'This is the sekrit message\n',
    warnings: ['unprotected-subject']
  },
  // No packets at all: GnuPG finds nothing to decrypt either.
  'corpora/protected-headers/phony-protected-header-bad-encryption.eml': {
    structure: 'pgp-mime',
    seal: 'damaged',
    sealedTo: 'unknown',
    warnings: ['unprotected-subject']
  },
  'corpora/protected-headers/protected-header.eml': {
    ...OPENED,
    subject: 'This is a protected header',
    text: 'This is the sekrit message\n'
  },
  'corpora/protected-headers/protected-with-legacy-display.eml': {
    ...OPENED,
    signatures: ['valid suite whole'],
    subject: 'Interrupting Cow',
    text: 'sha256:32c5dc697d130f6eb9a6117661e1ffa22ba24fa7412e132054f0e1f6b85ec913',
    says: 'I think you know how the punchline for this joke goes.',
    // The copy of its subject, in a part that is no text.
    attachments: [
      'attachment-1.txt | text/rfc822-headers | c9e6e54b130a4ecf680a25231c914758e1e79cb96b96094e4e327e6fd1487a8c'
    ]
  },
  'corpora/protected-headers/signed-protected-header.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid suite whole'],
    subject: 'This is a signed message',
    text: 'Here is the signed message body.\n'
  },
  // A signature does not reach the outer header.
  'corpora/protected-headers/simple-signed-mail.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid suite whole'],
    text: 'Here is the signed message body.\n'
  },
  'corpora/protected-headers/smime-enc+legacy-disp.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | faa0cfcb46d5e0086a9fef89337a7ff0652d207e3ec5e24bf7430816d41ac277'
    ],
    warnings: ['smime']
  },
  // S/MIME is named, and nothing of it is lost.
  'corpora/protected-headers/smime-multipart-signed.eml': {
    text: 'sha256:d0fc08eee3df45c062497821f80c1f49eb24ebb776ff099542c3954a70273abc',
    says: "(this is the 'smime-multipart-signed' message)",
    attachments: [
      'smime.p7s | application/pkcs7-signature | 5253a32aa952a868e5b3849197c699e7f0b9cd2c3598b1362add14b5eb8f3598'
    ],
    warnings: ['smime']
  },
  'corpora/protected-headers/smime-onepart-signed.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | d639a744ccf16794e8f48c543145f114eda9554da5e626d79288d0e01db37749'
    ],
    warnings: ['smime']
  },
  'corpora/protected-headers/smime-sign+enc+legacy-disp.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | 39c6b099aaf0113b28f5d2e58f141c04283937ca91112f214fa0c3c30bd358ab'
    ],
    warnings: ['smime']
  },
  'corpora/protected-headers/smime-sign+enc.eml': {
    attachments: [
      'smime.p7m | application/pkcs7-mime | c1ebd7a3a41d126fe18bb6fa3b81e29f77720121c18cd580cff8f3c95439feb3'
    ],
    warnings: ['smime']
  },
  'corpora/protected-headers/subjectless-protected-header.eml': {
    ...OPENED,
    subject: 'This is a protected header',
    text: 'This is the sekrit message\n'
  },
  // A list wrapped it: the subject inside does not speak for this message.
  'corpora/protected-headers/wrapped-protected-header.eml': {
    structure: 'pgp-mime-mangled',
    seal: 'opened',
    text: 'This is the sekrit message\n',
    outside:
      'This message body was re-wrapped by a mailing list\nwhich is why the protected headers no longer work.',
    warnings: ['mangled', 'outside-text', 'unprotected-subject']
  },
  'corpora/threading/ghost-root/1529425589.M615261P21663.len:2,S': {},
  'corpora/threading/ghost-root/1532672447.R3166642290392477575.len:2,S': {},
  'corpora/threading/ghost-root/1532672447.R6968667928580738175.len:2,S': {
    text: 'sha256:92fffc873dc6fbea40342a6df8e2f341f273e72c17ec4b31f8bce1ac4ff0cc0a',
    says: 'your request has been resolved'
  },
  'corpora/threading/ghost-root/child': {},
  'corpora/threading/ghost-root/fake-root': {
    text: 'This message has an in-reply-to pointing to a non-existent message\n'
  },
  'corpora/threading/ghost-root/grand-child': {},
  'corpora/threading/ghost-root/grand-child2': {},
  'corpora/threading/ghost-root/great-grand-child': {},
  'corpora/threading/ghost-root/real-root': {
    text: 'This message has no in-reply-to\n'
  },
  'corpora/threading/parent-priority/cur/child': {
    text: 'This is a normal-ish reply, and has both a references header and an\nin-reply-to header.\n'
  },
  'corpora/threading/parent-priority/cur/grand-child': {
    text: 'This has the references headers in the wrong order, with oldest first.\nDebbugs does this.\n'
  },
  'corpora/threading/parent-priority/cur/root': {
    text: 'This message has no reply-to\n'
  },
  'openpgp4-secret-key.asc': { is: 'secret key' }
}
