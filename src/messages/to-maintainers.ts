/**
 * Every message to maintainers: what it is made from, its subject and samples. The wording is in KIND.liquid beside this file.
 * What concerns a case is always encrypted; only the word that a maintainer's key cannot be used goes out in clear.
 */
import { type FactLine, type Message } from '../domain/message.ts'
import { define } from './define.ts'
import { notice } from './to-members.ts'

const FACTS: readonly FactLine[] = [
  { label: 'Case', value: 'ACME-2026-0007, being examined' },
  { label: 'Product', value: 'ACME Parser (policy dispatch)' },
  { label: 'Owner', value: 'Grace Hopper' }
]
const REACH = 'A plain reply stays among the maintainers.'

/** A message of a reporter or list member, forwarded. */
export const relay = define<{
  readonly facts: readonly FactLine[]
  readonly details: readonly FactLine[]
  readonly warnings: readonly string[]
  readonly text: string
  readonly outsideText: string
  readonly files: readonly string[]
  /** Who a reply reaches. */
  readonly reach: string
  /** Whether a plain reply to it goes to the reporter. */
  readonly isAnswerable: boolean
}>()({
  kind: 'relay',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'Report',
  samples: {
    'a report': {
      facts: FACTS,
      details: [{ label: 'Encrypted', value: 'yes, to the desk key' }],
      warnings: ['There is text outside the protected part; it may have been added by anybody.'],
      text: 'Dear team,\n\na message of 4 GiB crashes the parser.\n\nAlice',
      outsideText: 'Sent with the best mail provider of all',
      files: ['crash.bin (312 bytes, SHA-256 9f86d081)'],
      reach: REACH,
      isAnswerable: false
    }
  }
})

/** What one maintainer wrote to the others. */
export const note = define<{
  readonly author: string
  readonly facts: readonly FactLine[]
  readonly text: string
  readonly reach: string
}>()({
  kind: 'note',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'Note',
  samples: {
    'a note': {
      author: 'Linus Torvalds',
      facts: FACTS,
      text: 'I can reproduce this on 4.2.',
      reach: REACH
    }
  }
})

/** What one maintainer did, to the others. */
export const activity = define<{
  readonly author: string
  readonly lines: readonly string[]
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  readonly facts: readonly FactLine[]
}>()({
  kind: 'activity',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'Update',
  samples: {
    'a case is taken and its reporter answered': {
      author: 'Grace Hopper',
      lines: ['took the case', 'answered the reporter (encrypted)'],
      texts: [{ title: 'To the reporter', text: 'Thank you, we are looking into it.' }],
      facts: FACTS
    }
  }
})

/** A line of the answer to commands. */
export type TranscriptLine = {
  /** Number of the line. */
  readonly at: string
  readonly command: string
  readonly outcome: 'done' | 'refused' | 'not run'
  /** '' for what was not run. */
  readonly says: string
}

/** The answer to a message with commands. */
export const transcript = define<{
  /** The first line: what became of the whole. */
  readonly outcome: string
  /** Which message this answers. */
  readonly about: string
  readonly lines: readonly TranscriptLine[]
  /** How many lines are not shown; '' when all are. */
  readonly more: string
  /** Where the case stood and stands; '' where no case is meant. */
  readonly before: string
  readonly after: string
  readonly missing: readonly string[]
  readonly blocks: readonly string[]
  readonly next: readonly { readonly command: string; readonly help: string }[]
}>()({
  kind: 'transcript',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-replied',
  subject: ({ lines }) =>
    lines.every(({ outcome }) => outcome === 'done') ? 'Done' : 'Nothing was done',
  samples: {
    'commands that ran': {
      outcome: 'Done: 1 command.',
      about: 'Your message of Sun 22 Nov 2026, 12:00 UTC',
      lines: [{ at: '1', command: '/take', outcome: 'done', says: 'The case is yours.' }],
      more: '1 more line',
      before: 'new; no owner',
      after: 'being examined; owner Grace Hopper',
      missing: ['description'],
      blocks: ['ACME-2026-0007 (ACME Parser): being examined'],
      next: [{ command: '/accept', help: 'accepts the report and tells the reporter' }]
    },
    'a line that was refused': {
      outcome: 'Nothing was done: line 2 has a problem.',
      about: 'Your message of Sun 22 Nov 2026, 12:00 UTC',
      lines: [
        { at: '1', command: '/status', outcome: 'not run', says: '' },
        { at: '2', command: '/close', outcome: 'refused', says: 'The case is closed already.' }
      ],
      more: '',
      before: 'closed; owner Grace Hopper',
      after: 'closed; owner Grace Hopper',
      missing: [],
      blocks: [],
      next: []
    }
  }
})

