/**
 * The clocks that every desk has, as data: of a case, a maintainer, a member, the desk. A policy changes and removes those of a
 * case by id. What they tell is made in desk/reminders.ts.
 */
import { type Clock } from './clock.ts'
import { type EventKind, type Subject } from './event.ts'

type Tells = Clock['steps'][number]['tell']
type Stated = Pick<Clock, 'starts' | 'stops' | 'due' | 'steps' | 'title' | 'risk' | 'remedy'> &
  Partial<Clock>

const ENDS: readonly EventKind[] = ['rejected', 'merged', 'closed']
const AT_ONCE = { after: { hours: 0 } } as const
const DAILY = { after: { days: 1 }, every: { days: 1 } } as const

const AT_ONCE_THEN_DAILY: Clock['steps'] = [
  { at: AT_ONCE, tell: ['everybody'] },
  { at: DAILY, tell: ['everybody'] }
]

function clocks(subject: Subject['kind'], stated: Readonly<Record<string, Stated>>): Clock[] {
  return Object.entries(stated).map(([id, clock]) => ({
    id,
    subject,
    counts: 'first',
    key: null,
    since: [],
    from: 'at',
    firmness: 'hard',
    message: 'reminder',
    quote: '',
    ...clock
  }))
}

/** What everybody is told as soon as it happens: one alarm a cause, person and day, in which repeats are counted. */
function alarm(
  starts: EventKind,
  stated: Pick<Stated, 'title' | 'risk' | 'remedy'> & Partial<Clock>
): Stated {
  return {
    starts: [starts],
    stops: [],
    counts: 'each',
    due: { within: { hours: 0 } },
    firmness: 'soft',
    steps: [{ at: AT_ONCE, tell: ['everybody'] }],
    ...stated
  }
}

const UNDELIVERED = alarm('undelivered', {
  steps: [{ at: AT_ONCE, tell: ['others'] }],
  key: 'recipient',
  message: 'undelivered',
  title: 'A message could not be delivered',
  risk: 'Somebody did not get a message of the desk.',
  remedy:
    'Please reach the person another way. When the cause is gone, the operator sends it again with "postern outbox retry ID".'
})

const NOT_ENCRYPTED = {
  'key-refused': alarm('not-encrypted', {
    steps: [{ at: AT_ONCE, tell: ['others'] }],
    key: 'recipient',
    message: 'key-refused',
    title: 'A message was not sent because of a key',
    risk: 'Nothing was sent unencrypted.',
    remedy: 'Please get a current key of the recipient.'
  }),
  /** In clear, without a word of what it is about. */
  'own-key': alarm('not-encrypted', {
    key: 'recipient',
    steps: [{ at: AT_ONCE, tell: ['recipient'] }],
    message: 'own-key',
    title: 'Your key cannot be used',
    risk: 'Messages cannot be encrypted to you.',
    remedy: 'Please give the operator a current public key.'
  }),
  /** Rings as soon as a message can be encrypted to the person again: until then the ring itself cannot be. */
  missed: alarm('not-encrypted', {
    steps: [{ at: AT_ONCE, tell: ['recipient'] }],
    message: 'missed',
    title: 'What you missed while your key could not be used',
    risk: 'Messages could not be encrypted to you.',
    remedy: 'Please ask another maintainer for what you missed.'
  })
}

/** Before the end more people can do something about it than after. */
function certificate(atEnd: Tells, tell: Tells = atEnd): Stated {
  return {
    starts: ['certificate-seen'],
    stops: ['member-removed'],
    counts: 'latest',
    from: 'expiresAt',
    due: { within: { hours: 0 } },
    steps: [
      { at: { before: { days: 30 } }, tell },
      { at: { before: { days: 14 } }, tell },
      { at: { before: { days: 7 } }, tell },
      { at: { before: { days: 1 } }, tell },
      { at: AT_ONCE, tell: atEnd }
    ],
    message: 'certificate',
    title: 'A key expires',
    risk: 'Nothing can be encrypted to a key that has expired.',
    remedy: 'Please have the key extended or replaced.'
  }
}

