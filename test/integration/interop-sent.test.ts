/**
 * Everything that the desk sends is opened and verified by GnuPG, Sequoia and RNP: each kind of message, sealed and in clear, to
 * RSA, NIST and Curve25519 keys that these programs made. Reads the messages without any of Postern's code.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MESSAGES } from '../../src/messages/catalogue.ts'
import {
  contentTypeOf,
  decodeWords,
  headerOf,
  type Part,
  splitPart
} from '../support/mail-parts.ts'
import { type ReadMail } from '../support/people.ts'
import { describeWith } from '../support/requires.ts'
import { openSentWorld, SECRET, type Sent, type SentWorld } from '../support/sent-world.ts'

type Form = Sent['form']

type Kind = {
  readonly to: 'reporter' | 'maintainer' | 'member'
  readonly forms: readonly Form[]
  /** The neutral words of its subject: all that there are. */
  readonly words: readonly string[]
}

const BOTH = ['sealed', 'clear'] as const
/** Titles of the alarms that ring in this world. */
const ALARMS = [
  'A key expires soon',
  'A message was not sent because of a key',
  'Is everything ready for the advance notice?',
  'The notice is leaving',
  'Copies of the notice still wait',
  'The notice came too late for members',
  'The disclosure date has passed'
]

/** Every kind, to whom it goes, how it may leave and what its subject says. One that is not here or not sent fails below. */
const KINDS: Readonly<Record<string, Kind>> = {
  acknowledgement: { to: 'reporter', forms: BOTH, words: ['We received your report'] },
  relay: { to: 'maintainer', forms: ['sealed'], words: ['Report', 'Message'] },
  note: { to: 'maintainer', forms: ['sealed'], words: ['Note'] },
  activity: { to: 'maintainer', forms: ['sealed'], words: ['Update'] },
  transcript: { to: 'maintainer', forms: ['sealed'], words: ['Done', 'Nothing was done'] },
  hint: { to: 'maintainer', forms: ['sealed'], words: ['Your note stayed among the maintainers'] },
  refusal: {
    to: 'maintainer',
    forms: ['sealed'],
    words: ['We did not act on a message in your name']
  },
  reply: { to: 'reporter', forms: BOTH, words: ['About your report'] },
  accepted: { to: 'reporter', forms: BOTH, words: ['Your report is accepted'] },
  closed: { to: 'reporter', forms: BOTH, words: ['We have closed your case'] },
  reopened: { to: 'reporter', forms: BOTH, words: ['Your case is open again'] },
  rejected: { to: 'reporter', forms: BOTH, words: ['Our decision on your report'] },
  'key-request': { to: 'reporter', forms: ['clear'], words: ['Please send us your OpenPGP key'] },
  'resend-request': { to: 'reporter', forms: ['clear'], words: ['Please send your message again'] },
  files: { to: 'maintainer', forms: ['sealed'], words: ['Files'] },
  preview: { to: 'maintainer', forms: ['sealed'], words: ['Preview of the notice'] },
  notice: { to: 'member', forms: ['sealed'], words: ['Notice'] },
  'member-answer': { to: 'member', forms: ['sealed'], words: ['Answer'] },
  'key-expires': { to: 'member', forms: ['sealed'], words: ['Your key expires soon'] },
  'embargo-ended': { to: 'member', forms: ['sealed'], words: ['The embargo is over'] },
  'date-proposed': { to: 'reporter', forms: BOTH, words: ['Does this date suit you?'] },
  'date-notice': { to: 'reporter', forms: BOTH, words: ['About the disclosure'] },
  'further-reports': { to: 'reporter', forms: ['clear'], words: ['Your further reports'] },
  merged: { to: 'reporter', forms: BOTH, words: ['How we go on with your report'] },
  alert: { to: 'maintainer', forms: ['sealed'], words: ALARMS },
  digest: { to: 'maintainer', forms: ['sealed'], words: ['Digest'] },
  'report-list': {
    to: 'maintainer',
    forms: ['sealed'],
    words: ['List of new messages', 'Reports on which nobody has acted']
  },
  'key-problem': { to: 'maintainer', forms: ['clear'], words: ['Your key needs attention'] }
}
type Subject = (number: string, words: readonly string[]) => readonly string[]
const numberAlone: Subject = (number) => [`[${number}]`]
const numberAndWords: Subject = (number, words) => words.map((said) => `[${number}] ${said}`)
/** What everybody on the way may read (B5): the one subject of a message, or one with each of its words. */
const OUTSIDE: readonly (readonly [Kind['to'], Form, 'a case' | 'no case', string, Subject])[] = [
  ['maintainer', 'sealed', 'a case', 'the case number alone', numberAlone],
  ['maintainer', 'sealed', 'no case', 'neutral words', numberAndWords],
  ['maintainer', 'clear', 'no case', 'neutral words', numberAndWords],
  ['reporter', 'sealed', 'a case', 'the case number alone', numberAlone],
  ['reporter', 'clear', 'a case', 'the case number and neutral words', numberAndWords],
  ['member', 'sealed', 'a case', 'nothing', () => ['[...]']],
  ['member', 'sealed', 'no case', 'nothing', () => ['[...]']]
]
const PROGRAMS = ['gpg', 'sq', 'rnp'] as const
const DESK = 'security@acme.example'
/** Fields of the MIME structure, and what readers take from outside only (Autocrypt level 1): they are not repeated inside. */
const OUTSIDE_ONLY = /^(?:content-|mime-version$|autocrypt$)/
const SINGLE = ['from', 'to', 'reply-to', 'date', 'message-id', 'subject'] as const

