/**
 * Every attack that the desk must survive, by its number in the project's notes on mail (27 of them) or its name, with the tests
 * that carry it out. The tests of this folder are end to end: a message made with gpg or sq and by hand is delivered to a desk,
 * and what matters is what left it. For an attack on anything but mail, an older test is named.
 */

/** A file below `test/` and the beginning of a test's name in it. */
export type Proof = readonly [file: string, test: string]

export const ATTACKS: Readonly<Record<string, readonly [title: string, ...proofs: Proof[]]>> = {
  1: [
    'EFAIL, direct exfiltration',
    ['attacks/efail.test.ts', '1 EFAIL, direct exfiltration'],
    ['attacks/efail.test.ts', '1 EFAIL, sealed again by the thief'],
    ['unit/reading/attacks.test.ts', 'cannot get a wrapped ciphertext decrypted']
  ],
  2: [
    'EFAIL, malleability and stripped integrity codes',
    ['attacks/encryption.test.ts', '2 EFAIL, malleability: changed ciphertext'],
    ['attacks/encryption.test.ts', '2 EFAIL, malleability: a message that never had'],
    ['unit/reading/attacks.test.ts', 'yields no text when any byte of the ciphertext was changed'],
    ['unit/reading/attacks.test.ts', 'is refused when its integrity protection was stripped']
  ],
  3: [
    'decryption oracle by automatic answers',
    ['attacks/oracle.test.ts', '3 decryption oracle: the answer says the same'],
    ['attacks/oracle.test.ts', '3 decryption oracle: the answer leaves when it would have left'],
    ['attacks/oracle.test.ts', '3 decryption oracle: what takes longer'],
    ['attacks/oracle.test.ts', '3 decryption oracle: a withheld mail'],
    ['unit/policy/inbound.test.ts', 'says the same whatever opening gave']
  ],
  4: [
    'replayed ciphertext',
    ['attacks/encryption.test.ts', '4 replayed ciphertext: what Alice sealed'],
    ['attacks/encryption.test.ts', '4 replayed ciphertext: before it arrives'],
    ['attacks/encryption.test.ts', '4 replayed ciphertext: what Sequoia sealed'],
    ['attacks/encryption.test.ts', '4 replayed ciphertext: the key that came inside'],
    ['attacks/encryption.test.ts', '4 replayed ciphertext: what a maintainer sealed'],
    ['attacks/encryption.test.ts', '4 replayed ciphertext: an inner From'],
    ['attacks/stolen.test.ts', "4 replayed ciphertext: the signer's key hung"],
    ['attacks/stolen.test.ts', '4 replayed ciphertext: the hung key of a signer'],
    ['attacks/stolen.test.ts', "4 replayed ciphertext: a maintainer's signature"],
    ['attacks/stolen.test.ts', '4 replayed ciphertext: an automatic answer'],
    ['attacks/stolen.test.ts', '4 replayed ciphertext: the names in a whole mail'],
    ['attacks/quotation.test.ts', '4 quotation: what Alice wrote does not reach a thief'],
    ['attacks/quotation.test.ts', '4 quotation: nothing leaves where nobody but its author'],
    ['attacks/quotation.test.ts', '4 quotation: a ciphertext of Alice in a maintainer'],
    ['desk/withheld.test.ts', 'is withheld from everybody when somebody sends it as theirs']
  ],
  5: [
    'partially signed mails, M1 to M4 (MIME wrapping)',
    ['attacks/signatures.test.ts', '5 M1 to M4, MIME wrapping'],
    ['attacks/signatures.test.ts', '5 wrapping: a third part in an encrypted mail'],
    ['unit/reading/attacks.test.ts', 'never lends its trust to text beside it']
  ],
  6: [
    'I1 to I3 (identities)',
    ['attacks/signatures.test.ts', '6 I1 to I3, identities'],
    ['attacks/signatures.test.ts', '6 identities: two headers of one name']
  ],
  7: [
    'several signatures',
    ['attacks/signatures.test.ts', '7 several signatures: none of them counts'],
    ['attacks/signatures.test.ts', '7 several signatures: a flood']
  ],
  8: [
    'backdated signatures, retired and expired keys',
    ['attacks/signatures.test.ts', '8 backdated and old signatures'],
    ['unit/reading/attacks.test.ts', 'is reported as expired although the key was valid'],
    ['unit/reading/attacks.test.ts', 'is reported as revoked once the key is revoked']
  ],
  9: [
    'packet sequences and cleartext headers',
    ['attacks/signatures.test.ts', '9 packet sequences'],
    ['attacks/signatures.test.ts', '9 cleartext signatures']
  ],
  10: [
    'surreptitious forwarding and replayed commands',
    ['attacks/signatures.test.ts', '10 replay'],
    ['attacks/signatures.test.ts', '10 surreptitious forwarding'],
    ['integration/mail-rules.test.ts', 'obeys a signed message once']
  ],
  11: [
    'signing and decryption oracle of the desk key',
    ['attacks/encryption.test.ts', '11 signing oracle']
  ],
  12: [
    'key substitution',
    ['attacks/keys.test.ts', '12 key substitution: the answer is sealed'],
    ['attacks/keys.test.ts', '12 key substitution: keys of maintainers'],
    ['attacks/key-ids.test.ts', '12 key ids: what names a fingerprint'],
    ['attacks/key-ids.test.ts', '12 key ids: a signature has the authority'],
    ['attacks/key-ids.test.ts', '12 key ids: a signature of version 3'],
    ['attacks/key-ids.test.ts', '12 key ids: without a fingerprint'],
    ['attacks/key-ids.test.ts', '12 stolen subkeys: what Alice signed and sealed'],
    ['attacks/key-ids.test.ts', '12 stolen subkeys: nor with the agreement'],
    ['attacks/key-ids.test.ts', '12 stolen subkeys: a maintainer keeps'],
    ['desk/reporter-keys.test.ts', 'is never replaced by one that another person signs for']
  ],
  13: ['poisoned and giant keys', ['attacks/keys.test.ts', '13 poisoned and giant keys']],
  14: [
    'compression bomb',
    ['attacks/encryption.test.ts', '14 compression bomb'],
    ['unit/reading/attacks.test.ts', 'is refused when it expands beyond the limit']
  ],
  15: [
    'floods of session keys and signatures',
    ['attacks/encryption.test.ts', '15 flood of session keys'],
    ['attacks/signatures.test.ts', '7 several signatures: a flood'],
    ['unit/reading/attacks.test.ts', 'is refused when it floods the desk with session keys']
  ],
  16: ['MIME bombs', ['attacks/structure.test.ts', '16 MIME bombs']],
  17: [
    'HTML bombs',
    ['attacks/html.test.ts', '17 HTML bombs: nothing that a document refers to'],
    ['attacks/html.test.ts', '17 HTML bombs: %s'],
    ['attacks/html.test.ts', '17 HTML bombs: many small ones']
  ],
  18: [
    'header injection',
    ['attacks/structure.test.ts', '18 header injection'],
    ['unit/reading/attacks.test.ts', 'cannot write a header through an encoded word']
  ],
  19: ['recipient injection', ['attacks/structure.test.ts', '19 recipient injection']],
  20: [
    'loops, backscatter, floods',
    ['attacks/flow.test.ts', '20 loops and backscatter'],
    ['attacks/flow.test.ts', '20 loops: the desk does not answer itself'],
    ['attacks/limits.test.ts', '20 floods: of one domain'],
    ['attacks/limits.test.ts', '20 floods: of all domains together'],
    ['attacks/limits.test.ts', '20 floods (B11): five reports of one sender'],
    ['attacks/limits.test.ts', '20 floods: an answer that no hour'],
    ['attacks/flow.test.ts', '20 backscatter']
  ],
  21: ['forged senders and additions', ['attacks/flow.test.ts', '21 forged additions']],
  22: ['mangling on the way', ['attacks/flow.test.ts', '22 mangling on the way']],
  23: [
    'charset tricks',
    ['attacks/charsets.test.ts', '23 charset tricks: a command is one'],
    ['attacks/charsets.test.ts', '23 charset tricks: no line is hidden'],
    ['attacks/charsets.test.ts', '23 charset tricks: what two programs may read'],
    ['attacks/charsets.test.ts', '23 charset tricks: nothing in a header'],
    ['unit/mime/charset.test.ts', 'never hides a line of ASCII']
  ],
  24: ['queries to the database', ['attacks/structure.test.ts', '24 queries']],
  25: [
    'leaks into logs',
    ['attacks/flow.test.ts', '25 logs'],
    ['unit/effects/log.test.ts', 'says the class and the code of an error, never its message']
  ],
  26: [
    'what a crash leaves',
    ['attacks/flow.test.ts', '26 what is left behind'],
    ['desk/crash.test.ts', 'at any effect of a report and a command loses nothing'],
    ['unit/worker/pool.test.ts', 'never passes on the message of an error inside a worker']
  ],
  27: ['look-ups that tell', ['attacks/flow.test.ts', '27 look-ups']],
  M: ['signature spoofing by MIME', ['attacks/signatures.test.ts', '5 M1 to M4, MIME wrapping']],
  I: ['signature spoofing by identity', ['attacks/signatures.test.ts', '6 I1 to I3, identities']],
  U: ['signature spoofing by appearance', ['attacks/signatures.test.ts', 'U, user interface']],
  'EFAIL, direct': ['', ['attacks/efail.test.ts', '1 EFAIL, direct exfiltration']],
  'EFAIL, malleability': ['', ['attacks/encryption.test.ts', '2 EFAIL, malleability: changed']],
  'several signatures': ['', ['attacks/signatures.test.ts', '7 several signatures: none']],
  'partial encryption': ['', ['attacks/efail.test.ts', 'partial encryption']]
}
