/**
 * What must hold of every opened message, whatever it contains. Judged from outside: from what the fuzzer put into the message
 * and from the closed list of all that was ever signed, never from Postern's own reading of it.
 */
import { createHash } from 'node:crypto'
import { toOpenJson, toOpenPage } from '../../src/cli/open-page.ts'
import { type OpenedMail, type Signature } from '../../src/domain/mail.ts'
import { instantFromMs } from '../../src/domain/time.ts'
import { judgeSender } from '../../src/policy/authentication.ts'
import { OWN_SETTINGS } from './arrival.ts'
import { type Exact } from './bodies.ts'
import { type FuzzMail, type Outside } from './mails.ts'
import { FOREIGN_MARK } from './mime.ts'
import { type Said, saidBy, wordsOf } from './said.ts'
import { SECRET_MARK } from './world.ts'

/** A rule by name: false when it is broken. */
export type Rule = readonly [string, (opened: OpenedMail, mail: FuzzMail, said: Said) => boolean]

const KIB = 1024
// Control and bidirectional characters (Unicode UAX #9), line end and tab apart.
const UNSAFE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/

type Whole = Exact & Outside

const SIGNATURE_RULES: readonly Rule[] = [
  [
    'nothing without a signature by a known key is valid',
    ({ signatures }, { holds }) =>
      holds.mayBeValid || signatures.every(({ state }) => state !== 'valid')
  ],
  [
    'a valid signature is one that was made, by whom it says',
    ({ signatures }, _, said) =>
      signatures.every((each) => each.state !== 'valid' || saidBy(said, each) !== undefined)
  ],
  [
    'a signature has one identity, whatever is packed around it',
    ({ signatures }, _, said) =>
      signatures.every((each) => each.state !== 'valid' || said.isSame(each))
  ],
  [
    'what a valid signature covers as a whole is what its signer said',
    (opened, _, said) =>
      trusted(opened).every((each) => saidBy(said, each)?.isShown(opened) ?? false)
  ],
  [
    'foreign text is never covered',
    (opened) => trusted(opened).length === 0 || !coveredWords(opened).includes(FOREIGN_MARK)
  ],
  [
    'text outside means that nothing covers the whole',
    // What is wrapped around a repaired message is shown apart, and such a message never carries commands.
    (opened) =>
      opened.outsideText === '' ||
      trusted(opened).length === 0 ||
      opened.structure === 'pgp-mime-mangled'
  ]
]

const SECRET_RULES: readonly Rule[] = [
  [
    'nothing that was encrypted is shown of a message not decrypted',
    (opened) =>
      [opened, ...opened.sealedParts].some(({ decrypted }) => decrypted) ||
      !allWords(opened).includes(SECRET_MARK)
  ],
  [
    'nothing is decrypted in which nothing is sealed to the desk',
    (opened, { holds }) => holds.mayBeDecrypted || !opened.decrypted
  ],
  [
    'an encrypted message is decrypted or says why not',
    (opened) => !opened.encrypted || opened.decrypted || opened.failure !== null
  ],
  [
    'a further sealed part is opened or says why not, and a closed one shows nothing',
    ({ sealedParts }) =>
      sealedParts.every(({ encrypted, decrypted, failure, text, attachments }) =>
        encrypted && !decrypted
          ? failure !== null && text === '' && attachments.length === 0
          : decrypted || failure === null
      )
  ],
  ['encrypted text never stands outside', ({ outsideText }) => !outsideText.includes(SECRET_MARK)]
]

const SENDER_RULES: readonly Rule[] = [
  [
    'what stands below our own hop proves no sender',
    (opened, { top }) => {
      const found = provedBy(opened)
      return found === 'nothing' || found === top.own
    }
  ],
  [
    'a candidate key is one that somebody put there',
    ({ candidateKeys }, { holds: { keys } }) =>
      keys === null ||
      candidateKeys.every(({ fingerprint }) =>
        [...keys.attached, ...keys.header].includes(fingerprint)
      )
  ],
  [
    'a key that only the header brings is not attached',
    ({ candidateKeys }, { holds: { keys } }) =>
      keys === null ||
      candidateKeys.every(
        ({ fingerprint, source }) => source !== 'attached' || keys.attached.includes(fingerprint)
      )
  ],
  [
    'a key attached to signed words is one that the signer attached',
    (opened, _, said) =>
      trusted(opened).every((each) =>
        opened.candidateKeys.every(
          ({ fingerprint, source }) =>
            source !== 'attached' || (saidBy(said, each)?.keys.includes(fingerprint) ?? false)
        )
      )
  ]
]