describeWith(['gpg', 'sq', 'rnp'], 'everything that the desk sends', () => {
  let world: SentWorld

  beforeAll(async () => {
    world = await openSentWorld()
  }, 120_000)
  afterAll(async () => {
    await world.close()
  })

  /** The first message of this kind and form to each of its recipients. */
  function mailsOf(kind: string, form: Form): readonly Sent[] {
    const mails = world.sent.filter((mail) => mail.kind === kind && mail.form === form)
    return [...new Map(mails.toReversed().map((mail) => [mail.to, mail])).values()]
  }
  const readBy = (raw: Uint8Array): Promise<ReadMail[]> =>
    Promise.all(PROGRAMS.map((program) => world.readers[program].decryptMail(raw)))
  /** What all three programs read alike. Fails unless each of them opens it and finds the desk's signature good. */
  async function openedByAll(mail: Sent): Promise<ReadMail> {
    const reads = await readBy(mail.raw)
    expect(reads.map(({ verified }) => verified)).toEqual(PROGRAMS.map(() => world.deskFingerprint))
    const [first, ...others] = reads
    if (first === undefined) throw new Error('nobody has read it')
    for (const { payload } of others) expect(payload.raw.equals(first.payload.raw)).toBe(true)
    for (const { encryptedTo } of others) expect(encryptedTo).toEqual(first.encryptedTo)
    return first
  }

  it('is all looked at here: every kind, every form of it and every message text', () => {
    const found = new Set(world.sent.map(({ kind, form }) => `${kind} ${form}`))
    const kinds = Object.entries(KINDS)
    expect([...found].sort()).toEqual(
      kinds.flatMap(([kind, { forms }]) => forms.map((form) => `${kind} ${form}`)).sort()
    )
    expect([...world.texts].sort()).toEqual(MESSAGES.map(({ kind }) => kind).sort())
  })

  it('(B5) is of a sort for which the rules below say what its subject shows outside', () => {
    const sorts = world.sent.map((mail) => sortOf(mail).join(', '))
    expect([...new Set(sorts)].sort()).toEqual(
      OUTSIDE.map(([to, form, about]) => [to, form, about].join(', ')).sort()
    )
  })

  it.each(OUTSIDE)(
    '(B5) to a %s, %s, about %s: the subject outside is %s',
    (to, form, about, _words, subjectOf) => {
      const sort = [to, form, about]
      const mails = world.sent.filter((mail) => sortOf(mail).join() === sort.join())
      expect(mails).not.toHaveLength(0)
      for (const { kind, number, raw } of mails)
        expect(subjectOf(number ?? 'ACME', KINDS[kind]?.words ?? []), kind).toContain(
          headerOf(splitPart(raw), 'subject')
        )
    }
  )

  it('goes to every sort of key that these programs make', () => {
    const sealed = world.sent.filter(({ form }) => form === 'sealed')
    expect([...new Set(sealed.map(({ to }) => to))].sort()).toEqual([
      'ada@acme.example',
      'alice@people.example',
      'eve@people.example',
      'grace@acme.example',
      'linus@acme.example',
      'security@debian.example'
    ])
  })

  it.each(kindsOf('sealed'))(
    '(%s, sealed) opens in gpg, sq and rnp for its one recipient, verified, its headers protected (G3, G5)',
    async (kind) => {
      const mails = mailsOf(kind, 'sealed')
      expect(mails).not.toHaveLength(0)
      for (const mail of mails) {
        const read = await openedByAll(mail)
        expect(read.encryptedTo).toEqual([world.keyIds.get(mail.to)])
        expectSealed(mail, read.outer, read.payload)
      }
    }
  )

  it.each(kindsOf('clear'))(
    '(%s, in clear) verifies in gpg, sq and rnp, with the same headers inside and outside (G6)',
    async (kind) => {
      const mails = mailsOf(kind, 'clear')
      expect(mails).not.toHaveLength(0)
      for (const mail of mails) {
        const read = await openedByAll(mail)
        expect(read.encrypted).toBe(false)
        expect(read.text).not.toContain(SECRET)
        expectHeaders(mail, read.outer, read.payload, 'clear')
        expect(protectable(read.payload)).toEqual(protectable(read.outer))
      }
    }
  )

  it('is verified by none of them once a letter of it was changed', async () => {
    const [mail] = mailsOf('acknowledgement', 'clear')
    const changed = Buffer.from(mail?.raw ?? [])
    const at = changed.indexOf('Thank you', changed.indexOf('text/plain'))
    changed[at] = 'S'.charCodeAt(0)
    const reads = await readBy(changed)
    expect(reads.map(({ text }) => text.includes('Shank you'))).toEqual([true, true, true])
    expect(reads.map(({ verified }) => verified)).toEqual([null, null, null])
  })
})

