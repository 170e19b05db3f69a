/**
 * Every message to reporters: what it is made from, its subject and samples. What may go in clear holds nothing of a report, or a
 * maintainer's own words (G3, G6).
 */
import { type VisibleEncryption } from '../domain/message.ts'
import { type Definition, define, type What } from './define.ts'

/** The first answer, by a program: the same whether opening succeeded, failed or was not tried (G6). */
export const acknowledgement = define<{
  readonly received: string
  /** '' when the policy promises no time. */
  readonly answerBy: string
  readonly answerIncludes: string
  readonly isFirm: boolean
  readonly policy: string
  readonly rules: readonly string[]
  readonly checklist: readonly string[]
  readonly sealedTo: VisibleEncryption
  readonly keyIds: string
  /** Whether the policy answers unencrypted who began so. */
  readonly isClearAllowed: boolean
}>()({
  kind: 'acknowledgement',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-replied',
  subject: 'We received your report',
  samples: {
    'came in clear': {
      received: 'Fri 27 Nov 2026, 10:00 Berlin (09:00 UTC)',
      answerBy: 'Tue 1 Dec 2026, 10:00 Berlin (09:00 UTC)',
      answerIncludes: 'a plan for the investigation',
      isFirm: true,
      policy: 'Security policy of ACME',
      rules: ['Please do not report this, or anything about it, in a public issue tracker.'],
      checklist: ['the versions affected', 'the steps to reproduce the issue'],
      sealedTo: 'nobody',
      keyIds: '',
      isClearAllowed: true
    }
  }
})

/** One message a day to somebody who sends many reports: the numbers of those that got no acknowledgement of their own (B11). */
export const furtherReports = define<{
  readonly tags: readonly string[]
  /** Reports within 24 hours that are each acknowledged. */
  readonly reportsADay: number
}>()({
  kind: 'further-reports',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-replied',
  subject: 'Your further reports',
  samples: {
    one: { tags: ['ACME-2026-0006'], reportsADay: 5 },
    several: { tags: ['ACME-2026-0007', 'ACME-2026-0008'], reportsADay: 5 }
  }
})

type Words = { readonly author: string; readonly text: string }
type Decision = Words & { readonly decision: string }

const WORDS: Words = {
  author: 'Grace Hopper',
  text: 'Thank you, Alice. We can reproduce the crash on 4.2.0 and will\ntell you by Tuesday which versions are affected.'
}

/** What a maintainer writes or decides: in clear only where the policy allows it (G3). */
function ownWords<P extends Words>() {
  return <const K extends string>(
    what: Pick<What<K, P, 'own-words'>, 'kind' | 'subject' | 'samples'>
  ): Definition<K, P, 'own-words'> =>
    define<P>()({ audience: 'reporter', inClear: 'own-words', autoSubmitted: 'no', ...what })
}

/** A maintainer's words. */
export const reply = ownWords<Words>()({
  kind: 'reply',
  subject: 'About your report',
  samples: { 'an answer': WORDS }
})

/** The report is confirmed. */
export const accepted = ownWords<Decision>()({
  kind: 'accepted',
  subject: 'Your report is accepted',
  samples: {
    accepted: {
      author: 'Grace Hopper',
      text: 'We are working on a fix and will propose a date to you this week.',
      decision:
        'Thank you. We confirmed the issue that you reported and treat it as a security issue.'
    }
  }
})

/** The report is not treated as a security issue. */
export const rejected = ownWords<Decision>()({
  kind: 'rejected',
  subject: 'Our decision on your report',
  samples: {
    rejected: {
      author: 'Grace Hopper',
      text: 'The crash needs a configuration file that only the owner can write.',
      decision:
        'Thank you for the time you put into this. We looked into it and do not treat it as a security issue: it takes rights that the attacker would have to have already.'
    }
  }
})

/** The case is closed. */
export const closed = ownWords<Decision>()({
  kind: 'closed',
  subject: 'We have closed your report',
  samples: {
    closed: {
      author: 'Grace Hopper',
      text: 'The fix is in release 4.2.1.',
      decision:
        'The issue that you reported is public now, and we have closed the case. Thank you for your help.'
    }
  }
})

/** The report is handled together with another one of the same reporter (B14). */
export const merged = ownWords<Decision>()({
  kind: 'merged',
  subject: 'We handle your reports together',
  samples: {
    merged: {
      author: 'Grace Hopper',
      text: 'Both files reach the same line of parse_chunk().',
      decision:
        'We handle your report ACME-2026-0008 together with ACME-2026-0007. You may use either number when you write to us.'
    }
  }
})

/** Asks for a key, because an answer waits. */
export const keyRequest = define<object>()({
  kind: 'key-request',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-generated',
  subject: 'We need something from you',
  samples: { 'a key is missing': {} }
})

/** Asks for the report once more. */
export const resendRequest = define<object>()({
  kind: 'resend-request',
  audience: 'reporter',
  inClear: 'content-free',
  autoSubmitted: 'auto-generated',
  subject: 'We need something from you',
  samples: { 'the report could not be read': {} }
})

/** Puts a date to the reporter when it is proposed (M-22). */
export const dateProposed = define<{
  readonly date: string
  /** The date that stood before; '' for the first one. */
  readonly before: string
}>()({
  kind: 'date-proposed',
  audience: 'reporter',
  inClear: 'own-words',
  autoSubmitted: 'auto-generated',
  subject: 'Does this date suit you?',
  samples: {
    'a first date': { date: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)', before: '' },
    'another date': {
      date: 'Thu 3 Dec 2026, 14:00 Berlin (13:00 UTC)',
      before: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)'
    }
  }
})

/** The date on which it becomes public. */
export const dateNotice = define<{
  readonly product: string
  readonly disclosure: string
  /** The date that stood before; '' when the list is told for the first time. */
  readonly before: string
}>()({
  kind: 'date-notice',
  audience: 'reporter',
  inClear: 'own-words',
  autoSubmitted: 'auto-generated',
  subject: 'Date of disclosure',
  samples: {
    'a date': {
      product: 'ACME Parser',
      disclosure: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)',
      before: ''
    },
    'another date': {
      product: 'ACME Parser',
      disclosure: 'Thu 3 Dec 2026, 14:00 Berlin (13:00 UTC)',
      before: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)'
    }
  }
})
