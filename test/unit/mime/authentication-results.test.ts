import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readAuthenticationResults,
  readSenderTrace
} from '../../../src/mime/authentication-results.ts'
import { parseTree } from '../../../src/mime/tree.ts'

const read = (value: string) => readAuthenticationResults(value, 0)
const short = (value: string) =>
  read(value).map(({ method, result, domain }) => `${method}=${result} ${domain}`.trim())

describe('an Authentication-Results field (RFC 8601)', () => {
  it.each<[string, string, readonly string[]]>([
    ['nothing checked', 'mx.acme.example 1; none', []],
    ['one method', 'mx.acme.example; dmarc=pass header.from=a.example', ['dmarc=pass a.example']],
    [
      'several methods with comments, reasons and other properties',
      'MX.acme.example (our (own) server) 1; spf=pass reason="good; really" smtp.mailfrom=bob@a.example;' +
        ' dkim=pass (2048-bit key; unprotected) header.d=a.example header.i=@a.example header.b="ab=/+";' +
        ' dmarc=pass (p=none dis=none) header.from=a.example',
      ['spf=pass a.example', 'dkim=pass a.example', 'dmarc=pass a.example']
    ],
    [
      'blanks around the signs and a version of the method',
      'mx.acme.example ; dmarc / 1 = fail  header.from = a.example ;',
      ['dmarc=fail a.example']
    ],
    [
      'a domain with a sign in front',
      'mx.x; spf=pass smtp.mailfrom=@a.example',
      ['spf=pass a.example']
    ],
    ['a name in HELO, which is no sender', 'mx.x; spf=pass smtp.helo=mail.a.example', ['spf=pass']],
    [
      'a domain in another script',
      'mx.x; dmarc=pass header.from=bücher.example',
      ['dmarc=pass xn--bcher-kva.example']
    ],
    [
      'two names for one question',
      'mx.x; dmarc=pass header.from=a.example header.from=b.example',
      ['dmarc=pass']
    ],
    ['a method nobody asks about', 'mx.x; arc=pass; iprev=fail policy.iprev=192.0.2.1', []],
    ['no authserv-id', 'spf=pass smtp.mailfrom=a.example; dmarc=pass header.from=a.example', []],
    ['an open comment', 'mx.x; dmarc=pass (oops header.from=a.example', []],
    ['an open quotation', 'mx.x; dmarc=pass header.from="a.example', []],
    ['a word that is no property', 'mx.x; dmarc=pass header.from=a.example evil', []],
    [
      'a piece that cannot be read beside one that can',
      'mx.x; oops; dmarc=pass header.from=a.example',
      []
    ],
    ['an empty value', 'mx.x; dmarc= header.from=a.example', []]
  ])('%s', (_, value, expected) => {
    expect(short(value)).toEqual(expected)
  })

  it('lets no sender write results of his own through his quoted address', () => {
    const address = String.raw`"x; dmarc=pass header.from=bank.example (\" "@evil.example`
    expect(
      short(`mx.x; spf=pass smtp.mailfrom=${address}; dmarc=fail header.from=bank.example`)
    ).toEqual(['spf=pass', 'dmarc=fail bank.example'])
  })

  it('tells the address and the server apart from their case', () => {
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

  it('never fails and never takes long, whatever stands in it (property)', () => {
    const piece = fc.constantFrom(
      '"',
      '(',
      ')',
      ';',
      '=',
      '\\',
      ' ',
      'dmarc',
      'mx.x',
      '/',
      '@',
      'header.from'
    )
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

describe('the trace on top of a mail', () => {
  it('counts the Received fields above each field that speaks of the sender', () => {
    const tree = parseTree(
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
    const trace = readSenderTrace(tree.root.fields)
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
