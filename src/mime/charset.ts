/**
 * The charset names that are accepted, and the name under which each is decoded. Must never pass a declared name to the
 * decoder: it drops everything but letters and digits and knows more than charsets, so that `hex` would be decoded too (mail.md
 * §2.23).
 */

/** Names the decoder is asked for, compared by letters and digits only. */
const NAMES = [
  ...['utf-7', 'utf-8', 'utf-16', 'utf-16le', 'utf-16be', 'utf-32', 'utf-32le', 'utf-32be'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16].map((part) => `iso-8859-${part}`),
  ...['koi8-r', 'koi8-u', 'macintosh', 'ibm866'],
  ...['gbk', 'gb2312', 'gb18030', 'big5', 'euc-kr', 'euc-jp', 'shift_jis', 'iso-2022-jp'],
  ...[
    'cp437',
    'cp737',
    'cp850',
    'cp852',
    'cp857',
    'cp858',
    'cp932',
    'cp936',
    'cp949',
    'cp950',
    'windows-874'
  ],
  ...[1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257, 1258].map((page) => `windows-${page}`)
]
/** Names used by old mail programs that no registry lists, by their letters and digits. */
const OTHER_NAMES: readonly (readonly [string, string])[] = [
  ...['ansix341968', 'ascii', 'iso646us', 'usascii'].map((name) => [name, 'us-ascii'] as const),
  ...[1250, 1251, 1252].map((page) => [`win${page}`, `windows-${page}`] as const),
  ...[437, 850, 852].map((page) => [`ibm${page}`, `cp${page}`] as const),
  ...['cp50220', 'jis', 'jisencoding'].map((name) => [name, 'iso-2022-jp'] as const),
  ...['1', '2', '3', '2004', 'ms'].map((kind) => [`iso2022jp${kind}`, 'iso-2022-jp'] as const),
  ['iso88598i', 'iso-8859-8'],
  ['cp874', 'windows-874'],
  ['ms949', 'cp949'],
  ['latin9', 'iso-8859-15'],
  ['unicode11utf7', 'utf-7'],
  ['csunicode11utf7', 'utf-7'],
  ['xmaccyrillic', 'maccyrillic']
]
const KNOWN: ReadonlyMap<string, string> = new Map([
  ...NAMES.map((name) => [spelled(name), name] as const),
  ...OTHER_NAMES
])

/**
 * The charset that `declared` names, in the decoder's spelling; `us-ascii` for '', null for an unknown name.
 */
export function charsetNamed(declared: string): string | null {
  const name = declared.trim().toLowerCase()
  if (name === '') return 'us-ascii'
  const known = KNOWN.get(spelled(name))
  if (known !== undefined) return known
  return KNOWN.get(spelled(labelled(name))) ?? KNOWN.get(spelled(labelled(spelled(name)))) ?? null
}

function spelled(name: string): string {
  return name.replaceAll(/[^a-z0-9]/g, '')
}

/** The name for one of the many labels that browsers know (WHATWG Encoding §4.2); '' for any other label. */
function labelled(label: string): string {
  try {
    return new TextDecoder(label).encoding
  } catch {
    return ''
  }
}
