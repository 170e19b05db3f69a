/** The grammar of command messages: what counts, what never counts, and that no text can break it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DESK_RULE } from '../../../src/domain/message.ts'
import { parse } from './samples.ts'

/** Verbs with their words, for short expectations. */
function verbs(text: string): string[] {
  return parse(text).commands.map(({ verb, words }) => [verb, ...words].join(' '))
}

describe('commands', () => {
  it.each([
    ['/accept', 'accept'],
    ['/ACCEPT', 'accept'],
    ['  /accept  ', 'accept'],
    ['/reject upstream', 'reject upstream'],
    ['/close all done', 'close all done'],
    ['/embargo 2026-12-01T13:00:00Z', 'embargo 2026-12-01T13:00:00Z'],
    ['/notice preview', 'notice preview'],
    ['/notice approve abcde', 'notice approve abcde'],
    ['/Notice Draft\ntitle: x', 'notice draft']
  ])('reads %j', (line, expected) => {
    expect(verbs(line)).toEqual([expected])
    expect(parse(line).problems).toEqual([])
  })

  it.each(['/reply', '/member'])(
    'text for others with a line of doubtful origin is refused: %s',
    (verb) => {
      const text = 'Yes.\n\nAlice kirjoitti eilen:\n> No?'
      const problems = [{ at: 1, says: expect.stringContaining('Alice kirjoitti eilen:') }]
      expect(parse(`${verb}\n${text}`)).toMatchObject({ problems })
      expect(parse(`${verb} <<\n${text}\n>>`)).toMatchObject({ problems })
      expect(parse(`/note\n${text}`)).toMatchObject({ problems: [] })
    }
  )

  it('looks at each line once, however long its runs of blanks are', () => {
    const line = `/take${' '.repeat(60_000)}x\u2028y`
    expect(parse(line)).toMatchObject({ commands: [], problems: [{ at: 1 }] })
    expect(verbs('/take\u2028')).toEqual(['take'])
    expect(verbs('/embargo \t 2026-12-01T13:00:00Z\t')).toEqual(['embargo 2026-12-01T13:00:00Z'])
  })

  it('reads one command a line, blank lines between, up to the first line that is none', () => {
    const parsed = parse('\r\n/take\r\n\r\n/accept\r\nThanks.\r\n/close\r\n')
    expect(parsed.commands.map(({ verb }) => verb)).toEqual(['take', 'accept'])
    expect(parsed.problems).toMatchObject([{ at: 6, line: '/close' }])
  })

  it.each([
    ['/accept /plan', 'Please write "/plan" on a line of its own.'],
    ['/plan fix it', 'put plan: ... and workarounds: ... below it']
  ])('says of %j what is wrong and what to write: %s', (line, says) => {
    expect(parse(line).problems[0]?.says).toContain(says)
  })

  it.each(['/frobnicate', '/notice', '/notice send', '/acceptt'])(
    'makes a problem of the unknown verb %j (all or nothing)',
    (line) => {
      expect(parse(`/take\n${line}`).problems).toMatchObject([{ line }])
    }
  )

  it('never finds a command in or below a quoted or embedded line, whatever stands there (property)', () => {
    const mark = fc.constantFrom(...['> ', '>', ' > ', '>> ', '| ', 'x ', '-'])
    expect(verbs('>/accept\n/reject upstream')).toEqual([])
    fc.assert(
      fc.property(mark, fc.string({ unit: 'grapheme' }), fc.string(), (begin, quoted, below) => {
        const line = `${begin}${quoted.replaceAll(/[\r\n]/g, ' ')}`
        expect(parse(`${line}\n${below}`).commands).toEqual([])
      })
    )
  })

  it('(B9) takes no >> below a quoted line for the end of a text where another one follows', () => {
    const text = '/reply <<\nYou wrote:\n> it crashes\n>>\nYes, it does.\n>>'
    expect(parse(text).problems).toMatchObject([{ at: 1 }])
    for (const line of ['> a >>', '> >>', '>> b', '> /take <<'])
      expect(parse(`/reply <<\nx\n${line}\ny\n>>`)).toMatchObject({
        problems: [],
        rest: '',
        commands: [{ text: `x\n${line}\ny` }]
      })
    expect(parse('/reply <<\nx\n> quoted\n>>').problems).toEqual([])
  })

  it('takes text for /reply from below, cut of quotes and signature', () => {
    const parsed = parse('/reply\n\nThank you.\n\nOn Monday, X wrote:\n> secret\n-- \nG')
    expect(parsed.commands[0]?.text).toBe('Thank you.')
    expect(parsed.rest).toBe('')
  })

  it('takes text from a block, which may be one line or many', () => {
    expect(parse('/reply <<short>>').commands[0]?.text).toBe('short')
    expect(parse('/reply <<\none\n\ntwo\n>>\nrest').commands[0]?.text).toBe('one\n\ntwo')
    expect(parse('/reply <<\none\ntwo>>\n\nrest').commands[0]?.text).toBe('one\ntwo')
    expect(parse('/reply <<\none\n>>\nrest').rest).toBe('rest')
    // The mark on a line of its own (B7).
    for (const text of ['/reply\n<<\none\n>>\nrest', '/reply\n\n <<one>>\nrest'])
      expect(parse(text)).toMatchObject({
        commands: [{ line: '/reply', text: 'one' }],
        rest: 'rest'
      })
    expect(parse('/plan\nplan:\n<<\none\n>>\nworkarounds: two').commands[0]?.fields).toEqual([
      { key: 'plan', value: 'one' },
      { key: 'workarounds', value: 'two' }
    ])
  })

  it.each([
    ['a block that is left open', '/reply <<\nno end\n'],
    ['a block in a block that is left open', '/reply <</note <<x'],
    ['two commands that both want the text below', '/reply\n/note\ntext'],
    ['a case: line without a number', 'case: nonsense'],
    ['words behind a verb that takes none', '/ask What version?'],
    ['words behind a verb that takes none', '/status ACME-2026-0002'],
    ['a text for a verb that takes none', '/take <<now>>'],
    ['a field that there is not', '/notice draft\nfrobnicate: x'],
    ['a field that is written twice', '/notice draft\ntitle: a\ntitle: b']
  ])('refuses %s: %j', (_name, text) => {
    expect(parse(text).problems).toHaveLength(1)
  })

  it.each([
    ['\ntitle: A hole\nseverity: high', 'notice draft', 2],
    ['case: ACME-2026-0007\nplan: a fix', 'plan', 2],
    ['/take\ntitle: A hole', 'notice draft', 2]
  ])(
    '(B7) refuses a note that begins with a field of a form, and names its command: %j',
    (text, verb, at) => {
      const says = expect.stringContaining(`a field of /${verb}.`)
      expect(parse(text).problems).toMatchObject([{ at, says }])
    }
  )

  it('(B7) takes a field that is not at the beginning, or is written as prose, for a note', () => {
    for (const text of [
      'See this:\ntitle: A hole',
      'Description: nobody knows.',
      '/reply\ntitle: x'
    ])
      expect(parse(text).problems).toEqual([])
  })

  it('takes the colon that stands behind the name of a command', () => {
    expect(parse('/reply:\ntext').commands).toMatchObject([{ verb: 'reply', text: 'text' }])
    expect(parse('/reject: duplicate').commands).toMatchObject([{ words: ['duplicate'] }])
    const fields = [{ key: 'title', value: 'x' }]
    expect(parse('/notice draft:\ntitle: x').commands).toMatchObject([{ fields }])
    expect(parse('/notice approve: Ab:').commands).toMatchObject([{ words: ['Ab:'] }])
    expect(parse('/Notice: Hold').commands).toMatchObject([{ verb: 'notice hold', words: [] }])
  })

  it('reads a case: line, and says when two differ', () => {
    const caseOf = (text: string) => parse(text).caseLine?.tag
    expect(caseOf('case: acme-2026-0007\n/take')).toBe('ACME-2026-0007')
    expect(caseOf('case: ACME-2026-0007\nCase: ACME-2026-0007')).toBe('ACME-2026-0007')
    expect(caseOf('case: ACME-2026-0007\ncase: ACME-2026-0008')).toBe('conflict')
    expect(caseOf('> case: ACME-2026-0007\n/take')).toBe(undefined)
  })
})