/** Those of a case, as a policy states clocks: every policy has them, changes one by its id, and removes one with null. */
export const CASE_CLOCKS: Readonly<Record<string, Stated>> = {
  'notice-draft': {
    starts: ['embargo-set'],
    stops: ['notice-drafted', 'disclosed', ...ENDS],
    counts: 'latest',
    since: ['opened', 'reopened'],
    from: 'leaveBy',
    due: { before: { days: 3 } },
    steps: AT_ONCE_THEN_DAILY,
    title: 'The advance notice is not written yet',
    risk: 'The notice must be written three days before it leaves.',
    remedy: 'Please write it with /notice draft, then /notice preview.'
  },
  preflight: {
    starts: ['embargo-set'],
    stops: ['notice-leaving', 'disclosed', ...ENDS],
    counts: 'latest',
    from: 'leaveBy',
    due: { before: { hours: 0 } },
    steps: [
      { at: { before: { days: 7 } }, tell: ['everybody'] },
      { at: { before: { days: 3 } }, tell: ['everybody'] },
      { at: { before: { days: 1 } }, tell: ['everybody'] }
    ],
    message: 'preflight',
    title: 'Is everything ready for the advance notice?',
    risk: 'The list must have the advance notice in time.',
    remedy: 'Please settle what is open.'
  },
  'notice-overdue': {
    starts: ['embargo-set'],
    stops: ['notice-leaving', 'disclosed', ...ENDS],
    counts: 'latest',
    from: 'leaveBy',
    due: { before: { hours: 0 } },
    steps: [
      { at: { after: { minutes: 30 } }, tell: ['everybody'] },
      { at: DAILY, tell: ['everybody'] }
    ],
    title: 'The advance notice has not left',
    risk: 'The list should have had the advance notice by now.',
    remedy:
      'Please approve the notice with /notice preview and /notice approve CODE, or set a new date with /embargo.'
  },
  // Each edit of an open change changes nothing: the list goes by the same old date.
  change: {
    starts: ['change-proposed'],
    stops: ['notice-leaving', 'disclosed', ...ENDS],
    from: 'oldDate',
    due: { before: { hours: 0 } },
    steps: [
      // Its repetition before the proposal rings at once.
      { at: { before: { days: 365 }, every: { days: 1 } }, tell: ['everybody'] },
      { at: { before: { hours: 48 }, every: { hours: 1 } }, tell: ['everybody'] }
    ],
    title: 'A change of the advance notice is not approved',
    risk: 'The list still goes by the old date and the old text.',
    remedy: 'Please approve the change with /notice preview and /notice approve CODE.'
  },
  'date-message': {
    starts: ['notice-leaving'],
    stops: ['date-told', 'date-untold', 'disclosed', ...ENDS],
    since: ['opened', 'embargo-set'],
    due: { within: { minutes: 15 } },
    steps: AT_ONCE_THEN_DAILY,
    title: 'The reporter was not told the date',
    risk: 'The list knows the date of disclosure, and the reporter does not.',
    remedy: 'Please tell the reporter with /reply, or ask for a key with /ask.'
  },
  'date-untold': {
    starts: ['date-untold'],
    stops: ['date-told', 'disclosed', ...ENDS],
    counts: 'latest',
    key: 'reporter',
    due: { within: { hours: 0 } },
    steps: AT_ONCE_THEN_DAILY,
    title: 'The reporter could not be told the date',
    risk: 'The list knows the date of disclosure, and the reporter does not.',
    remedy:
      'Please tell the reporter with /reply: your words wait until the reporter has sent a key. If we have no address, please reach the reporter another way.'
  },
  'dead-man': {
    starts: ['embargo-set'],
    stops: ['disclosed', ...ENDS],
    counts: 'latest',
    from: 'date',
    due: { within: { hours: 0 } },
    steps: [
      { at: { after: { hours: 1 } }, tell: ['everybody'] },
      { at: DAILY, tell: ['everybody'] }
    ],
    title: 'The disclosure date has passed',
    risk: 'Nobody has recorded that the issue is public.',
    remedy: 'Please record it with /disclosed, or set a new date with /embargo.'
  },
  'notice-late': alarm('notice-leaving', {
    firmness: 'hard',
    message: 'notice-late',
    title: 'The notice leaves late',
    risk: 'The disclosure date has not changed.',
    remedy: 'Please find out why the desk was not running at that time.'
  }),
  'notice-left': alarm('notice-left', {
    firmness: 'hard',
    message: 'notice-left',
    title: 'The notice has left',
    risk: 'Members read it from now on.',
    remedy: 'Nothing. The desk tells you of every copy that cannot be delivered.'
  }),
  'copy-waits': alarm('copy-waits', {
    stops: ['copy-left', 'copy-dropped'],
    firmness: 'hard',
    key: 'member',
    message: 'copy-waits',
    title: 'Copies of the notice still wait',
    risk: 'These members have not had the advance notice in time',
    remedy:
      'Please reach these members another way if the disclosure is near. The desk goes on trying until then.'
  }),
  'copy-late': alarm('copy-dropped', {
    firmness: 'hard',
    key: 'member',
    message: 'copy-late',
    title: 'The notice came too late for members',
    risk: 'The date in the notice has come, and these members did not have their copy yet',
    remedy: 'Please tell these members what is public now, if they need more than that.'
  }),
  'notice-held': alarm('notice-held', {
    stops: ['disclosed', ...ENDS],
    firmness: 'hard',
    message: 'notice-held',
    title: 'The advance notice is on hold',
    risk: 'The list does not get the advance notice.',
    remedy:
      'Please look at it with /notice preview. A maintainer who did not write it approves it with /notice approve CODE; /embargo sets a new date.'
  }),
  undelivered: UNDELIVERED,
  ...NOT_ENCRYPTED
}
/** What a policy that states no clocks has, and a case whose product the configuration does not name any more. */
export const OF_CASES = clocks('case', CASE_CLOCKS)

