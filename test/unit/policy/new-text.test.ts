/** Cutting a reply down to its author's words (G6); replies of real clients are read in test/unit/corpus. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DESK_RULE } from '../../../src/domain/message.ts'
import { doubtfulLine, namesDesk, newText } from '../../../src/policy/new-text.ts'
import { rows } from '../../support/rows.ts'

describe('new text of a reply', () => {
  it.each(rows`
    a plain mail          | One.\n\nTwo.\n                                     | One.\n\nTwo.
    an English head       | Yes.\n\nOn Mon, 22 Nov 2026, X wrote:\n> No?\n     | Yes.
    a wrapped head        | Yes.\n\nOn Mon, 22 Nov 2026 at 10:00\nX <x@y.example> wrote:\n\n> No? | Yes.
    a German head         | Ja.\n\nAm 22.11.26 um 10:00 schrieb X:\n> Nein?    | Ja.
    a French head         | Oui.\n\nLe 22 nov. 2026 à 10:00, X a écrit :\n> Non ? | Oui.
    one that is a date    | Yes.\n22.11.2026 10:00 пользователь "X" <\nx@y.example> написал:\n\n> No | Yes.
    a bottom-posted reply | On Monday X wrote:\n> No?\n\nYes.                  | Yes.
    one between quotes    | > One?\nYes.\n> Two?\nNo.                          | Yes.\nNo.
    a signature           | Yes.\n-- \nGrace\nACME                             | Yes.
    an Outlook header     | Yes.\n\nFrom: X\nSent: Monday\nTo: Y\n\nsecret     | Yes.
    a German one          | Ja.\n\nVon: X\nGesendet: Montag\n\ngeheim          | Ja.
    a Yahoo header below its attribution | Yes.\n\n--- On Wed, 4/4/12, X <x@y.example> wrote:\n\n\nFrom: X\nSubject: Y\nTo: Z\n\nsecret | Yes.
    an original message   | Yes.\n\n-----Original Message-----\nsecret          | Yes.
    desk text unmarked    | Yes.\n\n${DESK_RULE}\nCase: ACME-2026-0001\n       | Yes.
    only a quote          | > all\n> quoted                                    |
    nothing               |                                                    |
  `)('is right for %s', (_name, text, expected) => {
    expect(newText(text)).toBe(expected)
  })

  it('is found in one go over each line, however long its runs of blanks are', () => {
    for (const words of ['skrev'.repeat(40), 'x wrote', 'a_'.repeat(20)]) {
      for (const run of [' ', '* ']) {
        const line = `${words}${run.repeat(500_000 / run.length)}x:`
        expect(newText(`Yes.\n\n${line}\n\nNo.`)).toContain('No.')
        doubtfulLine(`Yes.\n\n${line}\n> No.`)
      }
    }
  })

  it('has no attribution in it whose words stand far apart', () => {
    for (const end of [`schrieb X${' '.repeat(1000)}:`, `wrote${' '.repeat(1000)}:`]) {
      expect(newText(`Yes.\n\nOn 22 Nov 2026 X ${end}\n> No.`)).toBe('Yes.')
    }
  })

  it('never keeps a quoted line, whatever surrounds it (property, G6)', () => {
    const line = fc.oneof(
      fc.constantFrom('On Monday X wrote:', '-- ', '', '> quoted', '>> deep', DESK_RULE, 'plain'),
      fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' '))
    )
    fc.assert(
      fc.property(fc.array(line), fc.array(line), (before, after) => {
        const kept = newText([...before, '> SECRET', ...after].join('\n'))
        expect(kept).not.toContain('SECRET')
      })
    )
  })

  it('never adds anything and is stable when applied twice (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', '> b', 'X wrote:', 'On d', '-- ', '')), (lines) => {
        const once = newText(lines.join('\n'))
        expect(newText(once).length).toBeLessThanOrEqual(once.length)
        for (const kept of once.split('\n')) expect(['', ...lines]).toContain(kept)
      })
    )
  })
})

const COPY = [
  DESK_RULE,
  'A plain reply reaches the maintainers only',
  '',
  'From: Bob Vendor <bob@vendor.example>',
  DESK_RULE,
  '',
  'words of Bob',
  '',
  DESK_RULE,
  'Ref: ACME-2026-0001 security@acme.example'
]
const MARKED = COPY.map((line) => `> ${line}`)
const BOB = 'Bob Vendor via ACME Security Team'
const SENDER = `${BOB} <security@acme.example>`

/** What clients put above a copy of a message of the desk, with marks of quotation and without. */
const HEADS = rows`
  Outlook in Dutch                                 | Van: ${SENDER}\nVerzonden: maandag 23 november 2026 12:00\nAan: Grace <grace@acme.example>\nOnderwerp: [ACME-2026-0001] HIDDEN subject
  Outlook in Swedish                               | Från: ${SENDER}\nSkickat: den 23 november 2026 12:00\nTill: Grace\nÄmne: [ACME-2026-0001] HIDDEN subject
  Outlook in Chinese                               | 发件人: ${SENDER}\n发送时间: 2026年11月23日 12:00\n收件人: Grace\n主题：[ACME-2026-0001] HIDDEN subject
  Outlook in Dutch, names only                     | Van: ${BOB}\nVerzonden: maandag 23 november 2026 12:00\nAan: Grace\nOnderwerp: [ACME-2026-0001] HIDDEN subject
  Outlook in bold letters                          | *From:* ${SENDER}\n*Sent:* Monday\n*To:* Grace\n*Subject:* [ACME-2026-0001] HIDDEN subject
  Outlook with a wrapped sender                    | From: ${BOB}\n<security@acme.example>\nSent: Monday\nSubject: HIDDEN
  Outlook in Dutch with wrapped recipients         | Van: ${BOB}\n<security@acme.example>\nVerzonden: maandag 23 november 2026\nAan: Grace <grace@acme.example>,\nAda <ada@acme.example>, Linus\n<linus@acme.example>\nOnderwerp: [ACME-2026-0001] HIDDEN\nsubject
  a Dutch forward                                  | -------- Doorgestuurd bericht --------\nOnderwerp: [ACME-2026-0001] HIDDEN subject\nDatum: Mon, 23 Nov 2026 12:00:00 +0000\nVan: ${SENDER}
  a Chinese attribution                            | ${SENDER} 于2026年11月23日周一 12:00写道：
  a Japanese attribution                           | 2026年11月23日(月) 12:00 ${SENDER}:
  a Finnish attribution                            | ${SENDER} kirjoitti 23.11.2026 kello 12.00:
  a Turkish attribution                            | ${SENDER}, 23 Kas 2026 Pzt, 12:00 tarihinde şunu yazdı:
  a Czech attribution without an address           | Dne 23. 11. 2026 v 12:00 ${BOB} napsal(a):
  an attribution without a verb                    | * ${SENDER} [2026-11-23 12:00]:
  an attribution without a colon                   | 2026-11-23 12:00 GMT+09:00 ${SENDER}
  an English attribution that begins with the name | ${SENDER} writes:
  a wrapped English attribution                    | On Mon, Nov 23, 2026 at 12:00, ${BOB}\n<security@acme.example> wrote:
  a wrapped Finnish attribution                    | ${BOB}\n<security@acme.example> kirjoitti:
  a wrapped Dutch attribution                      | Op ma 23 nov 2026 om 12:00 schreef Bob Vendor via\nACME Security Team <security@acme.example>:
`.map(([name = '', head = '']) => [name, head.split('\n')] as const)
const DESK = { name: 'ACME Security Team', address: 'security@acme.example' }