describe('a command where none is read (B7)', () => {
  it.each([
    ['below a greeting', 'Hello,\n\n/reply\nThank you.', 3],
    ['below a note', 'Looks real.\n/accept', 2],
    ['below a quotation', 'On Monday, X wrote:\n> a\n> b\n\n/accept', 5],
    ['below a signature', 'Fine.\n-- \nGrace\n/accept', 4],
    ['below the text of another', '/reply\nThank you.\n\n/accept', 4],
    ['below a copy without marks', `${DESK_RULE}\n/take\n${DESK_RULE}\n/accept`, 4],
    ['with a dash in front', '– /accept', 1],
    ['with a list mark in front', '• /accept', 1],
    ['with a number in front', '1. /accept', 1],
    ['in curly quotes', '“/accept”', 1],
    ['with another slash', '／accept', 1],
    ['with a full stop', 'Yes.\n/accept.', 2],
    ['of two words', 'Yes.\n/notice hold', 2]
  ])('is refused %s', (_name, text, at) => {
    expect(parse(text).problems.map((problem) => problem.at)).toEqual([at])
  })

  it.each([
    'See\n/usr/bin/parse\nand\n/accept/header too.',
    '/usr/bin/parse crashes',
    'I would /accept it.',
    'It crashes on\n/index and on\n/acceptable.',
    '> /accept\n> /take',
    'Forwarded:\n\n-----Original Message-----\n/usr/bin/accept\n/acceptance',
    `Thanks.\n${DESK_RULE}\n/take\n${DESK_RULE}\nRef: x`
  ])('is none in %j', (text) => {
    expect(parse(text)).toMatchObject({ commands: [], problems: [] })
  })

  it.each([
    'Forwarded:\n\n-----Original Message-----\nHi.\n\n/accept',
    'Thanks.\n\nFrom: Ada <ada@acme.example>\nSent: Monday\nSubject: x\n\nHi.\n\n/reply\nHello',
    'Hello,\n\ncase: ACME-2026-0001'
  ])('(B7) is refused, because its author may have meant it, in %j', (text) => {
    expect(parse(text)).toMatchObject({
      commands: [],
      problems: [{ at: text.split('\n').length - Number(text.endsWith('Hello')) }]
    })
  })

  it.each(['**/accept**', '[/accept]', '| /accept', '`/accept`', '# /accept', '“/accept”'])(
    '(B7) is refused with what is wrong, at the top and below other text, in %j',
    (line) => {
      for (const text of [line, `Hello,\n\n${line}`]) {
        const { commands, problems } = parse(text)
        expect([commands, problems]).toMatchObject([[], [{ line }]])
        expect(problems[0]?.says).toContain('Please write it so at the top')
      }
    }
  )

  it('is refused for a field below a quotation, too', () => {
    expect(parse('/notice draft\ntitle: A\n\n> quoted\n\ncve: CVE-1').problems).toMatchObject([
      { at: 6, line: 'cve: CVE-1', says: expect.stringContaining('below "> quoted"') }
    ])
    const [problem] = parse('/notice draft\ntitle: A\n\nMore of it.\ncve: CVE-1').problems
    expect(problem?.says).toContain('stands below "More of it."')
    expect(parse('/take\n\n> quoted\n\ncve: CVE-1').problems).toEqual([])
  })
})