const LIMIT_RULES: readonly Rule[] = [
  ['text within 256 KiB', ({ text }) => Buffer.byteLength(text) <= 256 * KIB],
  ['outside text within 256 KiB', ({ outsideText }) => Buffer.byteLength(outsideText) <= 256 * KIB],
  ['at most 200 parts', ({ attachments }) => attachments.length <= 200],
  [
    'no more attachments than the message could hold',
    // The encryption of the fuzzer compresses repetitive bytes by no more than a thousand times.
    ({ attachments }, { raw }) =>
      attachments.reduce((sum, { content }) => sum + content.length, 0) <=
      Math.min(64 * KIB * KIB, raw.length * 1000)
  ],
  [
    'at most 8 signatures',
    ({ signatures, sealedParts }) =>
      signatures.length + sealedParts.flatMap((part) => part.signatures).length <= 8
  ],
  ['at most 16 further sealed parts', ({ sealedParts }) => sealedParts.length <= 16],
  [
    'text of further sealed parts within 256 Ki characters',
    ({ sealedParts }) => sealedParts.map(({ text }) => text).join('').length <= 256 * KIB
  ],
  ['at most 8 key ids', ({ sealedToKeyIds }) => sealedToKeyIds.length <= 8],
  [
    'at most 100 references',
    (opened) => heads(opened).every((head) => head.references.length <= 100)
  ],
  [
    'at most 200 addresses',
    (opened) => heads(opened).every((head) => head.to.length <= 200 && head.cc.length <= 200)
  ],
  [
    'subjects within 200 characters',
    (opened) => heads(opened).every((head) => head.subject.length <= 200)
  ],
  [
    'file names within 120 characters',
    ({ attachments }) =>
      attachments.every(({ filename }) => filename.length <= 120 && filename !== '')
  ],
  [
    'candidate keys within 256 KiB',
    ({ candidateKeys }) => candidateKeys.every(({ keyData }) => keyData.length <= 256 * KIB)
  ],
  ['warnings are named once', ({ warnings }) => new Set(warnings).size === warnings.length]
]

const REPORT_RULES: readonly Rule[] = [
  [
    'the report holds no control or bidirectional characters',
    (opened) => {
      const mute = { ...opened, text: '', outsideText: '' }
      const sealedParts = opened.sealedParts.map((part) => ({ ...part, text: '' }))
      return isClean(toOpenJson({ ...mute, sealedParts }))
    }
  ],
  ['the text holds no control characters', (opened) => !CONTROLS.test(opened.text)],
  [
    'the page holds no control or bidirectional characters',
    (opened) => isSafePage(toOpenPage(opened, instantFromMs(0)))
  ]
]

/** Whether a page may be printed on a terminal. */
export function isSafePage(page: string): boolean {
  return !UNSAFE.test(page)
}

