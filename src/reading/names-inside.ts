/**
 * Whom the header of what was encrypted names where nothing marks it as protected: a whole mail that was encrypted as it was,
 * by a gateway or by hand. Good for doubting a mail (policy/contradiction.ts), never for proving or showing anything: it may as
 * well be a file.
 */
import { type HeaderFacts } from '../domain/mail.ts'
import { type FieldBlock, readFields } from '../mime/fields.ts'
import { readHeader } from '../mime/header.ts'
import { type MimeTree, type Part } from '../mime/tree.ts'

const LAYERS_MAX = 5
/** The first line of every patch that git writes: its author is nobody's sender. */
const GIT_PATCH = /^\s*From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\r?\n/
const PATCH_HEAD_BYTES = 200

/** The header of the root of a decrypted payload, or of what is signed in it, that names a sender, else recipients, or null. */
export function readNamesInside({ raw, root }: MimeTree): HeaderFacts | null {
  if (GIT_PATCH.test(raw.toString('latin1', 0, PATCH_HEAD_BYTES))) return null
  const blocks: Pick<FieldBlock, 'fields' | 'isBroken'>[] = [readFields(raw, 0, raw.length)]
  let part: Part | undefined = root
  for (let layer = 0; part?.type === 'multipart/signed' && layer < LAYERS_MAX; layer += 1) {
    part = part.children[0]
    if (part !== undefined) blocks.push({ fields: part.fields, isBroken: false })
  }
  const headers = blocks.filter(isMailHeader).map(({ fields }) => readHeader(fields).facts)
  return (
    headers.find(({ from, unreadableFrom }) => from !== null || unreadableFrom !== '') ??
    headers.find(({ to, cc, hasUnreadableRecipient }) => {
      return to.length + cc.length > 0 || hasUnreadableRecipient
    }) ??
    null
  )
}

/** Plain words may begin with `From:` as well: a mail has a header block without a flaw, and more of its fields. */
function isMailHeader({ fields, isBroken }: Pick<FieldBlock, 'fields' | 'isBroken'>): boolean {
  const names = fields.map(({ name }) => name)
  const isMime = names.some((name) => name.startsWith('content-') || name === 'mime-version')
  const isWhole = ['to', 'date', 'message-id'].some((name) => names.includes(name))
  return !isBroken && (isMime || (names.includes('from') && isWhole))
}