describe.each(HEADS)('the head of a copied mail, %s (G6)', (_name, head) => {
  it.each([
    ['marked', ['', ...head, '', ...MARKED]],
    ['not marked', ['', ...head, '', ...COPY]],
    ['right below the answer', [...head, ...MARKED]],
    ['above the answer', ['', '> earlier', '', ...head, ...MARKED]]
  ])('goes with the copy, which is %s', (_how, below) => {
    const text = ['My answer.', ...below].join('\n')
    expect(newText(text)).toBe('My answer.')
    expect(doubtfulLine(text)).toBeNull()
  })

  it('goes with the quotation of an interleaved answer', () => {
    expect(newText([...head, '> a', 'Mine.', '> b', 'Too.'].join('\n'))).toBe('Mine.\nToo.')
  })

  it('is cut or refused where nothing marks the copy', () => {
    const whole = ['My answer.', '', ...head, '', 'words of Bob'].join('\n')
    const text = newText(whole)
    const isRefused = doubtfulLine(whole) !== null || namesDesk(text, DESK)
    expect(isRefused || text === 'My answer.').toBe(true)
  })
})

describe('words of a third person that no mark says are quoted (G6)', () => {
  it.each([
    ['on one line', ['On Mon, 23 Nov 2026 at 12:00, Linus <linus@acme.example> wrote:']],
    ['wrapped', ['Linus Torvalds', '<linus@acme.example>', 'wrote:']],
    ['without an address', ['On Monday Linus wrote:']]
  ])('do not leave below an attribution %s: its author is asked', (_how, head) => {
    expect(doubtfulLine(['Mine.', '', ...head, '', 'words of Linus'].join('\n'))).not.toBeNull()
  })

  it('do not leave below header lines that are no heading of the quotation below them', () => {
    const head = ['From: Linus <linus@acme.example>', 'Sent: Monday', 'Subject: Next']
    const words = ['one', 'two', 'three', 'four', 'five', '> older']
    expect(newText(['Mine.', '', ...head, ...words].join('\n'))).toBe('Mine.')
  })

  it('do not leave where a client wrapped a quoted line and marked its first part alone (B7)', () => {
    const long = '> Linus wrote a note that goes on for more than a line, which a client wrapped at'
    expect(doubtfulLine(`Mine.\n\n${long}\n76 columns`)).toBe('76 columns')
    expect(doubtfulLine(`Mine.\n\n${long}\n\n76 columns`)).toBeNull()
    expect(doubtfulLine('> Is 4.1 affected?\nYes.')).toBeNull()
    expect(doubtfulLine(`${long} the margin, and another did not\nYes.`)).toBeNull()
    // A sentence may end where the line is full.
    expect(doubtfulLine(`${long.slice(0, 70)}?\nStall him.`)).toBe('Stall him.')
    expect(doubtfulLine(`${long.slice(0, 70)}?\n\nYes.`)).toBeNull()
    expect(doubtfulLine(`> ${'報'.repeat(36)}\n告`)).toBe('告')
  })

  it('are not seen where somebody only says who wrote something', () => {
    expect(doubtfulLine('As Linus wrote:\n\nIt is fixed.')).toBeNull()
  })
})

