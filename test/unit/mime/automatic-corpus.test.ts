import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { readAutomatic } from '../../../src/mime/automatic.ts'
import { readHeader } from '../../../src/mime/header.ts'
import { parseTree } from '../../../src/mime/tree.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'

/** The kind of a file in the corpus: the surest one. */
function kindOf(folder: string, name: string): string {
  const root = parseTree(readFileSync(join(CORPUS, folder, name)))
  const { facts } = readHeader(root.fields)
  const { automatic: kinds, bounce } = readAutomatic(root, facts, 'security@acme.example')
  if (kinds.includes('bounce'))
    return bounce?.hasFailed === true ? 'bounce failed' : 'bounce without failure'
  return kinds[0] ?? 'by a person'
}

function kindsIn(folder: string): Record<string, string> {
  const names = readdirSync(join(CORPUS, folder)).filter((name) => name.endsWith('.eml'))
  return Object.fromEntries(names.map((name) => [name.replace('.eml', ''), kindOf(folder, name)]))
}

describeCorpus('messages that servers and programs send', () => {
  it('are recognised as automatic: bounces of 80 mail systems, none of them answered', () => {
    const kinds = kindsIn('sisimai/dos')
    const others = Object.entries(kinds).filter(([, kind]) => kind !== 'bounce failed')
    expect(Object.keys(kinds)).toHaveLength(80)
    expect(Object.fromEntries(others)).toEqual({
      'arf-01': 'auto-generated',
      'rfc3834-01': 'auto-replied',
      // From postmaster and the like, without a null path: cases, and nobody is answered.
      'lhost-imailserver-01': 'no-reply-address',
      'lhost-interscanmss-01': 'no-reply-address',
      'lhost-kddi-01': 'no-reply-address',
      'lhost-mfilter-01': 'no-reply-address',
      'lhost-mailmarshalsmtp-01': 'no-reply-address',
      'lhost-apachejames-01': 'no-reply-address'
    })
  })

  it('are told apart: no message of a person is automatic, those of servers are', () => {
    const kinds = kindsIn('chatmail/message')
    const bounces = Object.entries(kinds).filter(([, kind]) => kind.includes('bounce'))
    expect(bounces.map(([name, kind]) => `${name} ${kind}`)).toEqual([
      'dsn_relayed bounce without failure',
      'gmail_ndn bounce failed',
      'gmail_ndn_group bounce failed',
      'gmx_ndn bounce failed',
      'ndn_with_attachment bounce failed',
      'posteo_ndn bounce failed',
      'testrun_ndn bounce failed',
      'testrun_ndn_2 bounce failed',
      'tiscali_ndn bounce failed',
      'yahoo_ndn bounce failed'
    ])
    expect(kinds).toMatchObject({
      tlsrpt: 'auto-generated',
      ms_exchange_report_disposition_notification: 'receipt',
      mailinglist_dhl: 'list'
    })
    for (const folder of ['k9', 'protected-headers', 'talon', 'autocrypt']) {
      for (const [name, kind] of Object.entries(kindsIn(folder))) {
        expect(`${name}: ${kind}`).not.toMatch(/bounce|receipt|auto-/)
      }
    }
  })
})
