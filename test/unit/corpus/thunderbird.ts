/**
 * Expectations of `thunderbird/eml`: messages and mistakes of Thunderbird's own tests. The desk is Alice and Bob at once; Carol
 * is a stranger unless everybody is known.
 */
import { type Folder, OPENED } from './expectation.ts'

const CALLALOO = 'Sundays are nothing without callaloo.\n'

/** The fingerprint that GnuPG shows of the key attached by Johnny. */
const JOHNNY = 'bcb5c4ccfeb1f1a7fb91c0561f10171bfb881b1c'

/** File to expectation. */
export const THUNDERBIRD: Folder = {
  'alice-broken-exchange.eml': {
    structure: 'pgp-mime-mangled',
    seal: 'opened',
    text: 'Test message\n',
    attachments: [
      '0xF231550C4F47E38E.asc | application/pgp-keys | 9a59f5f5bff9e45f83797eff19d1920603ff4d840ffdb910e08d96f5456ac4bd'
    ],
    candidates: ['alice'],
    warnings: ['mangled', 'no-message-id', 'unprotected-subject']
  },
  'alice-signed.eml': {
    structure: 'inline',
    seal: 'clear',
    signatures: ['valid alice whole'],
    text: 'Hello Bob,\n\ncan we meet tomorrow?\n\nAlice\n',
    warnings: ['cleartext-signature']
  },
  'alice-utf.eml': {
    structure: 'inline',
    seal: 'clear',
    signatures: ['valid alice whole'],
    text: 'sha256:02c3ed1937241abd970eebdeb7df42fe9b850700f682f049d919ca02ba351323',
    says: 'Services Home::1 £10.00',
    warnings: ['cleartext-signature', 'no-message-id']
  },
  // Encrypted text inside HTML is never opened (EFAIL, mail.md §1.3).
  'bob-enc-html-nbsp.eml': {
    text: 'words:84de0f782a70c5a328173fc7501c5692bdeedbde2f7dc6e2df6455449574cef8',
    says: 'Q0qb+biPpakzFZH5xXDLJVrZFo4H76bR0ds7UROgqjDSVAFVyLyVzbXQGBf8krPa',
    warnings: ['errant-crypto', 'html-only', 'no-message-id']
  },
  'bob-enc-inline-nbsp-qp.eml': {
    structure: 'inline',
    seal: 'opened',
    text: 'My real name is not Bob.\n',
    warnings: ['no-message-id', 'unprotected-subject']
  },
  // GnuPG cannot read the signature packets either.
  'bob-to-alice-signed-damaged-signature.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['bad whole'],
    text: CALLALOO
  },
  // S/MIME outside: the inner OpenPGP layer hangs in the air, and is named.
  'dual-signed-uncommon-content-type.eml': {
    text: 'sha256:df0c3eee79c775a4c3b26bd54641b5c292babb505ade7e5ed40f561a12ded4ae',
    says: 'signed with both an S/MIME certificate and an OpenPGP key',
    attachments: [
      'OpenPGP_signature.asc | application/pgp-signature | 3847d98931f02d4e281c7cfede34747e56957a4546edf1608b46c26dbba78240',
      'smime.p7s | application/pkcs7-signature | 3e41ddcccdd36413bb8ddaa82220e8be4b134ef33e93a53cd4c77d62e2b1aff2'
    ],
    warnings: ['errant-crypto', 'smime']
  },
  // Sealed to a revoked key: a retired desk key still opens.
  'enc-to-carol@pgp.icu-revoked.eml': {
    ...OPENED,
    signatures: ['unknown-key whole'],
    subject: 'encrypted with revoked key',
    text: 'billie-jean\n',
    desk: ['carolRevoked']
  },
  'encrypted-and-signed-alice-to-bob-nonascii.eml': {
    ...OPENED,
    signatures: ['valid alice whole'],
    subject: 'Re: kod blå',
    text: 'Detta är krypterat!\n',
    attachments: [
      'OpenPGP_0xF231550C4F47E38E.asc | application/pgp-keys | a9f6a2c574ac1f83a7f9102a8524f25e160241c91430f2e2b722c86b7e2f78bc'
    ],
    candidates: ['alice']
  },
  'encrypted-to-alice-as-hidden-recipient.eml': {
    ...OPENED,
    sealedTo: 'hidden',
    text: 'hidden recipient encryption\n',
    warnings: ['unprotected-subject']
  },
  // Two keys of Eve's, neither of the sender.
  'eve-duplicate.eml': {
    attachments: [
      'eve1.asc | text/plain | 043d37f1ff4068b60a62173174a14d7b11f8bd3fbe67470e3e0b1db2b20da379',
      'eve2.asc | text/plain | d4ce2177a83f0b835d4b0e8d40d293fdf049ea7f649fb51747481d4ba64c6c0a'
    ],
    warnings: ['fake-key']
  },
  'forwarded-eml-signed-by-alice.eml': {
    text: 'See the attached note from alice.\n',
    attachments: [
      'openpgp signed by alice.eml | message/rfc822 | ef2e3c247151fb10e60457b9637ebb8436cc94486280de56c3a728c3dea8c776'
    ]
  },
  // A forwarded message is an attachment; its signature says nothing about this one.
  'fwd-signed.eml': {
    text: 'outer text\n',
    attachments: [
      'signed.eml | message/rfc822 | 68b2e97302498b1b702eb567b19d83ae20f58d2bdbd0cee3e398afaff02c4634'
    ]
  },
  'fwd-unsigned-encrypted.eml': {
    text: 'wrapper message with plain text\n',
    attachments: [
      'attached-message.eml | message/rfc822 | d88d7250d447bb5bc50ea05a75cf5c7db46f6ac543be3ecae41e5487c02fb1b5'
    ],
    warnings: ['errant-crypto']
  },
  'inline-signed-latin1.eml': {
    structure: 'inline',
    seal: 'clear',
    signatures: ['unknown-key whole'],
    text: 'àèìòù\n',
    warnings: ['cleartext-signature']
  },
  // Two Message-ID fields: neither counts.
  'inline-signed-utf8.eml': {
    structure: 'inline',
    seal: 'clear',
    signatures: ['unknown-key whole'],
    text: 'àèìòù\n',
    warnings: ['cleartext-signature', 'no-message-id', 'repeated-header']
  },
  'inner-smime-sig-in-pgp-encrypted.eml': {
    ...OPENED,
    text: CALLALOO,
    attachments: [
      'smime.p7s | application/pkcs7-signature | cff95237e6feae02d085151d9af3808ac763d72f6ce739fe64d675b7ccee67d1'
    ],
    warnings: ['smime', 'unprotected-subject']
  },
  'multiple-signatures.eml': {
    text: 'sha256:24888d6847eec50d05af4a8082de2d8e7fe65ac717fc8bc6f75a71a781c8c59e',
    says: 'Send dovecot mailing list submissions to dovecot@example.com',
    attachments: [
      'attachment-1.eml | message/rfc822 | 2655b817f49aa91754a9b8ad6015edce9539a16e73992daa6457d318c9e497b5',
      'attachment-2.eml | message/rfc822 | 72a108b8cf661fe6c33050e31ad757986cf3e53806447ed6212a00aaf40ebe81',
      'attachment-3.eml | message/rfc822 | bb22f6c9416f9d532cea6e8ce395afbef13a0f5224e8cf3e076deb7962f7ba58'
    ]
  },
  // A multipart/signed without its signature is not signed.
  'openpgp__stripped_sig.eml': {
    text: 'This is a test.\n',
    warnings: ['errant-crypto', 'no-message-id']
  },
  'outer-pgp-sig-inner-pgp-enc-sig.eml': {
    ...OPENED,
    signatures: ['unknown-key part', 'unknown-key whole'],
    subject: 'Signed Encrypted',
    text: CALLALOO,
    warnings: ['several-signatures', 'signature-does-not-cover-all'],
    whenAllKnown: ['bad part', 'valid carol whole']
  },
  // Encryption below other text is errant, whoever signed around it.
  'outer-pgp-sig-inner-pgp-enc-with-mixed.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['unknown-key whole'],
    text: 'Additional text\n',
    attachments: [
      'attachment-1.asc | application/pgp-encrypted | be2f27e98ccfb4629c7bd740488ade00fb5238d8641611416dcf250298089c14',
      'encrypted.asc | application/octet-stream | 8036a6460143592052ef954934bc2d965cf1dfb5598629ffb204af8e093a0eab'
    ],
    warnings: ['errant-crypto'],
    whenAllKnown: ['bad whole']
  },
  // A signature outside the encryption covers ciphertext only.
  'outer-pgp-sig-inner-pgp-enc.eml': {
    ...OPENED,
    signatures: ['unknown-key part'],
    subject: 'Unsigned Encrypted',
    text: CALLALOO,
    warnings: ['signature-does-not-cover-all'],
    whenAllKnown: ['bad part']
  },
  'outer-smime-bad-sig-inner-pgp-enc-sig-with-mixed.eml': {
    text: 'Additional text\n',
    attachments: [
      'attachment-1.asc | application/pgp-encrypted | be2f27e98ccfb4629c7bd740488ade00fb5238d8641611416dcf250298089c14',
      'encrypted.asc | application/octet-stream | beb821e0fd4b934ca0f192d190fc5488c867c71374847fc21beef7d42d8a2e7d',
      'smime.p7s | application/pkcs7-signature | d59b22ad83a84511bcb3fc0b4b7430f834b0d3a182e54462e668591b66b35b8a'
    ],
    warnings: ['errant-crypto', 'smime']
  },
  'outer-smime-bad-sig-inner-pgp-enc-sig.eml': {
    attachments: [
      'attachment-1.asc | application/pgp-encrypted | be2f27e98ccfb4629c7bd740488ade00fb5238d8641611416dcf250298089c14',
      'encrypted.asc | application/octet-stream | beb821e0fd4b934ca0f192d190fc5488c867c71374847fc21beef7d42d8a2e7d',
      'smime.p7s | application/pkcs7-signature | d59b22ad83a84511bcb3fc0b4b7430f834b0d3a182e54462e668591b66b35b8a'
    ],
    warnings: ['errant-crypto', 'smime']
  },
  // S/MIME breaks the chain from the root: what is inside stays closed.
  'outer-smime-bad-sig-inner-pgp-enc.eml': {
    attachments: [
      'attachment-1.asc | application/pgp-encrypted | be2f27e98ccfb4629c7bd740488ade00fb5238d8641611416dcf250298089c14',
      'encrypted.asc | application/octet-stream | 8036a6460143592052ef954934bc2d965cf1dfb5598629ffb204af8e093a0eab',
      'smime.p7s | application/pkcs7-signature | d59b22ad83a84511bcb3fc0b4b7430f834b0d3a182e54462e668591b66b35b8a'
    ],
    warnings: ['errant-crypto', 'smime']
  },
  'partial-encrypt-for-alice-html.eml': {
    text: 'words:6ea899dc9d9bc33167c89c265773fc10ceebc57c23e88658b77901294609dd7f',
    says: 'prefix -----BEGIN PGP MESSAGE-----',
    warnings: ['errant-crypto', 'html-only', 'no-message-id']
  },
  // A block among other text is never opened.
  'partial-encrypt-for-alice-plaintext.eml': {
    text: 'sha256:2413223a07245e0711b06738e564c75390a968b59e3ca37d62c7c0f76d92e369',
    says: 'prefix -----BEGIN PGP MESSAGE-----',
    warnings: ['errant-crypto', 'no-message-id']
  },
  'partial-encrypt-for-carol-html.eml': {
    text: 'words:5c174ff6b8044357976d9149912db0e00937737ff4729eafeabc8e68ec179b63',
    says: 'prefix -----BEGIN PGP MESSAGE-----',
    warnings: ['errant-crypto', 'html-only', 'no-message-id']
  },
  'partial-encrypt-for-carol-plaintext.eml': {
    text: 'sha256:44e2c61117c7bf908bf7f5d77cbd04311efc612911e85640aab05cc62c92d97d',
    says: 'prefix -----BEGIN PGP MESSAGE-----',
    warnings: ['errant-crypto', 'no-message-id']
  },
  'signed-by-0x3099ff1238852b9f-encrypted-to-0xf231550c4f47e38e-with-key.eml': {
    ...OPENED,
    signatures: ['unknown-key whole'],
    subject: 'Signed Encrypted With Key',
    text: CALLALOO,
    attachments: [
      'OpenPGP_0x3099FF1238852B9F.asc | application/pgp-keys | b37a8dae36b1bbaac8459a98d3f9a55f8144d70836596c629123b0865a257379'
    ],
    candidates: ['carol'],
    whenAllKnown: ['valid carol whole']
  },
  'signed-by-0x3099ff1238852b9f-encrypted-to-0xf231550c4f47e38e.eml': {
    ...OPENED,
    signatures: ['unknown-key whole'],
    subject: 'Signed Encrypted',
    text: CALLALOO,
    whenAllKnown: ['valid carol whole']
  },
  'signed-by-0x3099ff1238852b9f-to-0xf231550c4f47e38e-unencrypted-with-key.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['unknown-key whole'],
    text: CALLALOO,
    attachments: [
      'OpenPGP_0x3099FF1238852B9F.asc | application/pgp-keys | b37a8dae36b1bbaac8459a98d3f9a55f8144d70836596c629123b0865a257379'
    ],
    candidates: ['carol'],
    whenAllKnown: ['valid carol whole']
  },
  'signed-by-0x3099ff1238852b9f-to-0xf231550c4f47e38e-unencrypted.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['unknown-key whole'],
    text: CALLALOO,
    whenAllKnown: ['valid carol whole']
  },
  // Two From fields: no sender at all, whatever the signed one says.
  'signed-by-0xfbfcc82a015e7330-encrypted-to-0xf231550c4f47e38e-multi-from.eml': {
    ...OPENED,
    signatures: ['valid bob whole'],
    subject: 'Signed Encrypted',
    text: CALLALOO,
    warnings: ['from-mismatch', 'no-from', 'repeated-header']
  },
  'signed-by-0xfbfcc82a015e7330-encrypted-to-0xf231550c4f47e38e-with-key.eml': {
    ...OPENED,
    signatures: ['valid bob whole'],
    subject: 'Signed Encrypted With Key',
    text: CALLALOO,
    attachments: [
      'OpenPGP_0xFBFCC82A015E7330.asc | application/pgp-keys | 6719945238df9549a7e0e10e91dff7e4671f5a4f81731afdc5513b5036bf2877'
    ],
    candidates: ['bob']
  },
  'signed-by-0xfbfcc82a015e7330-encrypted-to-0xf231550c4f47e38e.eml': {
    ...OPENED,
    signatures: ['valid bob whole'],
    subject: 'Signed Encrypted',
    text: CALLALOO
  },
  'signed-by-0xfbfcc82a015e7330-to-0xf231550c4f47e38e-unencrypted-in-mixed.eml': {
    signatures: ['valid bob part'],
    text: CALLALOO,
    outside: 'test-list mailing list -- test-list@openpgp.example',
    warnings: ['outside-text', 'signature-does-not-cover-all']
  },
  'signed-by-0xfbfcc82a015e7330-to-0xf231550c4f47e38e-unencrypted-with-key.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid bob whole'],
    subject: 'Signed Unencrypted With Key',
    text: CALLALOO,
    attachments: [
      'OpenPGP_0xFBFCC82A015E7330.asc | application/pgp-keys | 6719945238df9549a7e0e10e91dff7e4671f5a4f81731afdc5513b5036bf2877'
    ],
    candidates: ['bob']
  },
  'signed-by-0xfbfcc82a015e7330-to-0xf231550c4f47e38e-unencrypted.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid bob whole'],
    subject: 'Signed Unencrypted',
    text: CALLALOO
  },
  'signed-encrypted-autocrypt-gossip.eml': {
    ...OPENED,
    signatures: ['valid bob whole'],
    subject: 'Compose Signed Encrypted Message',
    text: 'This is a signed, encrypted message composition test.\n',
    candidates: ['bob']
  },
  'signed-inline-indented.eml': {
    structure: 'inline',
    seal: 'clear',
    signatures: ['valid alice whole'],
    text: 'indent test with £\n  £ 2.00\n    £ 4.00\n       £ 7.00\n     £ 5.00\nend indent\n',
    warnings: ['cleartext-signature', 'no-message-id']
  },
  'signed-mismatch-email-date.eml': {
    structure: 'pgp-mime',
    seal: 'clear',
    signatures: ['valid bob whole'],
    subject: 'Signed Unencrypted',
    text: CALLALOO
  },
  // The list also changed the signed part: GnuPG calls it bad once Carol is known.
  'signed-with-mailman-footer.eml': {
    signatures: ['unknown-key part'],
    text: CALLALOO,
    outside:
      '_______________________________________________\nMailman mailing list\nMailman@example.com\nhttps://example.com/mailman/listinfo/mailman',
    warnings: ['outside-text', 'signature-does-not-cover-all'],
    whenAllKnown: ['bad part']
  },
  // A cleartext signature where ciphertext belongs.
  'sigspoof-git-commit.eml': {
    structure: 'pgp-mime',
    seal: 'damaged',
    sealedTo: 'unknown',
    warnings: ['no-message-id', 'unprotected-subject']
  },
  // An unobtrusive signature (header field Sig) is none that we read.
  'unob-signed-by-0x3099ff1238852b9f-to-0xf231550c4f47e38e.eml': {
    text: CALLALOO
  },
  // Three keys, one of which names the sender.
  'unrelated-and-fake-keys-attached.eml': {
    attachments: [
      'alice-fake-pub.asc | text/plain | 91e331991951b8bbee8febde42d112bd650185b28def9fded878e249fbfa08b0',
      'stranger-pub.asc | text/plain | e6ba58cc1bbed9c5968fbff523e5a13b7eb16693a84d4cce2fc317d6545f5143',
      'bob@openpgp.example-0xfbfcc82a015e7330-pub.asc | text/plain | 2fb3bee64a1fd779e13e381f4f265147a1ff6f9421b8c23b6f5dc5cc035fb498'
    ],
    candidates: ['bob'],
    warnings: ['fake-key']
  },
  'unsigned-encrypted-to-0xf231550c4f47e38e-from-0x3099ff1238852b9f-with-key.eml': {
    ...OPENED,
    subject: 'Unsigned Encrypted With Key',
    text: CALLALOO,
    attachments: [
      'OpenPGP_0x3099FF1238852B9F.asc | application/pgp-keys | b37a8dae36b1bbaac8459a98d3f9a55f8144d70836596c629123b0865a257379'
    ],
    candidates: ['carol']
  },
  'unsigned-encrypted-to-0xf231550c4f47e38e-from-0x3099ff1238852b9f.eml': {
    ...OPENED,
    subject: 'Unsigned Encrypted',
    text: CALLALOO
  },
  'unsigned-encrypted-to-0xf231550c4f47e38e-from-0xfbfcc82a015e7330-with-key.eml': {
    ...OPENED,
    subject: 'Unsigned Encrypted With Key',
    text: CALLALOO,
    attachments: [
      'OpenPGP_0xFBFCC82A015E7330.asc | application/pgp-keys | 6719945238df9549a7e0e10e91dff7e4671f5a4f81731afdc5513b5036bf2877'
    ],
    candidates: ['bob']
  },
  'unsigned-encrypted-to-0xf231550c4f47e38e-from-0xfbfcc82a015e7330.eml': {
    ...OPENED,
    subject: 'Unsigned Encrypted',
    text: CALLALOO
  },
  'unsigned-unencrypted-0x3099ff1238852b9f-autocrypt.eml': {
    text: 'This is autocrypt only.\n',
    candidates: ['carol']
  },
  'unsigned-unencrypted-from-bob-to-alice.eml': {
    text: CALLALOO
  },
  // Format=flowed: the blank that stuffs the last line is no text.
  'unsigned-unencrypted-key-0x1f10171bfb881b1c-attached.eml': {
    text: 'Hey, the key 0x1F10171BFB881B1C (for jdoe@invalid) attached!\n\n\u00a0-Johnny\n',
    attachments: [
      'OpenPGP_0x1F10171BFB881B1C.asc | application/pgp-keys | 6e43a9f58486307e6db54d2326630dbc729f69f70d8cfef3d70b7ae74c4ca660'
    ],
    candidates: [JOHNNY]
  }
}
