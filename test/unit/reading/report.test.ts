import { describe, expect, it } from 'vitest'
import { toOpenJson } from '../../../src/reading/page.ts'
import { HEAD, lines, mixed, open, textPart } from './material.ts'

const FILE =
  'Content-Type: text/x-diff\r\nContent-Disposition: attachment; filename="../fix.diff"\r\n\r\n-a\r\n+b'

describe('the JSON of an opened message', () => {
  it('is the contract JSON', async () => {
    const opened = await open(lines(...HEAD) + mixed([textPart('hello'), FILE]), [])

    expect(toOpenJson(opened)).toEqual({
      structure: 'clear',
      encrypted: false,
      decrypted: false,
      signatures: [],
      from: 'alice@reporter.example',
      to: ['security@acme.example'],
      subject: 'a report',
      subjectProtected: false,
      messageId: '1@reporter.example',
      date: '2026-11-22T01:00:00.000Z',
      text: 'hello\n',
      attachments: [
        {
          filename: 'fix.diff',
          contentType: 'text/x-diff',
          size: 6,
          sha256: 'c32107055f1e994fb040615cb69bdbb27525d25083e06c33c7239121364d89ab'
        }
      ],
      autoSubmitted: false,
      bounce: false,
      warnings: []
    })
  })

  it('names the failure only if there is one', async () => {
    const sealed = lines(...HEAD, 'Content-Type: multipart/encrypted; boundary=e', '', '--e--')
    expect(toOpenJson(await open(sealed, []))).toMatchObject({ failure: 'empty' })
    expect(toOpenJson(await open(lines(...HEAD), []))).not.toHaveProperty('failure')
  })
})