function sortOf({ kind, form, number }: Sent) {
  return [KINDS[kind]?.to, form, number === null ? 'no case' : 'a case']
}

function kindsOf(form: Form): readonly string[] {
  return Object.entries(KINDS).flatMap(([kind, { forms }]) => (forms.includes(form) ? [kind] : []))
}

/**
 * What holds of a sealed message: outside no word of it, and every field as it stands there is on record inside (RFC 9788 §2.2).
 */
function expectSealed(mail: Sent, outer: Part, payload: Part): void {
  expect(Buffer.from(mail.raw).includes(SECRET)).toBe(false)
  expectHeaders(mail, outer, payload, 'cipher')
  // (B2) Outside: the desk's own name.
  expect(headerOf(outer, 'from')).toBe(`ACME Security Team <${DESK}>`)
  expect(headerOf(outer, 'to')).toBe(mail.to)
  expect(valuesOf(payload, 'hp-outer').map(lowerName)).toEqual(
    protectable(outer).map(([name, value]) => `${name}: ${value}`)
  )
}

/** What holds of every message, outside and inside (RFC 9788 §2.1 and the older form beside it). */
function expectHeaders(mail: Sent, outer: Part, payload: Part, hp: 'cipher' | 'clear'): void {
  expect(contentTypeOf(payload).parameters).toMatchObject({ hp, 'protected-headers': 'v1' })
  for (const part of [outer, payload]) {
    for (const name of SINGLE) expect(valuesOf(part, name), name).toHaveLength(1)
    for (const name of ['cc', 'bcc']) expect(valuesOf(part, name), name).toEqual([])
    expect(headerOf(part, 'from')).toContain(`<${DESK}>`)
    expect(headerOf(part, 'to').replace(/^.*<(.*)>$/, '$1')).toBe(mail.to)
  }
  for (const name of ['message-id', 'date']) {
    expect(headerOf(payload, name)).toBe(headerOf(outer, name))
  }
  expect(decodeWords(headerOf(payload, 'from'))).toContain('ACME Security Team')
  // (B5) Common clients repeat it in clear when they reply.
  const words = KINDS[mail.kind]?.words ?? []
  expect(numberAndWords(mail.number ?? 'ACME', words)).toContain(
    decodeWords(headerOf(payload, 'subject'))
  )
}

function valuesOf(part: Part, name: string): string[] {
  return part.headers.flatMap(([key, value]) => (key === name ? [value] : []))
}

/** The fields that belong inside, in order. */
function protectable(part: Part): Part['headers'] {
  return part.headers.filter(([name]) => !OUTSIDE_ONLY.test(name))
}

function lowerName(field: string): string {
  return field.replace(/^[^:]+/, (name) => name.toLowerCase())
}
