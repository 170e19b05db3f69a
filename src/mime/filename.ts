/** File names of attachments, made safe to show, to write into a header and to save (mail.md §2.18). */
import { sanitizeHeaderText } from './encoded-words.ts'

const LENGTH_MAX = 120
const EXTENSIONS: Readonly<Record<string, string>> = {
  'text/plain': 'txt',
  'text/html': 'html',
  'text/calendar': 'ics',
  'text/csv': 'csv',
  'text/x-patch': 'patch',
  'text/x-diff': 'diff',
  'text/rfc822-headers': 'txt',
  'message/rfc822': 'eml',
  'message/global': 'eml',
  'message/delivery-status': 'txt',
  'application/pgp-encrypted': 'asc',
  'application/pgp-keys': 'asc',
  'application/pgp-signature': 'asc',
  'application/pdf': 'pdf',
  'application/zip': 'zip',
  'image/png': 'png',
  'image/jpeg': 'jpg'
}

/**
 * `sent` without path, control and shell characters, beginning with a letter or digit, at most 120 characters. When nothing
 * usable is left, a name made from `number` and the type.
 */
export function safeFilename(sent: string, type: string, number: number): string {
  const base = sanitizeHeaderText(sent, 2000).split(/[/\\]/).at(-1) ?? ''
  const clean = base
    .replaceAll(/[^\p{L}\p{N}\p{M} ._+@()=,~-]/gu, '_')
    .replace(/^[^\p{L}\p{N}]+/u, '')
  const short = shorten(clean.trim())
  return short === '' ? `attachment-${number}.${EXTENSIONS[type] ?? 'bin'}` : short
}

/** Keeps the extension, because people and programs rely on it. */
function shorten(name: string): string {
  const chars = Array.from(name)
  if (chars.length <= LENGTH_MAX) return name
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? ''
  return chars.slice(0, LENGTH_MAX - extension.length).join('') + extension
}
