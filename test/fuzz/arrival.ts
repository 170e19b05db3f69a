/**
 * What servers write: the fields that the desk's own mail server puts on top of a message, the ones that an attacker puts below
 * to look like them, and delivery reports. Each comes with what it says, so that a reading of it can be judged.
 */
import { type MessageId } from '../../src/domain/ids.ts'
import { type BounceFacts } from '../../src/domain/mail.ts'
import { type Settings } from '../../src/domain/settings.ts'
import { SETTINGS } from '../unit/policy/samples.ts'
import { lines, multipart } from './mime.ts'
import { type Random } from './random.ts'

const OWN_SERVER = 'mx.acme.example'
/** The setting of an operator whose server adds one Received field: only verdicts above it count. */
export const OWN_SETTINGS: Settings = {
  ...SETTINGS,
  authentication: { servers: [OWN_SERVER], receivedHops: 1 }
}

/** The fields on top of one message. */
export type Top = {
  readonly fields: string
  /** What our own server found: the best that may be believed of the sender. */
  readonly own: 'dmarc' | 'spf' | 'nothing'
  /** Received fields in it. */
  readonly received: number
}

const OWN_WORDS = [
  ['dmarc', 'dmarc=pass header.from=reporter.example'],
  ['spf', 'dmarc=none header.from=reporter.example; spf=pass smtp.mailfrom=alice@reporter.example'],
  [
    'nothing',
    'dmarc=fail header.from=reporter.example; spf=fail smtp.mailfrom=alice@reporter.example'
  ],
  ['nothing', 'none']
] as const
const FORGED = [
  `Authentication-Results: ${OWN_SERVER}; dmarc=pass header.from=reporter.example`,
  `Authentication-Results: ${OWN_SERVER} 1; spf=pass smtp.mailfrom=alice@reporter.example;\r\n dmarc=pass (x) header.from=reporter.example`,
  `authentication-results: "${OWN_SERVER}"; dmarc=pass reason="a \\" b" header.from=reporter.example`,
  'Authentication-Results: mx.evil.example; dmarc=pass header.from=reporter.example',
  'Return-Path: <alice@reporter.example>',
  'Return-Path: <eve@evil.example>',
  `Received: by ${OWN_SERVER} with ESMTPS id 9`,
  'Received: from relay.example by mx2.example; Sun, 22 Nov 2026 00:00:00 +0000'
]

/** What our server writes on top of whatever came in. */
export function ownTop(random: Random): Top {
  const [own, words] = random.pick(OWN_WORDS)
  const fields = [
    'Return-Path: <alice@reporter.example>',
    `Authentication-Results: ${OWN_SERVER}; ${words}`,
    `Received: from relay.example by ${OWN_SERVER}; Sun, 22 Nov 2026 01:00:00 +0000`,
    ''
  ]
  return { fields: fields.join('\r\n'), own, received: 1 }
}

/** The fields that a message already had when it arrived, each with its line end, and how many of them are Received. */
export function forgedFields(random: Random): {
  readonly fields: string
  readonly received: number
} {
  const chosen = Array.from({ length: random.pick([0, 0, 1, 2, 4]) }, () => random.pick(FORGED))
  return {
    fields: chosen.map((field) => `${field}\r\n`).join(''),
    received: chosen.filter((field) => field.startsWith('Received')).length
  }
}

/** A delivery report (RFC 3464) whose text contradicts its status part. */
export function makeReport(random: Random): {
  readonly entity: string
  readonly bounce: BounceFacts
} {
  const action = random.pick(['failed', 'delayed', 'delivered'] as const)
  const status = `${{ failed: 5, delayed: 4, delivered: 2 }[action]}.${random.int(8)}.${random.int(10)}`
  const id = `${random.int(1e9)}.returned@acme.example`
  const words = random.pick([
    'The mail could not be delivered: 550 5.7.1 refused.',
    'Delivery has been delayed, 451 4.4.1.',
    'Action: failed\r\nStatus: 5.0.0'
  ])
  const type = random.pick(['message/delivery-status', 'message/global-delivery-status'])
  const groups = lines(
    'Reporting-MTA: dns; mx.member.example',
    '',
    'Final-Recipient: rfc822; ada@member.example',
    `Action: ${action}`,
    `Status: ${status}`
  )
  const returned = random.pick(['text/rfc822-headers', 'message/rfc822'])
  const entity = multipart('multipart/report; report-type=delivery-status; boundary=r', 'r', [
    lines('Content-Type: text/plain', '', words),
    lines(`Content-Type: ${type}`, '', groups),
    lines(`Content-Type: ${returned}`, '', `Message-ID: <${id}>\r\nSubject: x\r\n`)
  ])
  return {
    entity,
    bounce: {
      returnedMessageIds: [id as MessageId],
      hasFailed: action === 'failed',
      isTooLarge: ['5.3.4', '5.2.3'].includes(status),
      hasArrived: action === 'delivered'
    }
  }
}
