/**
 * Every message to members of the private list: what it is made from, its subject and samples. Always encrypted, and without a
 * word of who else is on the list (G5).
 */
import { define } from './define.ts'

/** A maintainer's answer to what a member wrote. */
export const memberAnswer = define<{ readonly author: string; readonly text: string }>()({
  kind: 'member-answer',
  audience: 'member',
  inClear: 'never',
  autoSubmitted: 'no',
  subject: 'Answer',
  samples: {
    'an answer': {
      author: 'Grace Hopper',
      text: 'No, 3.9 is not affected: the length is checked before the buffer is allocated.'
    }
  }
})

/** Everything that a member reads in a notice. An approval covers all of it (G7), the words of the configuration too. */
export type NoticeParams = {
  readonly desk: string
  readonly tag: string
  readonly fingerprint: string
  readonly revision: number
  /** The revision that this member had, and what changed since; 0 and nothing for who had none. */
  readonly since: number
  readonly changes: readonly string[]
  readonly product: string
  readonly tlp: string
  readonly disclosure: string
  readonly fields: readonly { readonly label: string; readonly text: string }[]
  readonly patches: readonly {
    readonly filename: string
    readonly sha256: string
    readonly size: number
  }[]
  readonly noPatches: string
  /** Whether members may deploy before the disclosure: nowhere, where they host themselves, or everywhere. */
  readonly deployment: Deployment
  /** When the patches become public, where that is before or after the disclosure; else ''. */
  readonly patchEarly: string
  readonly patchLate: string
  /** When our release comes out, where that is before the disclosure; else ''. */
  readonly releaseEarly: string
}

export type Deployment = 'none' | 'hosted' | 'yes'

const FIRST: NoticeParams = {
  desk: 'ACME Security Team',
  tag: 'ACME-2026-0007',
  fingerprint: '0123 4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567',
  revision: 1,
  since: 0,
  changes: [],
  product: 'ACME Parser',
  tlp: 'TLP:AMBER+STRICT',
  disclosure: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)',
  fields: [
    {
      label: 'Description',
      text: 'A length field of 0xFFFFFFFF overflows the heap buffer in\nparse_chunk(). An attacker who can make a service read a file runs code\nin it.'
    },
    { label: 'Affected versions', text: '>= 4.0, < 4.2.1' },
    {
      label: 'Steps to remedy',
      text: 'Apply fix.patch and rebuild.\nRestart every service that uses the parser.'
    }
  ],
  patches: [
    {
      filename: 'fix.patch',
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      size: 1204
    }
  ],
  noPatches: '',
  deployment: 'none',
  patchEarly: '',
  patchLate: '',
  releaseEarly: ''
}

/** To a member whose copy did not leave before the disclosure: that it is over, without what the notice said. */
export const embargoEnded = define<{ readonly product: string; readonly disclosure: string }>()({
  kind: 'embargo-ended',
  audience: 'member',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'A notice that did not reach you in time',
  samples: {
    'a copy that was late': {
      product: 'ACME Parser',
      disclosure: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)'
    }
  }
})

/** The advance notice under embargo. */
export const notice = define<NoticeParams>()({
  kind: 'notice',
  audience: 'member',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: ({ revision }) => (revision === 1 ? 'Notice' : `Notice, revision ${revision}`),
  samples: {
    'a first notice': FIRST,
    'a notice that lets members deploy early': {
      ...FIRST,
      fields: [
        ...FIRST.fields,
        {
          label: 'Deployment before disclosure',
          text: 'Please restart services in your usual window,\nso that nobody notices an unusual update.'
        },
        { label: 'Release', text: 'Tue 1 Dec 2026, 12:00 Berlin (11:00 UTC)' }
      ],
      deployment: 'hosted',
      releaseEarly: 'Tue 1 Dec 2026, 12:00 Berlin (11:00 UTC)'
    },
    'a revision without patches': {
      ...FIRST,
      disclosure: 'Thu 3 Dec 2026, 14:00 Berlin (13:00 UTC)',
      revision: 2,
      since: 1,
      changes: [
        'Disclosure: was Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC); is now Thu 3 Dec 2026, 14:00 Berlin (13:00 UTC)',
        'Patch fix.patch: withdrawn, please do not use it'
      ],
      patches: [],
      noPatches: 'The patches follow two days before the disclosure.'
    }
  }
})
