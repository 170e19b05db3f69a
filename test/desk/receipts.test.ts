/** Reading receipts: what has the form of one is put aside only where it is about a message of the desk (G1). */

import { expect, it } from 'vitest'
import { givenDesk, grace, world } from '../support/desk.ts'
import { lines, mixed, textPart } from '../unit/reading/material.ts'

const HEAD = ['From: <alice@reporter.example>', 'To: <security@acme.example>', 'MIME-Version: 1.0']

function receipt(id: string, original: string): string {
  const type = 'multipart/report; report-type=disposition-notification; boundary=r'
  return lines(
    ...HEAD,
    'Subject: Read: your report',
    `Message-ID: <${id}@reporter.example>`,
    `Content-Type: ${type}`,
    '',
    '--r',
    '',
    'It was displayed.',
    '--r',
    'Content-Type: message/disposition-notification',
    '',
    `Original-Message-ID: <${original}>`,
    'Disposition: manual-action/MDN-sent-manually; displayed',
    '',
    '--r--',
    ''
  )
}

it('a report with a receipt attached is relayed like any, and so is a receipt of nothing (G1)', async () => {
  await givenDesk([grace])
  const crash = 'Content-Type: message/disposition-notification\r\n\r\nReporting-UA: x\r\n'
  const head = [...HEAD, 'Subject: A hole in your reader of receipts', 'Message-ID: <1@x.example>']
  world.deliver(
    Buffer.from(lines(...head) + mixed([textPart('The attached one crashes it.'), crash]))
  )
  await world.receive(Buffer.from(receipt('2', 'unknown@acme.example')))

  expect(world.dispositions()).toEqual(['case-opened', 'case-opened'])
  expect(world.accepted.map(({ to }) => to)).toEqual([grace.address, grace.address])
  const [relay] = world.accepted
  expect(relay && (await world.read(grace, relay))).toContain('The attached one crashes it.')
})

it('a receipt of a message of the desk goes to its case and bothers nobody', async () => {
  await givenDesk([grace])
  await world.receive(
    Buffer.from(lines(...HEAD, 'Subject: x', 'Message-ID: <1@x.example>', '', 'A hole.'))
  )
  const before = world.accepted.length
  const acknowledgement = world.accepted.find(({ to }) => to === 'alice@reporter.example')
  await world.receive(Buffer.from(receipt('2', acknowledgement?.messageId ?? '')))

  expect(world.rows('SELECT disposition, case_id AS caseId FROM arrivals WHERE id = 2')).toEqual([
    { disposition: 'receipt', caseId: 1 }
  ])
  expect(world.accepted).toHaveLength(before)
})