describe('what mail clients make of marks (B7)', () => {
  it.each([
    '/reply «\nHello\n»\nrest',
    '/reply «\u00a0Hello\u00a0»\nrest',
    '/reply ‹‹Hello››\nrest',
    '/reply <<\nHello »\nrest',
    '/reply <<\nHello\n»\nOnly for us\nmore>>',
    '/close «\nHello\n»',
    '/notice draft\ndescription: «\nHello\n»'
  ])('refuses guillemets that may stand for << and >>: %j', (text) => {
    expect(parse(text).problems).toHaveLength(1)
  })

  it('understands a blank that does not break', () => {
    expect(parse('/reply\u00a0<<\u00a0Hello\u00a0>>\nrest')).toMatchObject({
      commands: [{ verb: 'reply', words: [], text: 'Hello' }],
      problems: [],
      rest: 'rest'
    })
  })

  it('reads a field whose text begins after more than one blank (B7)', () => {
    for (const blanks of ['  ', '\t', '\u00a0 '])
      expect(parse(`/plan\nplan:${blanks}<<\none\n\ntwo\n>>`).commands[0]?.fields).toEqual([
        { key: 'plan', value: 'one\n\ntwo' }
      ])
  })

  it('keeps a line that begins with a range of versions: it is no quotation (B7)', () => {
    const text = 'affected are\n>= 4.0, < 4.2.1\n>=v5'
    expect(parse(`/reply\n${text}\n> quoted`).commands[0]?.text).toBe(text)
  })

  it.each([
    '/reply <<\nvector<vector<int>>\nmore\n>>\nrest',
    '/reply <<\nread std::cin >>\nmore\n>>',
    '/reply << Use nothing < 4.2.7 or < 5.1.3 >>\n/note <<\nfor us\n>>',
    '/notice draft\ndescription: << All releases < 4.2.7 >>\nmitigations: <<\nnone\n>>'
  ])(
    'asks for >> on a line of its own where the one behind a line may be of the text (B7): %j',
    (text) => {
      expect(parse(text).problems[0]?.says).toContain('on a line of its own')
    }
  )

  it('leaves quotations in guillemets inside a text alone', () => {
    expect(parse('/reply <<\nIl dit «\u00a0non\u00a0»\net «oui»\n>>\nrest')).toMatchObject({
      commands: [{ text: 'Il dit «\u00a0non\u00a0»\net «oui»' }],
      rest: 'rest'
    })
    expect(
      parse('/notice draft\ntitle: «parse» overflows\ncredit: see << here').commands[0]?.fields
    ).toEqual([
      { key: 'title', value: '«parse» overflows' },
      { key: 'credit', value: 'see << here' }
    ])
  })

  it('reads words in curly quotes and with other hyphens as they are meant', () => {
    expect(verbs('/reject “not‑a‑vulnerability” <<x>>')).toEqual(['reject not-a-vulnerability'])
    expect(verbs('/embargo\u00a02026–12–01T13:00:00Z')).toEqual(['embargo 2026-12-01T13:00:00Z'])
    expect(parse('/notice draft\ntitle\u00a0: A').commands[0]?.fields).toEqual([
      { key: 'title', value: 'A' }
    ])
  })

  it.each(['—', '– ', '–-', '---'.replace('--', '—')])(
    'sends nothing when %j may be the mark above a signature',
    (dashes) => {
      expect(parse(`/reply\nHello\n${dashes}\nGrace`).problems).toMatchObject([{ at: 1 }])
    }
  )

  it('cuts a copied message although a client made long dashes of its rule', () => {
    expect(parse('/reply\nMine.\n\n—–8<—– postern —–8<—–\nsecret').commands[0]?.text).toBe('Mine.')
    expect(parse('/reply\nMine.\n\n–-Original Message–-\nsecret').commands[0]?.text).toBe('Mine.')
  })
})