/** Of unbroken messages a reader must make exactly what was put in. A broken message passes all of these. */
const EXACT_RULES: readonly Rule[] = [
  exact('an unbroken message is opened as what it is', (opened, whole) =>
    (['structure', 'encrypted', 'decrypted', 'failure'] as const).every(
      (name) => opened[name] === whole[name]
    )
  ),
  exact(
    'an unbroken message shows its words',
    (opened, { shows, bounce }) =>
      bounce !== null || wordsOf(opened.text) === wordsOf(shows?.text ?? '')
  ),
  exact('an unbroken message hands over its files, byte for byte', isFiles),
  exact(
    'an unbroken message shows its protected subject',
    ({ protected: header }, { shows }) =>
      wordsOf(header?.subject ?? '') === wordsOf(shows?.subject ?? '')
  ),
  exact('an unbroken signature is judged rightly, and covers all', isSignature),
  exact(
    'an unbroken message offers the keys that name its sender, and no others',
    ({ candidateKeys }, { offered }) =>
      candidateKeys
        .map(({ fingerprint }) => fingerprint as string)
        .toSorted()
        .join(' ') === offered.toSorted().join(' ')
  ),
  exact(
    'a delivery report says what its status part says, and nothing else is one',
    ({ bounce }, whole) => JSON.stringify(bounce) === JSON.stringify(whole.bounce)
  ),
  exact(
    'every Received field is counted',
    ({ trace }, { received }) => trace.received === received
  ),
  [
    'what our own server found is heard',
    (opened, { exact, top }) => exact === null || provedBy(opened) === top.own
  ]
]

/** What our own server is said to have found out about the sender. */
function provedBy(opened: OpenedMail): 'dmarc' | 'spf' | 'nothing' {
  const { says } = judgeSender(opened, OWN_SETTINGS)
  if (says.startsWith('verified')) return 'dmarc'
  return says.includes('(SPF)') ? 'spf' : 'nothing'
}

function exact(
  name: string,
  holds: (opened: OpenedMail, whole: Whole) => boolean
): readonly [string, (opened: OpenedMail, mail: FuzzMail) => boolean] {
  return [name, (opened, mail) => mail.exact === null || holds(opened, mail.exact)]
}

function isFiles({ attachments }: OpenedMail, { shows, bounce }: Whole): boolean {
  if (bounce !== null) return true
  const files = shows?.files ?? []
  return (
    attachments.length === files.length &&
    attachments.every(({ content, size, sha256 }, index) => {
      const file = files[index] ?? Buffer.alloc(0)
      const hash = createHash('sha256').update(file).digest('hex')
      return file.equals(content) && size === file.length && sha256 === hash
    })
  )
}

function isSignature({ signatures }: OpenedMail, { signature }: Whole): boolean {
  if (signature === null) return signatures.length === 0
  const [only] = signatures
  return (
    signatures.length === 1 &&
    only?.state === (signature.signer === null ? 'unknown-key' : 'valid') &&
    only.fingerprint === signature.signer &&
    only.createdAt === signature.madeAt &&
    only.coversWhole
  )
}

/** Every rule there is. */
export const RULES: readonly Rule[] = [
  ...EXACT_RULES,
  ...SIGNATURE_RULES,
  ...SECRET_RULES,
  ...SENDER_RULES,
  ...LIMIT_RULES,
  ...REPORT_RULES
]

/** Names of the rules that `opened` breaks; empty when all hold. */
export function brokenRules(said: Said, mail: FuzzMail, opened: OpenedMail): string[] {
  return RULES.filter(([, holds]) => !holds(opened, mail, said)).map(([name]) => name)
}

function trusted(opened: OpenedMail): Signature[] {
  return opened.signatures.filter(({ state, coversWhole }) => state === 'valid' && coversWhole)
}

function heads(opened: OpenedMail): OpenedMail['outer'][] {
  return opened.protected === null ? [opened.outer] : [opened.outer, opened.protected]
}

function isClean(value: unknown): boolean {
  return typeof value === 'string'
    ? !UNSAFE.test(value) && !/[\n\t]/.test(value)
    : typeof value !== 'object' || value === null || Object.values(value).every(isClean)
}

/** Everything that a signature over the whole would vouch for. */
function coveredWords(opened: OpenedMail): string {
  const files = opened.attachments.map(
    (file) => file.filename + Buffer.from(file.content).toString('latin1')
  )
  return [opened.text, opened.protected?.subject ?? '', ...files].join('\n')
}

function allWords(opened: OpenedMail): string {
  const files = opened.attachments.map(({ content }) => Buffer.from(content).toString('latin1'))
  return (
    JSON.stringify({ ...opened, attachments: opened.attachments.map((file) => file.filename) }) +
    files.join('\n')
  )
}
