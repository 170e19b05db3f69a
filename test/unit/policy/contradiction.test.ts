/** A message whose inside contradicts its sender is withheld, and answered as if it had not been opened (G6). */
import { describe, expect, it } from 'vitest'
import { type OpenedMail, WARNINGS } from '../../../src/domain/mail.ts'
import { type Situation } from '../../../src/policy/situation.ts'
import {
  ALICE_KEY,
  address,
  arrive,
  candidate,
  EVIL,
  file,
  fingerprint,
  GRACE,
  headers,
  issued,
  only,
  openedMail,
  sent,
  sha256,
  signature,
  TAG
} from './samples.ts'

const BOB = { name: 'Bob', address: address('bob@elsewhere.example') }
const SECRET = 'the SECRET of somebody else'
const UNKNOWN = signature({ state: 'unknown-key', fingerprint: null, issuer: '0123456789abcdef' })
const BROKEN = { ...UNKNOWN, state: 'bad', stateThen: 'bad' } as const
const OWN = signature({ fingerprint: ALICE_KEY.fingerprint })
/** By the sender, over the ciphertext only. */
const AROUND = { ...OWN, coversWhole: false, isInside: false }
const FILE = file('SECRET.txt')
/** Without protected headers. */
const BARE = { protected: null, subjectProtected: false }
const BY_EVIL = { outer: headers({ from: EVIL }) }
const unreadable = (unreadableFrom: string) => headers({ from: null, unreadableFrom })
const ALICE_UNREAD = unreadable('"alice"@reporter.example')
const PINNED = { senderKey: ALICE_KEY }
const BY_UNKNOWN = { signatures: [UNKNOWN] }
const BY_BROKEN = { signatures: [BROKEN] }
/** Verified with the key of somebody at another address. */
const BY_ANOTHER = { signatures: [signature({ fingerprint: fingerprint('7') })] }
const mark = sha256('its data')
const CLAIMED = { earlier: [{ mark, isSameSender: false, tag: TAG }] }

function mail(change: Partial<OpenedMail> = {}): OpenedMail {
  return openedMail({
    protected: headers({ subject: SECRET }),
    text: SECRET,
    outsideText: SECRET,
    attachments: [FILE],
    unusableKeys: [{ ...candidate(fingerprint('8'), 'attached'), because: 'expired' }],
    warnings: ['html-only'],
    ...change
  })
}

type Row = [string, Partial<OpenedMail>, Partial<Situation>?]
const CONTRADICTIONS: Row[] = [
  ['its protected From is another', BY_EVIL],
  ['its protected From cannot be read and the one outside can', { protected: ALICE_UNREAD }],
  [
    'its protected From cannot be read and is not the one outside',
    { outer: unreadable('"mallory"@evil.example'), protected: ALICE_UNREAD }
  ],
  [
    'its protected To cannot be read',
    { protected: headers({ to: [], hasUnreadableRecipient: true, subject: SECRET }) }
  ],
  [
    'an unknown key signed, and a key that does not name its sender came with it',
    { signatures: [UNKNOWN], warnings: ['fake-key'] }
  ],
  ['its outer From is unreadable', { outer: headers({ from: null }) }],
  ['its protected To names others alone', { protected: headers({ to: [BOB], subject: SECRET }) }],
  ['another key signed than the pinned one', BY_UNKNOWN, PINNED],
  [
    'another key signed than the one it brings',
    { signatures: [UNKNOWN], candidateKeys: [candidate(fingerprint('9'))] }
  ],
  ['the key of a reporter at another address signed', BY_ANOTHER],
  ['the key of a maintainer signed, who is not its sender', { signatures: [signature()] }],
  [
    'a broken signature claims the key of a maintainer, who is not its sender',
    { signatures: [{ ...BROKEN, issuer: GRACE.fingerprint.slice(24) }] }
  ],
  [
    'its signature is broken, and a key that does not name its sender came with it',
    { signatures: [BROKEN], warnings: ['fake-key'] }
  ],
  [
    'the whole mail that was encrypted names another sender, marked or not',
    { ...BARE, namesInside: headers({ from: EVIL }) }
  ],
  [
    'its sender signed around the ciphertext and another key inside',
    { signatures: [AROUND, UNKNOWN] },
    PINNED
  ],
  ['another key signed inside beside the one of its sender', { signatures: [OWN, UNKNOWN] }, PINNED]
]

