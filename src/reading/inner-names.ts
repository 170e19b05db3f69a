/**
 * Sender and recipients in an encrypted header that does not apply to the outer message: the header of an entity in another form,
 * or of a whole message that somebody encrypted. It is a reason to doubt the message (policy/ownership.ts), but proves nothing
 * and is never shown, because it may just be text that somebody wrote.
 */
import { type HeaderFacts } from '../domain/mail.ts'
import { type FieldBlock, readFields } from '../mime/fields.ts'
import { readHeader, readProtectedHeader } from '../mime/header.ts'
import { type Part } from '../mime/tree.ts'

const LAYERS_MAX = 6
/** The first line of every git patch: its author is not the sender of a message. */
const GIT_PATCH = /^\s*From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\r?\n/
const PATCH_HEAD_BYTES = 200

/**
 * The protected header of a decrypted payload, or of a part signed in it. Without one, the fields of the payload itself if it was
 * cut out of PGP/MIME: a multipart that names no sender (a message that somebody saved to a file names one), or one that is
 * signed, because only PGP/MIME verifies that signature. Else null.
 */
export function readMarkedInside(root: Part): HeaderFacts | null {
  for (const part of inwards(root)) {
    const header = readProtectedHeader(part)
    if (header !== null) return header.facts
  }
  const { facts } = readHeader(root.fields)
  const isNameless = facts.from === null && facts.unreadableFrom === ''
  const isCut = root.type.startsWith('multipart/') && isNameless
  return isCut || root.type === 'multipart/signed' ? facts : null
}

/** The header of a decrypted payload, or of a part signed in it, that names a sender, or else recipients; or null. */
export function readNamesInside(root: Part): HeaderFacts | null {
  const { raw } = root.tree
  if (GIT_PATCH.test(raw.toString('latin1', 0, PATCH_HEAD_BYTES))) return null
  const blocks: Pick<FieldBlock, 'fields' | 'isBroken'>[] = [
    readFields(raw, 0, raw.length),
    ...inwards(root)
      .slice(1)
      .map(({ fields }) => ({ fields, isBroken: false }))
  ]
  const headers = blocks.filter(isMailHeader).map(({ fields }) => readHeader(fields).facts)
  return (
    headers.find(({ from, unreadableFrom }) => from !== null || unreadableFrom !== '') ??
    headers.find(({ to, cc, hasUnreadableRecipient }) => {
      return to.length + cc.length > 0 || hasUnreadableRecipient
    }) ??
    null
  )
}

/** Plain text may begin with `From:` too: a message has a flawless header block with more of its fields. */
function isMailHeader({ fields, isBroken }: Pick<FieldBlock, 'fields' | 'isBroken'>): boolean {
  const names = fields.map(({ name }) => name)
  const isMime = names.some((name) => name.startsWith('content-') || name === 'mime-version')
  const isWhole = ['to', 'date', 'message-id'].some((name) => names.includes(name))
  return !isBroken && (isMime || (names.includes('from') && isWhole))
}

/** A payload and the parts signed in it, from the outside in. */
function inwards(root: Part): Part[] {
  const parts: Part[] = []
  let part: Part | undefined = root
  while (part !== undefined && parts.length < LAYERS_MAX) {
    parts.push(part)
    part = part.type === 'multipart/signed' ? part.children[0] : undefined
  }
  return parts
}
