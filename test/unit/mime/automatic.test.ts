import { describe, expect, it } from 'vitest'
import { readAutomatic } from '../../../src/mime/automatic.ts'
import { type Field } from '../../../src/mime/fields.ts'
import { readHeader } from '../../../src/mime/header.ts'
import { parseTree } from '../../../src/mime/tree.ts'
import { readAutocrypt } from '../../../src/reading/candidate-keys.ts'
import { rows } from '../../support/rows.ts'
import { lines } from '../reading/material.ts'

const DESK = 'security@acme.example'

function readAll(raw: string): ReturnType<typeof readAutomatic> {
  const root = parseTree(Buffer.from(raw))
  return readAutomatic(root, readHeader(root.fields).facts, DESK)
}

function kinds(...fields: readonly string[]): readonly string[] {
  return readAll(`From: a@x.example\r\n${fields.join('\r\n')}\r\n\r\nhi`).automatic
}

describe('marks of automatic messages (RFC 3834)', () => {
  it.each(rows`
    Auto-Submitted: auto-replied (vacation)                                          | auto-replied
    Auto-Submitted: auto-generated; owner=x                                          | auto-generated
    Auto-Submitted: auto-notified                                                    | auto-generated
    X-Autoreply: yes                                                                 | auto-replied
    X-Vacation: on                                                                   | auto-replied
    Content-Type: multipart/report; report-type=tlsrpt; boundary=b                   | auto-generated
    Content-Type: multipart/report; report-type=disposition-notification; boundary=b | auto-generated
    Precedence: bulk                                                                 | bulk
    List-Id: <x.example>                                                             | list
    Return-Path: <>                                                                  | null-path
    X-Auto-Response-Suppress: DR, OOF                                                | asks-for-silence
    X-Postern-Loop: Security@acme.example                                            | loop
  `)('%s', (field = '', expected = '') => {
    expect(kinds(field)).toEqual([expected])
  })

  it('(D19) are found in the name of a sender that is a robot', () => {
    for (const name of ['ndr', 'NDR', 'mailer-daemon', 'mdaemon', 'mail-daemon'])
      expect(readAll(`From: ${name}@x.example\r\n\r\nhi`).automatic).toEqual([
        'auto-generated',
        'no-reply-address'
      ])
    expect(readAll('From: andrea@x.example\r\n\r\nhi').automatic).toEqual([])
  })

  it('are not found in a message that a human wrote', () => {
    expect(kinds('Auto-Submitted: no', 'X-Postern-Loop: other@acme.example')).toEqual([])
    expect(kinds('X-Auto-Response-Suppress: None', 'Precedence: first-class')).toEqual([])
  })

  it('count hops: more than 30 are a loop', () => {
    const hops = (count: number): string[] => Array.from({ length: count }, () => 'Received: by x')
    expect(kinds(...hops(30))).toEqual([])
    expect(kinds(...hops(31))).toEqual(['loop'])
  })

  it.each([
    'mailer-daemon',
    'owner-list',
    'list-request',
    'list-bounces',
    'noreply',
    'no-reply',
    'do-not-reply+x',
    'post_master'
  ])('include %s@ as an address that takes no answers', (local) => {
    const { automatic } = readAll(`From: ${local}@x.example\r\n\r\nhi`)
    expect(automatic).toContain('no-reply-address')
  })
})

describe('a read receipt (RFC 8098)', () => {
  const marks = (type: string, part: string): readonly string[] =>
    readAll(
      lines(
        ...['From: a@x.example', `Content-Type: ${type}; boundary=b`, '', '--b', ''],
        ...['Your message was displayed.', '--b', `Content-Type: ${part}`, '', 'x', '', '--b--']
      )
    ).automatic

  it.each(rows`
    multipart/report; report-type=Disposition-Notification | text/plain                              | auto-generated
    multipart/report; report-type=Disposition-Notification | message/disposition-notification        | receipt
    multipart/mixed                                        | message/disposition-notification        | auto-generated
    multipart/mixed                                        | message/global-disposition-notification | auto-generated
    multipart/report; report-type=x                        | message/disposition-notification        | auto-generated
  `)(
    'is never answered; %s with %s is only %s, which people read (RFC 3834 §2, G1)',
    (type = '', part = '', mark = '') => {
      expect(marks(type, part)).toEqual([mark])
    }
  )

  it('returns the Message-ID of what was read, and says of no message that it failed', () => {
    const original = 'Original-Message-ID: <k7f@acme.example>\r\nDisposition: displayed'
    const { bounce } = readAll(
      lines(
        'Content-Type: multipart/report; report-type=disposition-notification; boundary=b',
        ''
      ) + lines('--b', 'Content-Type: message/disposition-notification', '', original, '--b--')
    )
    expect(bounce).toEqual({
      returnedMessageIds: ['k7f@acme.example'],
      hasFailed: false,
      isTooLarge: false,
      hasArrived: true
    })
  })
})