export const OF_MAINTAINERS = clocks('maintainer', {
  'maintainer-certificate': certificate(['everybody']),
  ...NOT_ENCRYPTED,
  'refused-unanswered': alarm('refused-unanswered', {
    key: 'standing',
    title: "Many messages in a maintainer's name were not acted on",
    risk: 'More than 10 messages in an hour came in the name of one maintainer and were not acted on. They are in the held folder. While this goes on, further ones go there without an answer.',
    remedy:
      'If you sent commands and got no answer, they were not carried out; please look for your message in the held folder. The desk acts only on messages that are signed and encrypted.'
  })
})
export const OF_MEMBERS = clocks('member', {
  'member-certificate': certificate(['list-admin'], ['list-admin', 'member'])
})
export const OF_DESK = clocks('desk', {
  'ciphertext-reused': alarm('ciphertext-reused', {
    title: 'A message is on hold: encrypted content that came before',
    risk: 'A message carries encrypted content that came to the desk before, from another sender or into another case. Its sender may want to learn the content from your answer. The content was not forwarded and nobody was answered.',
    remedy:
      'Please look at the sender in the held folder. If it is the same person, ask them to encrypt the message again. If a mail server delivered it twice, nothing needs doing.'
  }),
  'bounce-unmatched': alarm('bounce-unmatched', {
    title: 'A delivery report about a message that we did not send',
    risk: 'We received a delivery report about a message that the desk did not send. It is in the held folder.',
    remedy: 'Please look at it in the held folder: a delivery report can hide a real report.'
  }),
  'message-unread': alarm('message-unread', {
    title: 'A message could not be read',
    risk: 'A message is in the held folder, unread: reading it failed three times.',
    remedy: 'Please look at it in the held folder with care: it may be an attack.'
  }),
  'desk-failed': alarm('desk-failed', {
    key: 'at',
    title: 'The desk failed at something',
    risk: 'This is a bug in Postern. The desk goes on with everything else and tries this again.',
    remedy: 'Please have the operator look at the log and report the bug.'
  }),
  'clock-jumped': alarm('clock-doubted', {
    firmness: 'hard',
    message: 'clock-jumped',
    title: 'The clock of this machine is in doubt',
    risk: 'Nobody knows whether the time of this machine is right.',
    remedy: 'Please compare the time below with a clock that you trust.'
  }),
  'desk-certificate': certificate(['everybody']),
  digest: {
    starts: ['digest-planned'],
    stops: ['digest-dropped'],
    counts: 'each',
    key: 'date',
    from: 'date',
    due: { within: { hours: 0 } },
    firmness: 'soft',
    steps: [{ at: AT_ONCE, tell: ['everybody'] }],
    message: 'digest',
    title: 'Digest',
    risk: '',
    remedy: ''
  },
  undelivered: UNDELIVERED,
  ...NOT_ENCRYPTED
})
