/** Where our MIME tree and postal-mime or mailparser do not see the same in a file of the corpus, and why ours stays as it is. */

/** Files of the corpus, without the expected values beside them; README states this number. */
export const FILES = 618

/** What the two readers disagree on in one file, and why ours stays as it is. */
type Difference = { readonly on: readonly string[]; readonly because: string }

const BARE_NAME = 'it reads a bare byte in a file name as broken UTF-8; ours as windows-1252'
const PLAIN_FIRST =
  'it prefers the sections of a name to a plain one beside them; ours the plain one'
const NOT_UTF8 =
  'it shows text that is no UTF-8 as damaged; ours reads it as windows-1252, with a warning'
const NOT_JIS =
  'the text says ISO-2022-JP and is UTF-8: it shows damaged text; ours reads what is there'
const WINDOWS =
  'it reads the bytes 128 to 159 of windows-1252 as control characters; ours as its letters'
const BINARY: Difference = { on: ['0 text'], because: `a binary key, no mail: ${NOT_UTF8}` }

/** Path below the corpus to what is not the same there. */
export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  'chatmail/message/attach_filename_combined.eml': { on: ['0.1 file name'], because: PLAIN_FIRST },
  'mail-parser/legacy/016.eml': { on: ['0.2 file name'], because: BARE_NAME },
  'mail-parser/legacy/023.eml': { on: ['0.3 file name'], because: BARE_NAME },
  'mail-parser/legacy/026.eml': { on: ['0.1 file name'], because: BARE_NAME },
  'mail-parser/legacy/033.eml': { on: ['0 text'], because: NOT_UTF8 },
  'mail-parser/legacy/052.eml': { on: ['0 text'], because: NOT_UTF8 },
  'sisimai/dos/lhost-kddi-01.eml': { on: ['0.0 text'], because: NOT_JIS },
  'sisimai/dos/lhost-mailmarshalsmtp-01.eml': { on: ['0.0 text'], because: WINDOWS },
  'sisimai/dos/lhost-mfilter-01.eml': { on: ['0 text'], because: NOT_JIS },
  'sisimai/dos/lhost-notes-01.eml': { on: ['0 text'], because: NOT_JIS },
  'sisimai/dos/lhost-office365-01.eml': { on: ['0.0.0 text'], because: WINDOWS },
  'talon/standard_replies/thunderbird.eml': {
    on: ['0 text'],
    because: 'it joins a flowed line to one of another quote depth, which RFC 3676 §4.5 forbids'
  },
  'thunderbird/keys/DC1A523730F62AE8-pub-does_not_expire-ends_with_whitespace.pgp': BINARY,
  'thunderbird/keys/encryption-subkey-bad.pgp': BINARY,
  'thunderbird/keys/invalid-pubkey-nosigs.pgp': BINARY,
  'thunderbird/keys/key-binary.gpg': BINARY,
  'thunderbird/keys/revoked-then-signed.pgp': BINARY
}

/** Where mailparser does not find the same text and files in a whole message, and why ours stays as it is. */
export const MAILPARSER_DIFFERENCES: Readonly<Record<string, Difference>> = {
  'chatmail/message/attach_filename_combined.eml': { on: ['file names'], because: PLAIN_FIRST },
  'mail-parser/legacy/033.eml': { on: ['text'], because: NOT_UTF8 },
  'mail-parser/legacy/052.eml': { on: ['text'], because: NOT_UTF8 },
  'mail-parser/rfc/004.eml': {
    on: ['text', 'file names', 'bytes'],
    because: 'it reads a part of a digest as text where RFC 2046 §5.1.5 says that it is a message'
  },
  'sisimai/dos/lhost-office365-01.eml': {
    on: ['text'],
    because: 'it leaves a zero byte in the text; ours shows a sign for it'
  },
  ...Object.fromEntries(
    Object.entries(DIFFERENCES)
      .filter(([, difference]) => difference === BINARY)
      .map(([path]) => [path, { ...BINARY, on: ['text'] }])
  )
}
