/**
 * Every message to maintainers: what it is made from, its subject and samples. The wording is in KIND.liquid beside this file.
 * What concerns a case is always encrypted; only the word that a maintainer's key cannot be used goes out in clear.
 */
import { type FactLine, type Message } from '../domain/message.ts'
import { type Definition, define, type What } from './define.ts'
import { notice } from './to-members.ts'

/** One realistic case for the samples. */
const CASE: FactLine = { label: 'Case', value: 'ACME-2026-0007, being examined' }
const PRODUCT: FactLine = { label: 'Product', value: 'ACME Parser (policy dispatch)' }
const OWNER: FactLine = { label: 'Owner', value: 'Grace Hopper' }
const FACTS: readonly FactLine[] = [
  CASE,
  PRODUCT,
  OWNER,
  { label: 'Answered', value: 'Fri 27 Nov 2026, 11:42 Berlin (10:42 UTC)' }
]
const REACH =
  'A plain reply reaches the maintainers only. Text under a first line /reply reaches alice@reporter.example alone, encrypted, without quoted text.'
const KEY = '8ED8 F86C D3C2 D469 7C6A 7893 2D06 5DDF C1C9 7BC3'
const RECEIVED: FactLine = {
  label: 'Received',
  value: 'Fri 27 Nov 2026, 10:00 Berlin (09:00 UTC)'
}

/** What goes to maintainers about a case is always encrypted, and a program sends it. */
function encrypted<P extends object>() {
  return <const K extends string>(
    what: Pick<What<K, P, 'never'>, 'kind' | 'subject' | 'samples'> &
      Partial<Pick<What<K, P, 'never'>, 'autoSubmitted'>>
  ): Definition<K, P, 'never'> =>
    define<P>()({
      audience: 'maintainer',
      inClear: 'never',
      autoSubmitted: 'auto-generated',
      ...what
    })
}

/** A message of a reporter or list member, forwarded. */
export const relay = encrypted<{
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
  subject: 'Report',
  samples: {
    'a report': {
      reach: REACH,
      facts: [
        { label: 'Case', value: 'ACME-2026-0007, new' },
        { label: 'Owner', value: 'nobody yet (/take makes it yours)' },
        {
          label: 'Due',
          value:
            'Sun 29 Nov 2026, 10:00 Berlin (09:00 UTC): No person has answered the reporter yet.'
        },
        { label: 'From', value: 'Alice Roth <alice@reporter.example>, signature valid' },
        { label: 'Subject', value: 'Heap overflow in the parser' }
      ],
      warnings: [
        `First use of the key ${KEY} (autocrypt): answers to the reporter are encrypted to it from now on. The message is signed with it; nobody has verified whose key it is.`,
        'There is text outside the protected part; anybody may have added it.'
      ],
      text: 'Dear team,\n\na file with a length field of 0xFFFFFFFF overflows the buffer in\nparse_chunk(). The attached file crashes 4.2.0 and main.\n\nAlice Roth',
      outsideText: 'This message was scanned by the mail gateway of reporter.example.',
      files: [
        'crash.bin (312 bytes, SHA-256 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9)'
      ],
      details: [
        PRODUCT,
        { label: 'From', value: 'Alice Roth <alice@reporter.example>' },
        {
          label: 'Sender',
          value: 'verified, our mail server says that DMARC passes for the domain'
        },
        RECEIVED,
        { label: 'Encrypted', value: 'yes, to the desk key' },
        { label: 'Signed', value: `yes. The signature is valid. (key ${KEY})` },
        {
          label: 'Acknowledged',
          value:
            'yes, to alice@reporter.example; it leaves Fri 27 Nov 2026, 10:00 Berlin (09:00 UTC)'
        }
      ],
      isAnswerable: false
    },
    'a question of a list member': {
      reach:
        'A plain reply reaches the maintainers only. Text under a first line /member reaches list member alpha-linux alone, encrypted. Nothing that answers this message reaches the reporter.',
      facts: [
        { label: 'Case', value: 'ACME-2026-0007, accepted, and the list has been told' },
        OWNER,
        { label: 'From', value: 'list member alpha-linux, signature valid' },
        { label: 'Subject', value: 'Re: [ACME-2026-0007] Notice' }
      ],
      warnings: [],
      text: 'question Is 3.9 affected, too? We still ship it.',
      outsideText: '',
      files: [],
      details: [PRODUCT, RECEIVED, { label: 'Encrypted', value: 'yes, to the desk key' }],
      isAnswerable: false
    }
  }
})

