import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readAuthenticationResults,
  readSenderTrace
} from '../../../src/mime/authentication-results.ts'
import { parseTree } from '../../../src/mime/tree.ts'
import { rows } from '../../support/rows.ts'

const read = (value: string) => readAuthenticationResults(value, 0)
const short = (value: string) =>
  read(value).map(({ method, result, domain }) => `${method}=${result} ${domain}`.trim())

const MANY =
  'MX.acme.example (our (own) server) 1; spf=pass reason="good; really" smtp.mailfrom=bob@a.example;' +
  ' dkim=pass (2048-bit key; unprotected) header.d=a.example header.i=@a.example header.b="ab=/+";' +
  ' dmarc=pass (p=none dis=none) header.from=a.example'

describe('an Authentication-Results field (RFC 8601)', () => {
  it.each(rows`
    nothing checked                                             | mx.acme.example 1; none |
    one method                                                  | mx.acme.example; dmarc=pass header.from=a.example | dmarc=pass a.example
    several methods with comments, reasons and other properties | ${MANY} | spf=pass a.example, dkim=pass a.example, dmarc=pass a.example
    blanks around the signs and a version of the method         | mx.acme.example ; dmarc / 1 = fail  header.from = a.example ; | dmarc=fail a.example
    a domain with a sign in front                               | mx.x; spf=pass smtp.mailfrom=@a.example | spf=pass a.example
    a name in HELO, which is no sender                          | mx.x; spf=pass smtp.helo=mail.a.example | spf=pass
    a domain in another script                                  | mx.x; dmarc=pass header.from=bücher.example | dmarc=pass xn--bcher-kva.example
    two names for one question                                  | mx.x; dmarc=pass header.from=a.example header.from=b.example | dmarc=pass
    a method nobody asks about                                  | mx.x; arc=pass; iprev=fail policy.iprev=192.0.2.1 |
    a quoted value, which is not read                           | mx.x; dmarc=pass header.from="a.example" | dmarc=pass
    a piece that cannot be read beside one that can             | mx.x; oops; none; dmarc=pass header.from=a.example | dmarc=pass a.example
    an empty value                                              | mx.x; dmarc= header.from=a.example |
    comments wherever blanks may be                             | (a)mx.x(b) 1(c);(d)dmarc(e)/(f)1(g)=(h)pass(i) | dmarc=pass
    a comment in a comment, with a sign in it                   | mx.x (a (b\\) ; "c) d); dmarc=pass | dmarc=pass
    blanks and comments around the dot of a property            | mx.x; dmarc=pass header . from (who) = (this) a.example | dmarc=pass a.example
    another case                                                | mx.x; DMARC=Pass Header.FROM=A.Example | dmarc=pass a.example
    a method several times                                      | mx.x; dkim=pass header.d=a.example; dkim=fail header.d=b.example | dkim=pass a.example, dkim=fail b.example
    a version of a method that nobody knows                     | mx.x; dmarc/2=pass; spf/1=fail | spf=fail
    what big servers leave unquoted where nobody asks           | mx.x; dkim=pass header.i=@a.example header.s=s1 header.b=aB/c+d== header.d=a.example; iprev=pass policy.iprev=2001:db8::1 | dkim=pass a.example
    an address with two at signs                                | mx.x; spf=pass smtp.mailfrom=bob@evil.example@a.example | spf=pass
    a host name that is no strict domain                        | mx.x; spf=pass smtp.mailfrom=a_b.example | spf=pass
  `)('%s', (_, value, expected) => {
    expect(short(value).join(', ')).toBe(expected)
  })

  const good = 'dmarc=pass header.from=a.example'
  it.each<[string, string]>([
    ['no authserv-id', `spf=pass smtp.mailfrom=a.example; ${good}`],
    ['an open comment', 'mx.x; dmarc=pass (oops header.from=a.example'],
    ['a comment that a backslash keeps open', `mx.x (a\\); ${good}`],
    ['an open quotation', 'mx.x; dmarc=pass header.from="a.example'],
    ['another version', `mx.x 2; ${good}`],
    ['two authserv-ids', `mx.x mx.y; ${good}`],
    ['an authserv-id quoted in part', `"mx".x; ${good}`],
    ['a quoted method', 'mx.x; "dmarc"=pass header.from=a.example'],
    ['a quoted result', 'mx.x; dmarc="pass" header.from=a.example'],
    ['a result that ends with a hyphen', 'mx.x; dmarc=pass- header.from=a.example'],
    ['two results', 'mx.x; dmarc=pass=fail header.from=a.example'],
    ['a control character', `mx.x; ${good}\u0000`]
  ])('yields nothing with %s', (_, value) => {
    expect(short(value)).toEqual([])
  })

  it('lets no sender forge results through a quoted address', () => {
    const address = String.raw`"x; dmarc=pass header.from=bank.example (\" "@evil.example`
    expect(
      short(`mx.x; spf=pass smtp.mailfrom=${address}; dmarc=fail header.from=bank.example`)
    ).toEqual(['spf=pass', 'dmarc=fail bank.example'])
  })

  it('compares the address and the server without case', () => {
    expect(read('MX.Acme.Example; spf=PASS smtp.mailfrom=Bob+x=y@A.Example')).toEqual([
      {
        server: 'mx.acme.example',
        below: 0,
        method: 'spf',
        result: 'pass',
        address: 'Bob+x=y@a.example',
        domain: 'a.example'
      }
    ])
  })

  it('never fails and never takes long, whatever it contains (property)', () => {
    const piece = fc.constantFrom(...'"();=\\ /@', 'dmarc', 'mx.x', 'header.from')
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        const results = read(`mx.x; ${pieces.join('')}`)
        expect(results.length).toBeLessThanOrEqual(pieces.length + 1)
      })
    )
    expect(read(`mx.x; dmarc=pass ${'(('.repeat(2000)}`)).toEqual([])
    expect(read(`mx.x; ${'dkim=pass header.d=a.example; '.repeat(2000)}`)).toEqual([])
  })
})

describe('the trace fields of a message', () => {
  it('counts the Received fields above each field that speaks of the sender', () => {
    const root = parseTree(
      Buffer.from(
        [
          'Return-Path: <bob@a.example>',
          'Received: from mx by imap',
          'Authentication-Results: mx.x; dmarc=pass header.from=a.example',
          'Received: from outside by mx',
          'Authentication-Results: mx.x; dmarc=pass',
          ' header.from=forged.example',
          'Return-Path: <>',
          'From: a@a.example',
          '',
          'hi'
        ].join('\r\n')
      )
    )
    const trace = readSenderTrace(root.fields)
    expect(trace.received).toBe(2)
    expect(trace.returnPaths).toEqual([
      { address: 'bob@a.example', below: 0 },
      { address: null, below: 2 }
    ])
    expect(trace.results.map(({ below, domain }) => [below, domain])).toEqual([
      [1, 'a.example'],
      [2, 'forged.example']
    ])
  })
})