describe('a bounce (RFC 3464)', () => {
  const report = (...status: readonly string[]): string =>
    [
      'From: MAILER-DAEMON@x.example',
      'Content-Type: multipart/report; report-type=delivery-status; boundary=b',
      '',
      '--b',
      '',
      'It failed.',
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; x.example',
      '',
      ...status,
      '',
      '--b',
      'Content-Type: text/rfc822-headers',
      '',
      'Message-ID: <k7f@acme.example>',
      'Subject: x',
      '',
      '--b--'
    ].join('\r\n')
  const read = (raw: string) => readAll(raw).bounce
  const PROSE = 'The parser reads past its buffer.'

  it('tells which message failed', () => {
    expect(read(report('Action: failed', 'Status: 5.1.1 (no such user)'))).toEqual({
      returnedMessageIds: ['k7f@acme.example'],
      ...{ hasFailed: true, isTooLarge: false, hasArrived: false }
    })
  })

  it('finds the returned Message-ID below empty lines, which some servers put above it', () => {
    const raw = report('Action: failed').replace('\r\nMessage-ID:', '\r\n\r\n\r\nMessage-ID:')
    expect(raw).toContain('\r\n\r\n\r\nMessage-ID:')
    expect(read(raw)?.returnedMessageIds).toEqual(['k7f@acme.example'])
  })

  it('takes the worst of several recipients', () => {
    const status = ['Action: delivered', 'Status: 2.0.0', '', 'Action: failed', 'Status: 5.2.2']
    expect(read(report(...status))).toMatchObject({ hasFailed: true })
    expect(read(report('Action: delayed', 'Status: 4.4.1'))).toMatchObject({ hasFailed: false })
  })

  it.each([
    ['5.3.4 of a server', true, ['Action: failed', 'Status: 5.3.4']],
    ['5.2.3 of the mailbox', true, ['Action: failed', 'Status: 5.2.3 (too big)']],
    [
      'what another server answered',
      true,
      ['Action: failed', 'Status: 5.0.0', 'Diagnostic-Code: smtp; 552', ' 552-5.3.4 too big']
    ],
    ['a full mailbox', false, ['Action: failed', 'Status: 5.2.2']],
    ['a number that only begins so', false, ['Action: failed', 'Status: 5.3.41']],
    ['a delay', false, ['Action: delayed', 'Status: 5.3.4']]
  ])('(A2) says whether the message was too large: %s', (_name, isTooLarge, status) => {
    expect(read(report(...status))).toMatchObject({ isTooLarge })
  })

  it('goes by its own status part, not by that of a report that it forwards', () => {
    const inside = report('Action: failed').replaceAll('boundary=b', 'boundary=c')
    const embedded = inside.replaceAll('--b', '--c').replace(/^From:.*\r\n/, '')
    const outer = report('Action: delayed').replace(/It failed\./, `x\r\n--b\r\n${embedded}`)
    expect(read(outer)).toMatchObject({ hasFailed: false })
  })

  it('is recognised in the older form by its sender, its subject and the copy in its text', () => {
    const old =
      'Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@x.example>\r\nSubject: Mail delivery failed\r\n\r\n550 5.1.1 unknown\r\n\r\n--- copy ---\r\nMessage-ID: <k7f@acme.example>\r\n'
    expect(read(old)).toEqual({
      returnedMessageIds: ['k7f@acme.example'],
      ...{ hasFailed: true, isTooLarge: false, hasArrived: false }
    })
  })

  it.each(rows`
    postmaster                | From: postmaster@isp.example\nSubject: Mail delivery daemon of yours has an RCE     | ${PROSE}
    postmaster with a code    | From: postmaster@isp.example\nSubject: Undeliverable mail: 550 crashes it           | 550 5.1.1 unknown
    X-Failed-Recipients       | From: alice@x.example\nSubject: Failure notice\nX-Failed-Recipients: a@x.example    | ${PROSE}
    mailer-daemon-like words  | From: mailer-daemon-fan@x.example\nSubject: Returned mail                           | ${PROSE}
    a robot without the looks | From: mailer-daemon@x.example\nSubject: An RCE in mail delivery                     | ${PROSE}
  `)('is never a report by a person: %s (G1)', (_name, head = '', body = '') => {
    const { automatic, bounce } = readAll(lines(...head.split('\n'), '', body))
    expect(automatic).not.toContain('bounce')
    // The desk looks whether it sent what these return: nothing.
    expect(bounce?.returnedMessageIds ?? []).toEqual([])
  })

  it('has failed when its status part is empty', () => {
    expect(read(report())).toMatchObject({
      hasFailed: true,
      returnedMessageIds: ['k7f@acme.example']
    })
  })

  it('is not a report with an attached delivery report (G1)', () => {
    const attached = report('Action: failed')
      .replace('MAILER-DAEMON', 'alice')
      .replace('multipart/report; report-type=delivery-status;', 'multipart/mixed;')
    expect(attached).toContain('multipart/mixed; boundary=b')
    expect(read(attached)).toBeNull()
  })

  it('is never an encrypted message, whatever its header says (G1)', () => {
    const head = 'Return-Path: <>\r\nFrom: mailer-daemon@x.example\r\nSubject: Failure notice\r\n'
    const armor = '-----BEGIN PGP MESSAGE-----\r\n\r\nAAEC\r\n-----END PGP MESSAGE-----\r\n'
    const mime = `Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\n550 5.1.1\r\n--b--\r\n`
    expect(read(`${head}\r\n${armor}`)).toBeNull()
    expect(read(`${head}${mime}`)).toBeNull()
    const long = 'X-Long: x\r\n'.repeat(8000)
    expect(read(`${head}${long}\r\n${armor}`)).toBeNull()
    const base64 = Buffer.from(armor).toString('base64')
    expect(read(`${head}Content-Transfer-Encoding: base64\r\n\r\n${base64}`)).toBeNull()
    expect(read(`${head}\r\n550 5.1.1 unknown; your mail was:\r\n\r\n${armor}`)).not.toBeNull()
  })

  it('is not a report about bounces', () => {
    expect(
      read(
        'From: alice@x.example\r\nSubject: Undelivered mail crashes the parser\r\n\r\nMessage-ID: <k7f@acme.example>'
      )
    ).toBeNull()
  })
})