/** What one maintainer wrote to the others. */
export const note = encrypted<{
  readonly author: string
  readonly facts: readonly FactLine[]
  readonly text: string
  readonly reach: string
}>()({
  kind: 'note',
  subject: 'Note',
  samples: {
    'a note': {
      author: 'Linus Torvalds',
      facts: FACTS,
      text: 'I can reproduce this on 4.2.0 and on main;\n4.1 checks the length earlier and is not affected.',
      reach: REACH
    }
  }
})

/** What one maintainer did, to the others. */
export const activity = encrypted<{
  readonly author: string
  readonly lines: readonly string[]
  readonly texts: readonly { readonly title: string; readonly text: string }[]
  readonly facts: readonly FactLine[]
}>()({
  kind: 'activity',
  subject: 'Update',
  samples: {
    'a case is taken and its reporter answered': {
      author: 'Grace Hopper',
      lines: ['took the case', 'answered alice@reporter.example (encrypted)'],
      texts: [
        {
          title: 'To the reporter',
          text: 'Thank you, Alice. We can reproduce the crash and are looking into it.'
        }
      ],
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
export const transcript = encrypted<{
  /** The first line: what became of the whole. */
  readonly outcome: string
  /** Which message this answers. */
  readonly about: string
  readonly lines: readonly TranscriptLine[]
  /** How many lines are not shown; '' when all are. */
  readonly more: string
  /** What the reporter was asked; '' for nothing. */
  readonly asked: string
  /** Where the case stood and stands; '' where no case is meant. */
  readonly before: string
  readonly after: string
  readonly missing: readonly string[]
  readonly blocks: readonly string[]
  readonly next: readonly { readonly command: string; readonly help: string }[]
}>()({
  kind: 'transcript',
  autoSubmitted: 'auto-replied',
  subject: ({ lines }) =>
    lines.every(({ outcome }) => outcome === 'done') ? 'Done' : 'Nothing was done',
  samples: {
    'commands that ran': {
      outcome: 'Done: 2 commands.',
      about: 'Your message of Fri 27 Nov 2026, 11:42 Berlin (10:42 UTC)',
      lines: [
        {
          at: '1',
          command: '/accept',
          outcome: 'done',
          says: 'Accepted. Sent to alice@reporter.example, encrypted.'
        },
        {
          at: '2',
          command: '/embargo 2026-12-09T13:00:00Z',
          outcome: 'done',
          says: 'Disclosure: Wed 9 Dec 2026, 14:00 Berlin (13:00 UTC). Once approved, the notice leaves Wed 2 Dec 2026, 14:00 Berlin (13:00 UTC).'
        }
      ],
      more: '',
      asked:
        'We asked alice@reporter.example about the date Wed 9 Dec 2026, 14:00 Berlin (13:00 UTC), encrypted.',
      before: 'being examined; owner Grace Hopper',
      after: 'accepted, with a disclosure date; owner Grace Hopper',
      missing: ['description', 'affected_versions (supported: main, 4.2, 4.1)', 'remedy_steps'],
      blocks: [],
      next: [
        {
          command: '/notice draft',
          help: 'writes the notice from the lines below; alone, it sends you the form'
        }
      ]
    },
    'the state of a case': {
      outcome: 'Done: 1 command.',
      about: 'Your message of Fri 27 Nov 2026, 11:45 Berlin (10:45 UTC)',
      lines: [{ at: '1', command: '/status', outcome: 'done', says: 'See below.' }],
      more: '',
      asked: '',
      before: 'being examined; owner Grace Hopper',
      after: 'being examined; owner Grace Hopper',
      missing: [],
      blocks: [
        'ACME-2026-0007 (ACME Parser): being examined\nReceived: Fri 27 Nov 2026, 10:00 Berlin (09:00 UTC)\nReporter: not answered by a person yet\nDue: Sun 29 Nov 2026, 10:00 Berlin (09:00 UTC):\n  No person has answered the reporter yet.\nAnswers: go to alice@reporter.example, encrypted\nOwner: Grace Hopper\nOn record: 2 messages'
      ],
      next: [
        {
          command: '/reply',
          help: 'sends the text below to the reporter; with quote, what it quotes, too'
        },
        {
          command: '/accept',
          help: 'accepts the report and tells the reporter, with any text below'
        }
      ]
    },
    'a line that was refused': {
      outcome: 'Nothing was done: line 2 has a problem.',
      about: 'Your message of Mon 14 Dec 2026, 09:10 Berlin (08:10 UTC)',
      lines: [
        { at: '1', command: '/note', outcome: 'not run', says: '' },
        { at: '2', command: '/close', outcome: 'refused', says: 'The case is closed already.' }
      ],
      more: '1 more line',
      asked: '',
      before: 'closed; owner Grace Hopper',
      after: 'closed; owner Grace Hopper',
      missing: [],
      blocks: [],
      next: []
    }
  }
})

/** The notice exactly as a member would read it, with the code that approves it. */
export const preview = encrypted<{
  readonly by: string
  /** The notice itself. */
  readonly specimen: Message
  readonly files: readonly string[]
  readonly facts: readonly FactLine[]
  readonly code: string
}>()({
  kind: 'preview',
  subject: 'Preview of the notice',
  samples: {
    'a preview': {
      by: 'Grace Hopper',
      specimen: notice.samples['a first notice'] as Message,
      files: [
        'fix.patch (1204 bytes, SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08)'
      ],
      facts: [
        { label: 'Leaves', value: 'Wed 2 Dec 2026, 14:00 Berlin (13:00 UTC)' },
        { label: 'Recipients', value: '41 active members of ACME Parser' },
        {
          label: 'Not deliverable',
          value: '1 member, because the key will have expired'
        },
        { label: 'Supported versions', value: 'main, 4.2, 4.1' },
        { label: 'Written by', value: 'Grace Hopper' },
        {
          label: 'Time of this machine',
          value: 'Mon 30 Nov 2026, 09:15 Berlin (08:15 UTC)'
        }
      ],
      code: 'k7m2p9qdx4'
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
export const alert = encrypted<Alarm>()({
  kind: 'alert',
  subject: ({ title }) => title,
  samples: {
    'the reporter waits for an answer': {
      title: 'The reporter waits for an answer',
      what: 'No person has answered the reporter yet. It is due by Sun 29 Nov 2026, 10:00 Berlin (09:00 UTC).',
      doNext: 'Please answer with /reply, or decide with /accept or /reject.',
      facts: [
        CASE,
        PRODUCT,
        OWNER,
        { label: 'Promise', value: 'We acknowledge a report within 48 hours.' }
      ]
    },
    'a message that could not be delivered': {
      title: 'A message could not be delivered',
      what: 'Linus Torvalds <linus@acme.example> did not get a message (relay) about ACME-2026-0007: the mail server refused it (code 550).',
      doNext:
        'Please reach the person another way. When the cause is gone, the operator sends it again with "postern outbox retry 31".',
      facts: FACTS
    }
  }
})

/** Tells one author where the words of a plain message went. */
export const hint = encrypted<Omit<Alarm, 'facts'>>()({
  kind: 'hint',
  autoSubmitted: 'auto-replied',
  subject: ({ title }) => title,
  samples: {
    'a note while the reporter waits': {
      title: 'Your note stayed among the maintainers',
      what: 'The reporter is still waiting for an answer and has not seen your note.',
      doNext:
        'To answer the reporter, put /reply on the first line of a message and write your text below it.'
    }
  }
})

/** What nobody is told of when it happens and somebody has to look at. */
export const digest = encrypted<{
  readonly isLate: boolean
  readonly unanswered: readonly string[]
  readonly moreUnanswered: number
  readonly junk: readonly string[]
  readonly moreJunk: number
}>()({
  kind: 'digest',
  subject: 'Digest',
  samples: {
    'cases and junk': {
      isLate: true,
      unanswered: [
        'ACME-2026-0007 (parser, new), no owner; due Sun 29 Nov 2026, 10:00 Berlin (09:00 UTC) (OVERDUE): No person has answered the reporter yet.',
        'ACME-2026-0009 (parser, being examined), owner Grace Hopper; due Tue 1 Dec 2026, 16:20 Berlin (15:20 UTC): No person has answered the reporter yet.'
      ],
      moreUnanswered: 2,
      junk: [
        'Fri 27 Nov 2026, 21:04 Berlin (20:04 UTC), carol@reporter.example, 4096 bytes: Crash in the parser'
      ],
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
      about:
        'We received a message in your name, dated Fri 27 Nov 2026, 11:40 Berlin (10:40 UTC), and did not act on it.',
      because: 'It was not signed.',
      remedy:
        'If you wrote it, please send it again, signed with your registered key and encrypted to the desk.'
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
