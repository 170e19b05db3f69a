/**
 * The closed list of what signers really said, put together from what was signed, never from a reading of it. Signatures are
 * told apart by signer and instant: no two of a world share both.
 */
import { type OpenedMail, type Signature } from '../../src/domain/mail.ts'
import { type Shows } from './payloads.ts'
import { AROUND_AT, type World } from './world.ts'

/** What one signature vouches for. */
export type Saying = {
  /** Fingerprints of the keys attached inside. */
  readonly keys: readonly string[]
  /** Whether the text, files and protected subject of a message are what was signed, all of it and nothing else. */
  isShown(opened: OpenedMail): boolean
}

export type Said = {
  readonly sayings: ReadonlyMap<string, Saying>
  /** Whether this signature has the identity that it always had, and shares it with no other. */
  isSame(signature: Signature): boolean
}

/** Everything that the known signers of this world said. */
export function allSaid({ signed, around }: World): Said {
  const sayings = new Map<string, Saying>()
  for (const { signer, madeAt, payload, shows, cleartextWords } of signed) {
    if (signer === null) continue
    const raw = { text: payload.toString(), files: [payload] }
    // Inline PGP shows the payload as a text, an encrypted file as a text or a file.
    sayings.set(`${signer} ${madeAt.detached}`, sayingOf(shows, contentOf(shows)))
    sayings.set(
      `${signer} ${madeAt.inner}`,
      sayingOf(shows, [
        ...contentOf(shows),
        { text: raw.text, files: [] },
        { text: '', files: raw.files }
      ])
    )
    const cleartext = { text: cleartextWords, files: [] }
    sayings.set(`${signer} ${madeAt.cleartext}`, sayingOf({ subject: '', keys: [] }, [cleartext]))
  }
  for (const { signer, payload } of around) {
    // The signer of a ciphertext vouches for its parts where they stay closed, and for nothing that was in them.
    const closed = { text: '', files: partsOf(payload) }
    sayings.set(`${signer ?? ''} ${AROUND_AT}`, sayingOf({ subject: '', keys: [] }, [closed]))
  }
  const identities = new Map<string, string>()
  return {
    sayings,
    isSame: (signature) => {
      const name = keyOf(signature)
      const known = identities.get(name)
      if (known !== undefined) return known === signature.sha256
      if ([...identities.values()].includes(signature.sha256)) return false
      identities.set(name, signature.sha256)
      return true
    }
  }
}

/** The bodies of the parts of a multipart entity of ours. */
function partsOf(entity: Buffer): Buffer[] {
  const text = entity.toString('latin1')
  const boundary = /boundary="?([^";\s]+)/.exec(text)?.[1] ?? ''
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4), 'latin1'))
}

/** What the maker of this signature said with it; undefined when nobody known made it. */
export function saidBy(said: Said, signature: Signature): Saying | undefined {
  return said.sayings.get(keyOf(signature))
}

/** The words of a text, for a comparison that leaves out blanks and line ends. */
export function wordsOf(text: string): string {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ')
}

type Content = { readonly text: string; readonly files: readonly Buffer[] }

function contentOf({ text, textWithCopies, files }: Shows): Content[] {
  return [
    { text, files },
    { text: textWithCopies, files }
  ]
}

function sayingOf(
  { subject, keys }: Pick<Shows, 'subject' | 'keys'>,
  contents: readonly Content[]
): Saying {
  return {
    keys,
    isShown: (opened) => {
      const shown = opened.protected?.subject ?? ''
      const isSubject = shown === '' || wordsOf(shown) === wordsOf(subject)
      return isSubject && contents.some((content) => isContent(opened, content))
    }
  }
}

/** Signatures leave line ends open: files are compared without them, too. */
function isContent(opened: OpenedMail, { text, files }: Content): boolean {
  const plain = (bytes: Uint8Array): string =>
    Buffer.from(bytes)
      .toString('latin1')
      .replaceAll(/[ \t]*\r?\n/g, '\n')
      .trimEnd()
  return (
    wordsOf(opened.text) === wordsOf(text) &&
    opened.attachments.length === files.length &&
    opened.attachments.every(({ content }, index) => {
      const file = files[index]
      return file !== undefined && plain(content) === plain(file)
    })
  )
}

function keyOf({ fingerprint, createdAt }: Signature): string {
  return `${fingerprint ?? ''} ${createdAt ?? ''}`
}
