/**
 * What the worst messages say once they are opened: entities that cost their sender next to nothing, because they are compressed
 * inside of an encryption, and the desk as much as an entity can. Nothing here is a secret.
 */
import { lines, multipart } from '../fuzz/mime.ts'

/** An entity with the name under which its message is reported. Made only when asked for: most are as large as any may be. */
export type Payload = { readonly name: string; readonly make: () => Buffer }

const MIB = 2 ** 20
/** Just within what the desk decompresses. */
const MOST = 60 * MIB
const LEVELS = 19

/** The worst to read as a message. */
export const WORST_PAYLOADS: readonly Payload[] = [
  { name: '60 MiB of lines of dashes in 19 levels', make: () => inLevels('--b \n') },
  { name: '60 texts of 1 MiB of line ends', make: lineEnds },
  { name: '198 parts of 1,000 fields that are not UTF-8', make: strangeFields },
  { name: 'uuencode, 60 MiB of lines of one byte', make: uuencoded },
  { name: '60 MiB of zeros', make: zeros }
]

/** The worst to find in a signed and encrypted file. */
export const WORST_FILES: readonly Payload[] = [
  {
    name: '60 MiB of lines that look like boundaries in 19 levels',
    make: () => inLevels('--b1 x\n')
  },
  { name: '60 MiB of zeros', make: zeros },
  {
    name: '60 MiB of empty key blocks',
    make: () => file('-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n')
  }
]

function inLevels(line: string): Buffer {
  const heads = Array.from(
    { length: LEVELS },
    (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`
  )
  return Buffer.concat([Buffer.from(`${heads.join('')}\r\n`), Buffer.alloc(MOST, line)])
}

function lineEnds(): Buffer {
  const type = 'Content-Type: text/plain; charset=iso-8859-1; format=flowed; delsp=yes'
  const text = `${type}\r\n\r\n${'\n'.repeat(MIB - 10)}`
  const texts = Array.from({ length: MOST / MIB }, () => text)
  return Buffer.from(multipart('multipart/mixed; boundary=m', 'm', texts))
}

function strangeFields(): Buffer {
  const part = `${'x:\u00ff\r\n'.repeat(1000)}\r\ny`
  const parts = Array.from({ length: 198 }, () => part)
  return Buffer.from(multipart('multipart/mixed; boundary=m', 'm', parts), 'latin1')
}

function uuencoded(): Buffer {
  const head = lines('Content-Type: text/plain', 'Content-Transfer-Encoding: x-uuencode', '')
  const end = '`\nend\n'
  return Buffer.concat([
    Buffer.from('Content-Type: multipart/alternative; boundary=m\r\n\r\n--m\r\n'),
    Buffer.from(`${head}begin 644 x\n`),
    Buffer.alloc(MOST, '!\n'),
    Buffer.from(`${end}--m--\r\n`)
  ])
}

function zeros(): Buffer {
  return file('\0')
}

function file(content: string): Buffer {
  const head = 'Content-Type: application/octet-stream\r\n\r\n\0'
  return Buffer.concat([Buffer.from(head), Buffer.alloc(MOST, content)])
}