describe('the Autocrypt header', () => {
  const from = readHeader([{ name: 'from', value: 'Alice <alice@x.example>' }]).facts.from
  const key = (...values: readonly string[]): Uint8Array | null =>
    readAutocrypt(
      values.map((value) => ({ name: 'autocrypt', value })),
      from
    )

  it('yields its key when it names exactly the sender', () => {
    expect(key('addr=Alice@x.example; prefer-encrypt=mutual; _x=y; keydata=AAEC AwQF')).toEqual(
      new Uint8Array([0, 1, 2, 3, 4, 5])
    )
  })

  it.each([
    ['another address', ['addr=bob@x.example; keydata=AAEC']],
    ['an unknown critical attribute', ['addr=alice@x.example; type=1; keydata=AAEC']],
    ['keydata not last', ['keydata=AAEC; addr=alice@x.example']],
    ['broken base64', ['addr=alice@x.example; keydata=AA*C']],
    [
      'two valid fields',
      ['addr=alice@x.example; keydata=AAEC', 'addr=alice@x.example; keydata=AAED']
    ],
    ['a giant', [`addr=alice@x.example; keydata=${'AAEC'.repeat(4000)}`]]
  ])('gives none for %s', (_, values) => {
    expect(key(...values)).toBeNull()
  })

  it('yields no key in a multipart/report, even for its sender (Autocrypt Level 1)', () => {
    const fieldsOf = (type: string): readonly Field[] => [
      { name: 'content-type', value: `${type}; boundary=b; report-type=disposition-notification` },
      { name: 'autocrypt', value: 'addr=alice@x.example; keydata=AAEC' }
    ]
    expect(readAutocrypt(fieldsOf('multipart/mixed'), from)).toEqual(new Uint8Array([0, 1, 2]))
    expect(readAutocrypt(fieldsOf('multipart/report'), from)).toBeNull()
    expect(readAutocrypt(fieldsOf('Multipart/Report'), from)).toBeNull()
  })
})