describe('the end of a block (B7)', () => {
  it.each([
    ['between quoted lines', '>> a\n>>\n>> b'],
    ['below a line quoted twice', '> > a\n>>'],
    ['above a quoted line', '>>\n> b'],
    ['quoted with a blank in front', '  > quoted >>'],
    ['at the end of a quoted line', '> quoted >>']
  ])('is no quoted >> %s', (_name, lines) => {
    const [command] = parse(`/note <<\nMine.\n${lines}\nMore.\n>>\n`).commands
    expect(command?.text).toBe(`Mine.\n${lines}\nMore.`)
  })

  it('never takes a second command into the text of the first', () => {
    const parsed = parse('/reply <<\nHello\n/reject upstream <<\ninternal\n>>')
    expect(parsed.problems).toMatchObject([{ at: 1, line: '/reply' }])
    expect(parsed.commands.map(({ verb }) => verb)).toEqual(['reply', 'reject'])
  })
})

describe('fields of /notice draft', () => {
  it('reads key: value lines, blocks and lines that a client wrapped', () => {
    const wrapped = 'It is a long story that the client\nwrapped onto a second line'
    const block = '<<\none\n\ntwo\n>>'
    const text = `Title: A hole\ndescription: ${wrapped}\nremedy_steps: ${block}\ncredit: Alice`
    const [command] = parse(`/notice draft\n${text}`).commands
    expect(command?.fields).toEqual([
      { key: 'title', value: 'A hole' },
      { key: 'description', value: wrapped.replace('\n', ' ') },
      { key: 'remedy_steps', value: 'one\n\ntwo' },
      { key: 'credit', value: 'Alice' }
    ])
  })

  it('joins a link that a client wrapped onto a line of its own', () => {
    const parsed = parse('/notice draft\nremedy_steps: see\nhttps://acme.example/fix\n')
    expect(parsed.problems).toEqual([])
    expect(parsed.commands[0]?.fields[0]?.value).toBe('see https://acme.example/fix')
  })

  it('reads fields inside a block of the command itself', () => {
    const [command] = parse('/notice draft <<\ntitle: A\ncve: CVE-1\n>>').commands
    expect(command?.fields.map(({ key }) => key)).toEqual(['title', 'cve'])
    expect(parse('/plan <<\nplan: A\n>>\nGrace').problems).toEqual([])
  })

  it.each([
    '/accept\n/notice draft\ntitle: A\n\nMore for the list.',
    '/accept\n/notice draft\n\nFor the list.',
    '/plan <<\nplan: one\n\ntwo\n>>',
    '/notice draft <<\nOne.\ntitle: A\n>>',
    '/reject duplicate-of because of a report of last week, and\nBob sent it',
    '/accept\n/embargo 2026-12-19 because it is full, and the\nlist needs the weekend',
    '/close\n\nbecause Bob reported it first',
    '/reply\nTo: support@vendor.example\nSend it there.',
    '/reply\ncase: ACME-2026-0001\nis your number.'
  ])('sends no half of a text and nothing to somebody else: %j is refused (B7)', (text) => {
    expect(parse(text).problems).toHaveLength(1)
  })

  it('takes the text below an empty line from the reason above it', () => {
    const [command] = parse('/reject upstream because it is theirs\n\nPlease ask them.').commands
    expect(command?.text).toBe('Please ask them.')
    // No command but those with a reason can go on so.
    expect(parse('/ask\nBecause it fails: which version?').problems).toEqual([])
  })

  it('ends at a quote, a signature and the next command', () => {
    const attribution =
      'On Sun, Nov 22, 2026 at 1:00 PM ACME\n<security@acme.example> wrote:\n> quoted'
    for (const end of ['> quoted: x', '-- ', '/notice preview', attribution]) {
      const parsed = parse(`/notice draft\ntitle: A\n${end}\ncve: CVE-1`)
      expect(parsed.commands[0]?.fields).toEqual([{ key: 'title', value: 'A' }])
    }
  })
})

