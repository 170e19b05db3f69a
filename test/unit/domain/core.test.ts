/** Instants and calendars, identifiers, addresses and the canonical notice: the small types that everything stands on. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameAddress, parseAddress } from '../../../src/domain/address.ts'
import * as ids from '../../../src/domain/ids.ts'
import { type NoticeRecord } from '../../../src/domain/notice.ts'
import * as time from '../../../src/domain/time.ts'
import { sizeWords } from '../../../src/domain/words.ts'
import { approvedText } from '../../../src/policy/notice-content.ts'
import { rows } from '../../support/rows.ts'
import {
  at,
  caseRecord,
  member,
  noticeRecord,
  PRODUCT,
  productWith,
  SETTINGS,
  sha256
} from '../policy/samples.ts'

it.each(
  rows`
    1               | 1 byte
    1023            | 1023 bytes
    1024            | 1 KiB
    703300          | 687 KiB
    1048064         | 1 MiB
    1572864         | 1.5 MiB
    31457280        | 30 MiB
    1342177280      | 1.3 GiB
  `
)('%s bytes are said as %s', (bytes, says) => {
  expect(sizeWords(Number(bytes))).toBe(says)
})

describe('instants', () => {
  it('come back from milliseconds and sort as text as they do in time (property)', () => {
    const ms = fc.integer({ min: 0, max: 253_402_300_799_999 })
    fc.assert(
      fc.property(ms, ms, (a, b) => {
        expect(time.msOf(time.instantFromMs(a))).toBe(a)
        expect(Math.sign(a - b)).toBe(
          time.instantFromMs(a) < time.instantFromMs(b) ? -1 : a === b ? 0 : 1
        )
      })
    )
  })

  it('are written for people in the project’s own time and in UTC, always both (B17)', () => {
    expect(time.formatInstant(at('2026-11-30T22:44:00Z'), 'UTC')).toBe('Mon 30 Nov 2026, 22:44 UTC')
    expect(time.formatInstant(at('2026-11-30T23:30:00Z'), 'Europe/Berlin')).toBe(
      'Tue 1 Dec 2026, 00:30 Berlin (Mon 30 Nov 2026, 23:30 UTC)'
    )
    expect(time.formatMailDate(at('2026-07-01T12:00:00Z'))).toBe('Wed, 01 Jul 2026 12:00:00 +0000')
  })

  it('take the year from the zone of the project', () => {
    expect(time.yearIn(at('2026-12-31T23:30:00Z'), 'Europe/Berlin')).toBe(2027)
    expect(time.yearIn(at('2026-12-31T23:30:00Z'), 'America/New_York')).toBe(2026)
  })
})

describe('an instant as a person writes it (B17)', () => {
  it.each(rows`
    2026-11-30 23:44 Europe/Berlin    | Mon 30 Nov 2026, 23:44 Berlin (22:44 UTC)
    2026-11-30 22:44 UTC              | Mon 30 Nov 2026, 23:44 Berlin (22:44 UTC)
    2026-11-30 17:44 america/new_york | Mon 30 Nov 2026, 23:44 Berlin (22:44 UTC; 17:44 New York)
    2026-07-01 08:00 America/New_York | Wed 1 Jul 2026, 14:00 Berlin (12:00 UTC; 08:00 New York)
    2026-12-01T04:14+05:30            | Mon 30 Nov 2026, 23:44 Berlin (22:44 UTC; Tue 1 Dec 2026, 04:14 +05:30)
  `)('%s is said in the zone of the desk, in UTC and in its own zone, each once', (text, said) => {
    const read = time.readInstant(text, 'Europe/Berlin')

    expect(
      typeof read === 'object' && time.formatInstant(read.instant, 'Europe/Berlin', read.zone)
    ).toBe(said)
  })

  it.each(rows`
    2026-12-01T14:00+01:00                          | 2026-12-01T13:00:00.000Z | +01:00
    2026-12-01T13:00:00Z                            | 2026-12-01T13:00:00.000Z | UTC
    2026-12-01T13:00:00.066Z                        | 2026-12-01T13:00:00.066Z | UTC
    2026-12-01T14:00[Europe/Berlin]                 | 2026-12-01T13:00:00.000Z | Europe/Berlin
    2026-12-01 14:00 Europe/Berlin                  | 2026-12-01T13:00:00.000Z | Europe/Berlin
    2026-12-01 14:00 UTC                            | 2026-12-01T14:00:00.000Z | UTC
    2026-12-01 14:00 +01:00                         | 2026-12-01T13:00:00.000Z | +01:00
    2026-12-01 14:00 America/Argentina/Buenos_Aires | 2026-12-01T17:00:00.000Z | America/Argentina/Buenos_Aires
    2026-12-01 14:00                                | 2026-12-01T19:00:00.000Z | America/New_York
    2026-07-01T14:00:30                             | 2026-07-01T18:00:30.000Z | America/New_York
    2026-12-01 13:00:00.25z                         | 2026-12-01T13:00:00.250Z | UTC
  `)('%s is read in its offset, in its zone, or in the desk’s zone', (text, instant, zone) => {
    expect(time.readInstant(text, 'America/New_York')).toEqual({ instant, zone })
  })

  it.each(rows`
    2026-03-29 02:30                      | Europe/Berlin | Sun 29 Mar 2026, 02:30 is skipped or comes twice in Europe/Berlin
    2026-10-25 02:30 Europe/Berlin        | UTC           | Write 2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00.
    2026-12-01T14:00+01:00[Europe/Berlin] | UTC           | Write a date with a time
    2026-12-01 14:00 CET                  | UTC           | "CET" is not a time zone that we know
    2026-12-01 14:00 Europe/Berln         | UTC           | Write its IANA name
    2026-02-30 14:00                      | UTC           | There is no 2026-02-30 14:00 in the calendar
    2026-12-01T14:00+99:00                | UTC           | or an offset such as +01:00
    2026-13-01T00:00:00Z                  | UTC           | There is no 2026-13-01
    2026-12-01                            | UTC           | Write a date with a time, for example 2026-12-01 14:00
    next Tuesday                          | UTC           | Write a date with a time
  `)('%s (in %s) is refused with the sentence that says why', (text, zone, sentence) => {
    expect(time.readInstant(text, zone)).toContain(sentence)
  })

  it('never throws, and reads every minute (property)', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.date({ noInvalidDate: true }).map(String)),
        fc.integer({ min: 0, max: 253_402_300_799_999 }),
        (text, ms) => {
          expect(['object', 'string']).toContain(typeof time.readInstant(text, 'Europe/Berlin'))
          const minute = time.instantFromMs(ms - (ms % 60_000))
          expect(time.readInstant(minute, 'Europe/Berlin')).toEqual({
            instant: minute,
            zone: 'UTC'
          })
        }
      )
    )
  })
})

const berlin = { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: ['2026-12-25'] }

describe('deadlines (M-07)', () => {
  it('of hours and days run by the wall clock, also across a change to summer time', () => {
    const [saturday, sunday] = [at('2026-03-28T12:00:00Z'), at('2026-03-29T12:00:00Z')]
    expect(time.dueAt(saturday, { hours: 24 }, berlin)).toBe(sunday)
    expect(time.dueAt(saturday, { days: 1 }, berlin)).toBe(sunday)
    expect(time.startBefore(sunday, { hours: 24 }, berlin)).toBe(saturday)
    expect(time.startBefore(sunday, { days: 1 }, berlin)).toBe(saturday)
  })

  it.each(rows`
    a Monday                                      | 2026-11-23T09:00:00Z | 2026-11-26T22:59:59.000Z
    a Friday, over a weekend                      | 2026-11-20T09:00:00Z | 2026-11-25T22:59:59.000Z
    a Saturday, which counts as the Monday        | 2026-11-21T09:00:00Z | 2026-11-26T22:59:59.000Z
    before a holiday                              | 2026-12-23T09:00:00Z | 2026-12-29T22:59:59.000Z
    before summer time                            | 2026-03-26T09:00:00Z | 2026-03-31T21:59:59.000Z
    late in the evening, the next day in the zone | 2026-11-23T23:30:00Z | 2026-11-27T22:59:59.000Z
  `)(
    'of three business days from %s end at the last second of the third',
    (_name, start, expected) => {
      expect(time.dueAt(at(start), { business_days: 3 }, berlin)).toBe(expected)
    }
  )
})

describe('a lead in business days counts back in the calendar (A5)', () => {
  it.each(rows`
    within a week                                          | 2026-11-27T13:00:00Z | 3 | 2026-11-24T13:00:00.000Z
    over a weekend                                         | 2026-12-01T13:00:00Z | 5 | 2026-11-24T13:00:00.000Z
    over a holiday                                         | 2026-12-28T13:00:00Z | 1 | 2026-12-24T13:00:00.000Z
    from a Sunday, as from the Friday                      | 2026-11-29T13:00:00Z | 1 | 2026-11-26T13:00:00.000Z
    from a holiday, as from the day before                 | 2026-12-25T13:00:00Z | 1 | 2026-12-23T13:00:00.000Z
    over the end of summer time, at the same local time    | 2026-10-26T13:00:00Z | 1 | 2026-10-23T12:00:00.000Z
    over the start of summer time, at the same local time  | 2026-03-30T12:00:00Z | 1 | 2026-03-27T13:00:00.000Z
    by the day in the zone                                 | 2026-11-30T23:30:00Z | 1 | 2026-11-29T23:30:00.000Z
  `)('%s', (_name, end, days, expected) => {
    expect(time.startBefore(at(end), { business_days: Number(days) }, berlin)).toBe(expected)
  })

  it('is the reverse of a promise: counted on from the start, it ends on the day of the end (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
        fc.integer({ min: 0, max: 20 }),
        (ms, days) => {
          const end = time.instantFromMs(ms)
          const start = time.startBefore(end, { business_days: days }, berlin)
          expect(time.dayOff(start, berlin)).toBe(null)
          const back = time.dueAt(start, { business_days: days }, berlin)
          if (time.dayOff(end, berlin) === null) expect(back >= end).toBe(true)
          expect(time.msOf(back) - time.msOf(end)).toBeLessThan(25 * 3_600_000)
        }
      )
    )
  })

  it('knows why the project does not work on a day of its zone', () => {
    expect(time.dayOff(at('2026-11-27T22:59:00Z'), berlin)).toBe(null)
    expect(time.dayOff(at('2026-11-27T23:00:00Z'), berlin)).toBe('weekend')
    expect(time.dayOff(at('2026-12-25T12:00:00Z'), berlin)).toBe('holiday')
  })
})

describe('identifiers', () => {
  it('come back from their text (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1970, max: 9999 }),
        fc.integer({ min: 1, max: 9_999_999 }),
        (year, number) => {
          const tag = ids.caseTag('ACME', year, number)
          expect(ids.parseCaseTag(tag.toLowerCase())).toBe(tag)
          expect(ids.findCaseTags(`Re: [${tag}] x`, 'ACME')).toEqual([tag])
        }
      )
    )
  })

  it.each([
    ...['ACME-2026-1', 'ACME-26-0001', 'ACME-2026-00010000', 'ACME-2026-0001x', '-2026-0001', '']
  ])('refuse the case number %j', (text) => {
    expect(ids.parseCaseTag(text)).toBe(null)
  })

  it('are not found inside other words, nor of another desk', () => {
    expect(ids.findCaseTags('XACME-2026-0001 OTHER-2026-0002 ACME-2026-00030000', 'ACME')).toEqual(
      []
    )
  })

  it('never take a key id for a fingerprint', () => {
    expect(ids.parseFingerprint('0123456789ABCDEF')).toBe(null)
    const full = ids.parseFingerprint('AB '.repeat(20))
    expect(full).toBe('ab'.repeat(20))
    expect(full && ids.parseFingerprint(ids.formatFingerprint(full))).toBe(full)
  })

  it('never take a Message-ID that could break a header (property)', () => {
    expect(ids.parseMessageId('<a@b>')).toBe('a@b')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const id = ids.parseMessageId(`${text}@x`)
        if (id !== null) expect(id).toMatch(/^[\x21-\x3b\x3d\x3f-\x7e]+$/)
      })
    )
  })
})

describe('addresses', () => {
  it.each(['a@b', "o'neil@Sub.Example.org", 'a.b+c@x-y.example'])('take %s', (text) => {
    expect(parseAddress(text)).not.toBe(null)
  })

  it('have their domain in A-labels', () => {
    expect(parseAddress('a@Bücher.example')).toBe('a@xn--bcher-kva.example')
  })

  it.each([
    'jörg',
    'Łukasz.b',
    'иван',
    'χρήστης',
    '用户',
    'user用户',
    'ユーザー',
    '사용자',
    'राम',
    'ผู้ใช้',
    'أحمد'
  ])('(14) take the local part %s, which is of one script', (local) => {
    expect(parseAddress(`${local}@b.example`)).toBe(`${local}@b.example`)
  })

  it.each([
    ['two scripts', 'раypal'],
    ['another form of a letter', 'jo\u0308rg'],
    ['a letter that looks like ASCII', '\uff41dmin'],
    ['a letter for mathematics', '\u{1d41a}dmin'],
    ['a blank that is none', 'jö\u200brg'],
    ['a letter that is blank', 'ㅤ사용자'],
    ['a change of direction', 'jö\u202erg'],
    ['a mark that stands on any letter', 'jörg\u0338'],
    ['a space', 'jö rg'],
    ['a no-break space', 'jö\u00a0rg'],
    ['a line separator', 'jö\u2028rg'],
    ['an angle bracket', 'jö<rg'],
    ['quotes', '"jörg"'],
    ['a bracket of another script', '用户（a）'],
    ['more than 64 octets', 'ö'.repeat(33)]
  ])('(14) refuse a local part with %s', (_what, local) => {
    expect(parseAddress(`${local}@b.example`)).toBe(null)
  })

  it.each([
    ...['', 'a', '@b', 'a@', 'a@b@c', 'a b@c', '"a"@b', 'a@b.', 'a@-b', '.a@b', 'a..b@c'],
    ...['<a@b>', 'a@b,c@d', 'a@[127.0.0.1]', 'a@ü/b', 'a@ü:80']
  ])('refuse %j', (text) => {
    expect(parseAddress(text)).toBe(null)
  })

  it('never hold anything that could end a header or name a second recipient (property)', () => {
    const nasty = fc.array(
      fc.constantFrom('b.example', ...'a@\u043e\u200b\u202e\r\n\0,;<>" ():\\\u2028é')
    )
    fc.assert(
      fc.property(
        fc.oneof(
          nasty.map((all) => all.join('')),
          fc.string({ unit: 'binary' })
        ),
        (text) => {
          const parsed = parseAddress(text)
          if (parsed === null) return
          expect(parsed).toMatch(/^[!-~\p{L}\p{M}\p{Nd}]+@[a-z0-9.-]+$/u)
          expect(parsed).not.toMatch(/[\s,;:<>()"\\[\]]|\p{Default_Ignorable_Code_Point}/u)
          expect(isSameAddress(parsed, parsed)).toBe(true)
        }
      ),
      { numRuns: 1000 }
    )
  })
})

describe('what an approval of a notice covers (G7)', () => {
  const NOTICE = noticeRecord({
    patches: [{ filename: 'a.patch', contentType: 'text/x-diff', size: 3, sha256: sha256('a') }]
  })
  const RECORD = caseRecord({ disclosureAt: at('2026-12-01T00:00:00Z') })
  const FIRST = member('debian', '1')
  const SECOND = member('suse', '2')
  const { desk } = SETTINGS

  function textOf({
    notice = {},
    record = {},
    product = PRODUCT,
    settings = {},
    to = [FIRST, SECOND]
  }: Change) {
    const about = {
      case: { ...RECORD, ...record },
      product,
      settings: { ...SETTINGS, ...settings }
    }
    return approvedText({ ...NOTICE, ...notice }, about, to)
  }
  type Change = {
    readonly notice?: Partial<NoticeRecord>
    readonly record?: Partial<typeof RECORD>
    readonly product?: typeof PRODUCT
    readonly settings?: Partial<typeof SETTINGS>
    readonly to?: readonly (typeof FIRST)[]
  }

  it('does not depend on the order of the members', () => {
    expect(textOf({ to: [SECOND, FIRST] })).toBe(textOf({}))
  })

  it.each<[string, Change]>([
    ['a field', { notice: { fields: { ...NOTICE.fields, description: 'A hole!' } } }],
    ['an empty field', { notice: { fields: { ...NOTICE.fields, title: '' } } }],
    [
      'a moved text',
      {
        notice: {
          fields: { ...NOTICE.fields, remedy_steps: 'A hole.', description: 'Apply the patch.' }
        }
      }
    ],
    ['a patch', { notice: { patches: [] } }],
    [
      'the name of a patch',
      { notice: { patches: NOTICE.patches.map((one) => ({ ...one, filename: 'b.patch' })) } }
    ],
    [
      'the bytes of a patch',
      { notice: { patches: NOTICE.patches.map((one) => ({ ...one, sha256: sha256('b') })) } }
    ],
    ['the revision', { notice: { revision: 2 } }],
    ['the list', { notice: { product: 'other' } }],
    ['the date', { record: { disclosureAt: at('2026-12-01T00:00:01Z') } }],
    ['no date', { record: { disclosureAt: null } }],
    ['a member', { to: [FIRST] }],
    ['the key of a member', { to: [FIRST, member('suse', '3')] }],
    ['the address of a member', { to: [FIRST, { ...SECOND, address: FIRST.address }] }],
    ['the template', { settings: { noticeTemplate: `${SETTINGS.noticeTemplate} ` } }],
    ['the name of the desk', { settings: { desk: { ...desk, name: 'Others' } } }],
    ['the key of the desk', { settings: { desk: { ...desk, fingerprint: SECOND.fingerprint } } }],
    ['the zone of the date', { settings: { desk: { ...desk, timezone: 'Asia/Tokyo' } } }],
    ['the name of the product', { product: { ...PRODUCT, name: 'Other' } }],
    ['the TLP marking', { product: productWith({}, { tlp: 'TLP:CLEAR' }) }]
  ])('changes with %s', (_name, change) => {
    expect(textOf(change)).not.toBe(textOf({}))
  })
})
