/** Instants and calendars, identifiers, addresses and the canonical notice: the small types that everything stands on. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSameAddress, parseAddress } from '../../../src/domain/address.ts'
import {
  caseTag,
  findCaseTags,
  formatFingerprint,
  parseCaseTag,
  parseFingerprint,
  parseMessageId
} from '../../../src/domain/ids.ts'
import { canonicalNotice } from '../../../src/domain/notice.ts'
import {
  dueAt,
  formatInstant,
  formatMailDate,
  instantFromMs,
  msOf,
  parseInstant,
  yearIn
} from '../../../src/domain/time.ts'
import { at, member, noticeRecord, sha256 } from '../policy/samples.ts'

describe('instants', () => {
  it.each([
    ['2026-12-01T13:00:00Z', '2026-12-01T13:00:00.000Z'],
    ['2026-12-01T14:00+01:00', '2026-12-01T13:00:00.000Z'],
    ['2026-12-01 13:00:00.25z', '2026-12-01T13:00:00.250Z'],
    ['2026-12-01T00:30:00-05:00', '2026-12-01T05:30:00.000Z']
  ])('read %s', (text, expected) => {
    expect(parseInstant(text)).toBe(expected)
  })

  it.each([
    '2026-12-01',
    '2026-12-01T13:00:00',
    '2026-12-01T13:00:00 CET',
    '2026-13-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '13:00Z',
    '',
    'now',
    '2026-12-01T13:00:00+0100'
  ])('refuse %j, which has no offset or is no date', (text) => {
    expect(parseInstant(text)).toBe(null)
  })

  it('come back from milliseconds and sort as text as they do in time (property)', () => {
    const ms = fc.integer({ min: 0, max: 253_402_300_799_999 })
    fc.assert(
      fc.property(ms, ms, (a, b) => {
        expect(msOf(instantFromMs(a))).toBe(a)
        expect(parseInstant(instantFromMs(a))).toBe(instantFromMs(a))
        expect(Math.sign(a - b)).toBe(instantFromMs(a) < instantFromMs(b) ? -1 : a === b ? 0 : 1)
      })
    )
  })

  it('never throw on any text (property)', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseInstant(text)).toBe(parseInstant(text))
      })
    )
  })

  it('are written for people in both zones and for mail in UTC', () => {
    const instant = at('2026-07-01T12:00:00Z')
    expect(formatInstant(instant, 'Europe/Berlin')).toBe(
      'Wed 2026-07-01 12:00 UTC (Wed 2026-07-01 14:00 Europe/Berlin)'
    )
    expect(formatInstant(instant, 'UTC')).toBe('Wed 2026-07-01 12:00 UTC')
    expect(formatMailDate(instant)).toBe('Wed, 01 Jul 2026 12:00:00 +0000')
  })

  it('take the year from the zone of the project', () => {
    expect(yearIn(at('2026-12-31T23:30:00Z'), 'Europe/Berlin')).toBe(2027)
    expect(yearIn(at('2026-12-31T23:30:00Z'), 'America/New_York')).toBe(2026)
  })
})

describe('deadlines (M-07)', () => {
  const berlin = { timezone: 'Europe/Berlin', weekend: [6, 7], holidays: ['2026-12-25'] }

  it('of hours and days run by the wall clock, also across a change to summer time', () => {
    expect(dueAt(at('2026-03-28T12:00:00Z'), { hours: 48 }, berlin)).toBe(
      '2026-03-30T12:00:00.000Z'
    )
    expect(dueAt(at('2026-03-28T12:00:00Z'), { days: 1 }, berlin)).toBe('2026-03-29T12:00:00.000Z')
  })

  it.each([
    ['a Monday', '2026-11-23T09:00:00Z', '2026-11-26T22:59:59.000Z'],
    ['a Friday, over a weekend', '2026-11-20T09:00:00Z', '2026-11-25T22:59:59.000Z'],
    ['a Saturday, which counts as the Monday', '2026-11-21T09:00:00Z', '2026-11-26T22:59:59.000Z'],
    ['before a holiday', '2026-12-23T09:00:00Z', '2026-12-29T22:59:59.000Z'],
    ['before summer time', '2026-03-26T09:00:00Z', '2026-03-31T21:59:59.000Z'],
    [
      'late in the evening, the next day in the zone',
      '2026-11-23T23:30:00Z',
      '2026-11-27T22:59:59.000Z'
    ]
  ])(
    'of three business days from %s end at the last second of the third',
    (_name, start, expected) => {
      expect(dueAt(at(start), { business_days: 3 }, berlin)).toBe(expected)
    }
  )
})

describe('identifiers', () => {
  it('come back from their text (property)', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1970, max: 9999 }),
        fc.integer({ min: 1, max: 9_999_999 }),
        (year, number) => {
          const tag = caseTag('ACME', year, number)
          expect(parseCaseTag(tag.toLowerCase())).toBe(tag)
          expect(findCaseTags(`Re: [${tag}] x`, 'ACME')).toEqual([tag])
        }
      )
    )
  })

  it.each([
    'ACME-2026-1',
    'ACME-26-0001',
    'ACME-2026-00010000',
    'ACME-2026-0001x',
    '-2026-0001',
    ''
  ])('refuse the case number %j', (text) => {
    expect(parseCaseTag(text)).toBe(null)
  })

  it('are not found inside other words, nor of another desk', () => {
    expect(findCaseTags('XACME-2026-0001 OTHER-2026-0002 ACME-2026-00030000', 'ACME')).toEqual([])
  })

  it('never take a key id for a fingerprint', () => {
    expect(parseFingerprint('0123456789ABCDEF')).toBe(null)
    const full = parseFingerprint('AB '.repeat(20))
    expect(full).toBe('ab'.repeat(20))
    expect(full && parseFingerprint(formatFingerprint(full))).toBe(full)
  })

  it('never take a Message-ID that could break a header (property)', () => {
    expect(parseMessageId('<a@b>')).toBe('a@b')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const id = parseMessageId(`${text}@x`)
        if (id !== null) expect(id).toMatch(/^[\x21-\x3b\x3d\x3f-\x7e]+$/)
      })
    )
  })
})

describe('addresses', () => {
  it.each(['a@b', "o'neil@Sub.Example.org", 'a.b+c@x-y.example'])('take %s', (text) => {
    expect(parseAddress(text)).not.toBe(null)
  })

  it.each([
    '',
    'a',
    '@b',
    'a@',
    'a@b@c',
    'a b@c',
    '"a"@b',
    'a@b.',
    'a@-b',
    '.a@b',
    'a..b@c',
    '<a@b>',
    'a@b,c@d',
    'a@[127.0.0.1]',
    'ü@b',
    'a@ü'
  ])('refuse %j', (text) => {
    expect(parseAddress(text)).toBe(null)
  })

  it('never hold anything that could end a header or name a second recipient (property)', () => {
    const nasty = fc.array(
      fc.constantFrom(
        'a',
        '@',
        'b.example',
        '\r',
        '\n',
        '\0',
        ',',
        ';',
        '<',
        '>',
        '"',
        ' ',
        '(',
        ')',
        ':',
        '\\',
        '\u2028',
        'é'
      )
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
          expect(parsed).toMatch(/^[!-~]+@[a-z0-9.-]+$/)
          expect(parsed).not.toMatch(/[\s,;:<>()"\\[\]]/)
          expect(isSameAddress(parsed, parsed)).toBe(true)
        }
      ),
      { numRuns: 1000 }
    )
  })
})

describe('the canonical notice (G7)', () => {
  const notice = noticeRecord({
    patches: [{ filename: 'a.patch', contentType: 'text/x-diff', size: 3, sha256: sha256('a') }]
  })
  const members = [member('debian', '1'), member('suse', '2')]
  const usual = canonicalNotice(notice, at('2026-12-01T00:00:00Z'), members)

  it('does not depend on the order of the members', () => {
    expect(canonicalNotice(notice, at('2026-12-01T00:00:00Z'), [...members].reverse())).toBe(usual)
  })

  it.each([
    ['a field', { ...notice, fields: { ...notice.fields, description: 'A hole!' } }],
    ['an empty field', { ...notice, fields: { ...notice.fields, title: '' } }],
    [
      'a moved text',
      {
        ...notice,
        fields: { ...notice.fields, remedy_steps: 'A hole.', description: 'Apply the patch.' }
      }
    ],
    ['a patch', { ...notice, patches: [] }],
    [
      'a patch’s name',
      { ...notice, patches: notice.patches.map((p) => ({ ...p, filename: 'b.patch' })) }
    ],
    [
      'a patch’s bytes',
      { ...notice, patches: notice.patches.map((p) => ({ ...p, sha256: sha256('b') })) }
    ],
    ['the revision', { ...notice, revision: 2 }],
    ['the product', { ...notice, product: 'other' }]
  ])('changes with %s', (_name, changed) => {
    expect(canonicalNotice(changed, at('2026-12-01T00:00:00Z'), members)).not.toBe(usual)
  })

  it('changes with the date and with every member, address and key', () => {
    const [first, second] = members
    if (!first || !second) throw new Error('bad test data')
    const others = [
      canonicalNotice(notice, at('2026-12-01T00:00:01Z'), members),
      canonicalNotice(notice, null, members),
      canonicalNotice(notice, at('2026-12-01T00:00:00Z'), [first]),
      canonicalNotice(notice, at('2026-12-01T00:00:00Z'), [first, member('suse', '3')]),
      canonicalNotice(notice, at('2026-12-01T00:00:00Z'), [
        first,
        { ...second, address: first.address }
      ])
    ]
    expect(new Set([usual, ...others]).size).toBe(6)
  })
})