describe('own words beside a quotation', () => {
  it.each([
    ['a labelled line', 'Note: please test 1.2.'],
    ['labelled lines that prove nothing', 'Severity: high\nFixed: in 1.2.30'],
    ['a link', 'See\nhttps://acme.example/a:'],
    ['an address in a sentence', 'Please ask bob@vendor.example about it.']
  ])('stay: %s', (_name, own) => {
    const text = `Hello.\n\n${own}\n\n${COPY.join('\n')}`
    expect(newText(text)).toBe(`Hello.\n\n${own}`)
  })

  it.each(rows`
    a line that ends in a colon              | Yes.\n\nYou are right here:\n> a | You are right here:
    a bare name                              | Yes.\n\nBob kirjoitti:\n> a      | Bob kirjoitti:
    an answer that runs into the attribution | My answer\n${SENDER} kirjoitti:\n> a | My answer
    a label right above a header             | Note: tested\nVan: ${SENDER}\nAan: G\nDatum: 2026\n\n> a | Note: tested
    labels with a date                       | CVE: CVE-2026-1234\nRelease: 1 May 2027\n\n> a | CVE: CVE-2026-1234
  `)('are reported as doubtful, never dropped silently: %s', (_name, text, line) => {
    expect(doubtfulLine(text)).toBe(line)
    expect(newText(text)).toContain(line)
  })

  it('keeps a labelled line that an empty line parts from the header', () => {
    const [, head = []] = HEADS[0] ?? []
    const text = ['Note: tested.', '', ...head, '', ...COPY].join('\n')
    expect([newText(text), doubtfulLine(text)]).toEqual(['Note: tested.', null])
  })
})

describe('a text that names the desk as a copied head does', () => {
  it.each([
    'mail security@acme.example',
    'SECURITY@\nacme.example',
    'Bob via  ACME\nSecurity team',
    'Van: ACME Security Team',
    'Onderwerp: RE: [acme-2026-0001] HIDDEN'
  ])('is told: %j', (text) => {
    expect(namesDesk(text, DESK)).toBe(true)
  })

  it.each([
    'Regards, ACME Security Team',
    'sent via ACME’s page',
    'Your case is [ACME-2026-0001].',
    'Note: all is well',
    ''
  ])('is not: %j', (text) => {
    expect(namesDesk(text, DESK)).toBe(false)
  })
})