describe('a message whose inside contradicts its sender', () => {
  it.each<Row>(CONTRADICTIONS)('is withheld when %s', (_name, change, facts = {}) => {
    const decisions = arrive(mail(change), facts)

    expect(decisions.at(-1)).toMatchObject({ state: 'held', disposition: 'contradicts-sender' })
    expect(JSON.stringify(decisions)).not.toContain('SECRET')
    const [relay] = sent(decisions, 'relay')
    expect(relay).toMatchObject({ files: null })
    const told = JSON.stringify(relay?.message)
    expect(told).toContain('WITHHELD')
    // A warning or a key of its inside says something of it, too.
    expect(told).not.toContain(WARNINGS['html-only'])
    expect(told).not.toContain('cannot be used')
  })

  it('brings nothing of a key', () => {
    const mergedKey = { ...ALICE_KEY, isUsable: false }
    const decisions = arrive(mail(BY_EVIL), { ...PINNED, mergedKey })

    expect(only(decisions, 'pin-reporter-key')).toEqual([])
  })

  it('does not become the message that answers in its case refer to', () => {
    const answers = issued()
    const decisions = arrive(mail(BY_UNKNOWN), { answers, ...PINNED })

    expect(only(decisions, 'update-case')).toEqual([])
    expect(decisions.at(-1)).toMatchObject({ disposition: 'contradicts-sender', tag: TAG })
  })

  const agreeing: Row[] = [
    ['agrees', {}],
    [
      'has the same unreadable From inside and outside',
      { outer: ALICE_UNREAD, protected: ALICE_UNREAD }
    ],
    ['was sent by another before and names its sender inside', {}, CLAIMED],
    ['was sent by another before, and nothing inside names anybody', BARE, CLAIMED],
    [
      'was sent by another before and is signed with a key of its sender',
      { ...BARE, signatures: [OWN] },
      { ...CLAIMED, ...PINNED }
    ],
    ['has no protected header', BARE],
    ['is signed with the pinned key', { signatures: [OWN] }, PINNED],
    [
      'is signed with an unknown key, and nothing proves the known key of its sender',
      BY_UNKNOWN,
      { senderKey: { ...ALICE_KEY, isProved: false } }
    ],
    ['is signed by nobody known, of whom no key is known', BY_UNKNOWN],
    [
      'carries a signature of a mail system around its ciphertext',
      { signatures: [{ ...UNKNOWN, coversWhole: false, isInside: false }, OWN] },
      PINNED
    ],
    ['has a broken signature by a key that belongs to nobody known', BY_BROKEN, PINNED],
    [
      'went to an alias of the desk, inside and outside',
      { outer: headers({ to: [BOB] }), protected: headers({ to: [BOB] }) }
    ],
    ['came in clear', { ...BY_EVIL, encrypted: false, decrypted: false }]
  ]
  it.each<Row>(agreeing)('is no message that %s', (_name, change, facts = {}) => {
    expect(arrive(mail(change), facts).at(-1)).toMatchObject({ disposition: 'case-opened' })
  })
})

it.each([
  ['shown', {}],
  ['withheld', BY_EVIL],
  ['not opened', { decrypted: false, failure: 'damaged' as const }]
])('the ciphertext of a message that was %s is remembered by its mark (G6)', (_name, change) => {
  const remembered = only(arrive(mail({ ...change, ciphertextMark: mark })), 'remember-content')
  expect(remembered.map((each) => each.marks)).toEqual([[mark]])
})

it.each<Row>([
  ['whose inside names nobody', BARE, CLAIMED],
  ['that came in clear', { encrypted: false, decrypted: false }, CLAIMED]
])('(14) what another sent before is one of two claims, %s', (_name, change, facts) => {
  const [relay] = sent(arrive(mail(change), facts), 'relay')
  expect(JSON.stringify(relay)).toContain(`before (${TAG}), and nothing inside shows whose it is`)
  expect(JSON.stringify(relay)).toContain('SECRET')
})
