/** TLS rules that IMAP and SMTP share. */
import { describe, expect, it } from 'vitest'
import { isLoopback } from '../../../src/domain/address.ts'
import { connectionTrouble, isTlsCode, tlsOptions } from '../../../src/transport/server.ts'

const SERVER = { host: 'mail.acme.example', port: 465, password: 'hunter2' }

describe('server options', () => {
  it.each(['localhost', '127.0.0.1', '127.9.9.9', '::1'])('takes %s for this machine', (host) => {
    expect(isLoopback(host)).toBe(true)
  })

  it.each([
    'localhost.example',
    '128.0.0.1',
    '127.0.0.1.example',
    'mail.example.org',
    '0.0.0.0',
    ''
  ])('does not treat %s as this machine', (host) => {
    expect(isLoopback(host)).toBe(false)
  })

  it('allows unencrypted connections only on loopback', () => {
    expect(tlsOptions({ host: '127.0.0.1', port: 25, tls: 'none' })).toMatchObject({
      rejectUnauthorized: true
    })
    expect(() => tlsOptions({ host: 'imap.example.org', port: 143, tls: 'none' })).toThrow(
      expect.objectContaining({ code: 'config', retryable: false })
    )
  })

  it('always verifies, from TLS 1.2 on, and trusts only the given CA if there is one', () => {
    expect(
      tlsOptions({ host: 'h.example', port: 1, tls: 'implicit', ca: { text: 'PEM' } })
    ).toEqual({
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      ca: 'PEM'
    })
  })

  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ETLS'
  ])('recognises %s as a TLS error', (code) => {
    expect(isTlsCode(code)).toBe(true)
  })

  it.each(['ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EAUTH', ''])(
    'does not take %s for TLS',
    (code) => {
      expect(isTlsCode(code)).toBe(false)
    }
  )

  it('reports only network trouble as retryable and names the setting to check', () => {
    expect(connectionTrouble('imap', 'network', SERVER, null)).toMatchObject({
      code: 'imap',
      retryable: true
    })
    expect(connectionTrouble('smtp', 'auth', SERVER, null)).toMatchObject({
      code: 'smtp-auth',
      retryable: false
    })
    expect(connectionTrouble('smtp', 'auth', SERVER, null).message).toContain('smtp.password')
    expect(connectionTrouble('imap', 'tls', SERVER, null).message).toContain('imap.ca')
  })

  it('names the server, its port and its words, and never a password that it repeats (A7)', () => {
    const says = (response: string): string =>
      connectionTrouble('smtp', 'auth', SERVER, Object.assign(new Error('x'), { response })).message
    const named = 'The SMTP server mail.acme.example, port 465, refused the user name or password'
    expect(says('535 5.7.8 no\r\nsuch user')).toContain(`${named}: "535 5.7.8 no such user".`)
    expect(says('535 not hunter2')).toContain(`${named}. `)
    expect(says('535 AHNlY3VyaXR5AGh1bnRlcjIyMjI=')).toContain(`${named}. `)
    const gone = Object.assign(new Error('x'), { code: 'ECONNREFUSED' })
    expect(connectionTrouble('imap', 'network', SERVER, gone).message).toContain('(ECONNREFUSED)')
  })
})
