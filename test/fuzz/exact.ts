/** Rules for unbroken messages: a reader must make of them exactly what was put in. A broken message passes all of these. */
import { createHash } from 'node:crypto'
import { type OpenedMail } from '../../src/domain/mail.ts'
import { judgeSender } from '../../src/policy/authentication.ts'
import { OWN_SETTINGS } from './arrival.ts'
import { type Exact } from './bodies.ts'
import { type FuzzMail, type Outside } from './mails.ts'
import { wordsOf } from './said.ts'

type Whole = Exact & Outside

/** The rules, by name. */
export const EXACT_RULES: readonly (readonly [
  string,
  (opened: OpenedMail, mail: FuzzMail) => boolean
])[] = [
  exact('an unbroken mail is opened as what it is', (opened, whole) =>
    (['structure', 'encrypted', 'decrypted', 'failure'] as const).every(
      (name) => opened[name] === whole[name]
    )
  ),
  exact(
    'an unbroken mail shows its words',
    (opened, { shows, bounce }) =>
      bounce !== null || wordsOf(opened.text) === wordsOf(shows?.text ?? '')
  ),
  exact('an unbroken mail hands over its files, byte for byte', isFiles),
  exact(
    'an unbroken mail shows its protected subject',
    ({ protected: header }, { shows }) =>
      wordsOf(header?.subject ?? '') === wordsOf(shows?.subject ?? '')
  ),
  exact('an unbroken signature is judged rightly, and covers all', isSignature),
  exact(
    'an unbroken mail offers the keys that name its sender, and no others',
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
    (opened, { exact, top }) =>
      exact === null ||
      judgeSender(opened, OWN_SETTINGS).kind === (top.own === 'nothing' ? 'none' : top.own)
  ]
]

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