/** The notice exactly as a member would read it, with the code that approves it. */
export const preview = define<{
  readonly by: string
  /** The notice itself. */
  readonly specimen: Message
  readonly files: readonly string[]
  readonly facts: readonly FactLine[]
  readonly code: string
}>()({
  kind: 'preview',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'Preview of the notice',
  samples: {
    'a preview': {
      by: 'Grace Hopper',
      specimen: notice.samples['a first notice'] as Message,
      files: ['fix.patch (1204 bytes, SHA-256 9f86d081)'],
      facts: [{ label: 'Recipients', value: '41 active members of ACME Parser' }],
      code: 'k7m2p9qd'
    }
  }
})

type Alarm = {
  readonly title: string
  /** What is at risk and by when. */
  readonly what: string
  readonly doNext: string
  readonly facts: readonly FactLine[]
}

/** Something needs a person. */
export const alert = define<Alarm>()({
  kind: 'alert',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: ({ title }) => title,
  samples: {
    'a message that came back': {
      title: 'A message came back',
      what: 'Linus Torvalds did not get a message.',
      doNext: 'Check the address.',
      facts: FACTS
    }
  }
})

/** Tells one author where the words of a plain message went. */
export const hint = define<Omit<Alarm, 'facts'>>()({
  kind: 'hint',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-replied',
  subject: ({ title }) => title,
  samples: {
    'a note while the reporter waits': {
      title: 'Your note stayed among the maintainers',
      what: 'The reporter is still waiting for an answer and has not seen your note.',
      doNext: 'To answer the reporter, put /reply on the first line of a message.'
    }
  }
})

/** What nobody is told of when it happens and somebody has to look at. */
export const digest = define<{
  readonly isLate: boolean
  readonly unanswered: readonly string[]
  readonly moreUnanswered: number
  readonly junk: readonly string[]
  readonly moreJunk: number
}>()({
  kind: 'digest',
  audience: 'maintainer',
  inClear: 'never',
  autoSubmitted: 'auto-generated',
  subject: 'Digest',
  samples: {
    'cases and junk': {
      isLate: false,
      unanswered: ['ACME-2026-0007 (parser, received), nobody has taken it'],
      moreUnanswered: 2,
      junk: ['Fri 27 Nov 2026, 09:00 UTC, alice@reporter.example, 4096 bytes: crash'],
      moreJunk: 1
    }
  }
})

/** A message in a maintainer's name that had no effect; repeats nothing of it (G6). */
export const refusal = define<{
  /** Which message it was. */
  readonly about: string
  readonly because: string
  readonly remedy: string
}>()({
  kind: 'refusal',
  audience: 'maintainer',
  inClear: 'content-free',
  autoSubmitted: 'auto-replied',
  subject: 'We did not act on a message in your name',
  samples: {
    'not signed': {
      about: 'We did not act on your message of Sun 22 Nov 2026, 12:00 UTC.',
      because: 'It was not signed.',
      remedy: 'If you wrote it, sign it.'
    }
  }
})

/**
 * To somebody whose key cannot be used or, with the instant in `endsAt`, soon cannot be: in clear, and without a word of what it
 * is about.
 */
export const keyProblem = define<{ readonly problem: string; readonly endsAt: string }>()({
  kind: 'key-problem',
  audience: 'maintainer',
  inClear: 'content-free',
  autoSubmitted: 'auto-generated',
  subject: 'Your key needs attention',
  samples: {
    'an expired key': { problem: 'Your key cannot be used: the key has expired.', endsAt: '' },
    'a key that ends soon': { problem: '', endsAt: 'Tue 1 Dec 2026, 14:00 Berlin (13:00 UTC)' }
  }
})