describe('hostile text', () => {
  it('never throws and keeps no line of a quote (property)', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '/accept',
        '/reply',
        '<<',
        '>>',
        'case: A-2026-0001',
        '> x',
        '-- ',
        '\r',
        '\n'
      ),
      fc.constantFrom('/notice draft', 'title: x', 'wrote:', 'On ', '/', ':', '\u2028', '\u0000'),
      fc.string({ unit: 'binary' })
    )
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        for (const glue of ['\n', '', ' ']) {
          const parsed = parse(pieces.join(glue))
          expect(parsed.rest.split('\n').some((line) => /^\s*>/.test(line))).toBe(false)
          for (const { line } of parsed.problems) expect(line.length).toBeLessThanOrEqual(120)
        }
      }),
      { numRuns: 300 }
    )
  })

  // Quadratic work on a message of the size that the desk reads would stop the desk for minutes (G9).
  it.each([
    ['attributions', 'x wrote:\n'],
    ['quoted attributions above a last word', '> x wrote:\n'],
    ['blank lines', '\n'],
    ['quotes', '>'],
    ['blanks', ' '],
    ['open blocks', '/reply <<\n'],
    ['unknown verbs', '/x\n'],
    ['rules', '--- '],
    ['wrapped fields', '/notice draft\ntitle: x\ny\n']
  ])('reads 256 KiB of %s at once (G9)', (_name, unit) => {
    const text = `${unit.repeat(Math.ceil(262_144 / unit.length))}end`
    expect(parse(text).rest.length).toBeLessThanOrEqual(text.length)
  })
})
