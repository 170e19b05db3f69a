/**
 * A message belongs to the conversation that it answers: a list member's, a reporter's or the maintainers', never two (B1, B21,
 * G5); what a maintainer writes to colleagues never reaches the reporter; and a signature is meant for somebody (B20).
 */

import { describe, expect, it } from 'vitest'
import {
  AUTHENTICATION,
  alice,
  allTo,
  answering,
  attachedKey,
  caseStates,
  checked,
  DAY,
  DISCLOSURE,
  debian,
  FIRST,
  forwarded,
  givenMessage,
  givenNotices,
  givenRef,
  givenReport,
  givenReporter,
  grace,
  lastTo,
  latest,
  linus,
  MINUTE,
  members,
  quoted,
  readBy,
  recorded,
  says,
  sentSince,
  suse,
  UNTIL_DUE,
  world,
  writes
} from '../support/desk.ts'
import { type Accepted, type Letter, type Someone, someone } from '../support/world.ts'

const WORDS = 'Yes, 4.1 is affected, too. Do not tell them.'
const REPLIES = { policy: { replies: 'reporter' } } as const

/** Everybody who was sent those words. */
async function readers(): Promise<string[]> {
  const found = []
  for (const person of [alice, ...members, grace, linus])
    if ((await allTo(person)).includes(WORDS)) found.push(person.id)
  return found
}

const KEY = { filename: 'key.asc', content: Buffer.from(debian.keyData).toString('base64') }

/** A list member asks about a notice; only Grace is a list admin. */
async function givenQuestion(patch: Letter['patch'] = KEY): Promise<void> {
  const roles = ['committer', 'approver'] as const
  const maintainers = [grace, { ...linus, roles }] as const
  await givenNotices({ maintainers, ...REPLIES })
  await world.wait(UNTIL_DUE)
  await writes(debian, 'question Is 4.1 affected?', { ...answering(debian), patch })
}
/** Somebody answers these messages: all of them stand in References, and are quoted. */
async function answerBy(who: Someone, text: string, ...mails: Accepted[]): Promise<string> {
  const references = mails.map(({ messageId }) => `<${messageId}>`).join(' ')
  const quotes = await Promise.all(mails.map((mail) => quoted(who, mail)))
  const headers = [`References: ${references}`]
  return writes(who, [text, ...quotes].join('\n\n'), { headers, after: 1000 })
}
const answer = (text: string, ...mails: Accepted[]) => answerBy(grace, text, ...mails)

it('(B1) /member in a reply to a list member’s message reaches that member alone, encrypted; /status names the member until then', async () => {
  await givenQuestion()
  const wroteLast = 'List members who wrote last: debian;'
  expect(await writes(grace, '/status')).toContain(wroteLast)
  const says = await answer(`/member\n${WORDS}`, forwarded('member:%'))
  expect(await readers()).toEqual(['debian', 'linus'])
  expect(says).toContain(`On its way to Debian <${debian.address}>, encrypted.`)
  expect(recorded('member-answered')).toEqual([{ member: 'debian' }])
  expect(await writes(grace, '/status')).not.toContain(wroteLast)
})

it('(B7) /member says when lines of a block stayed here', async () => {
  await givenQuestion()
  const says = await answer(`/member <<\n${WORDS}\n> not mine\n>>`, forwarded('member:%'))
  expect(says).toContain('were left out')
  expect(await readers()).toEqual(['debian', 'linus'])
})

it('(B6) /member to a member whose key has expired is refused with the reason, and nothing of it is on the record', async () => {
  await givenQuestion()
  world.change("UPDATE members SET key_expires_at = '2020-01-01T00:00:00.000Z'")
  const says = await answer(`/member\n${WORDS}`, forwarded('member:%'))
  expect(says).toContain('Not sent: the key of this list member has expired.')
  expect(await readers()).toEqual([])
  expect(recorded('member-answered')).toEqual([])
})

it('(B1) /reply in a reply to a list member’s message sends nothing and names /member', async () => {
  await givenQuestion()
  const says = await answer(`/reply\n${WORDS}`, forwarded('member:%'))
  expect(await readers()).toEqual([])
  expect(says).toContain(
    'This message answers list member debian, so nothing goes to the reporter.'
  )
  expect(says).toContain('write /member')
})

it('(B1) a plain reply to a list member’s message stays among the maintainers under replies: reporter', async () => {
  await givenQuestion()
  await answer(WORDS, forwarded('member:%'))
  expect(await readers()).toEqual(['linus'])
})

it.each(['/reply', '/member'])(
  '(B1) %s in an answer to two conversations is refused',
  async (verb) => {
    await givenQuestion()
    const says = await answer(`${verb}\n${WORDS}`, forwarded('reporter:%'), forwarded('member:%'))
    expect(await readers()).toEqual([])
    expect(says).toContain('answers two conversations at once')
  }
)

it('(B1) /member with the number of another case is refused: the member would read it (G5)', async () => {
  await givenQuestion()
  await givenMessage(alice, { text: 'Another hole.', subject: 'Another' })
  const says = await answer(`case: ACME-2026-0002\n/member\n${WORDS}`, forwarded('member:%'))
  expect(world.rows('SELECT tag FROM cases')).toHaveLength(2)
  expect(await readers()).toEqual([])
  expect(says).toContain('names more than one case')
})

it('(B1) /member where only the header outside names the member’s message is refused (G5)', async () => {
  await givenQuestion()
  await writes(grace, `/member\n${WORDS}`, answering(grace, forwarded('member:%')))
  expect(await readers()).toEqual([])
})

it.each(['update', 'note'])(
  '(B1) an answer to the %s about a list member’s message reaches that member or nobody outside',
  async (kind) => {
    await givenQuestion()
    await answer(kind === 'note' ? 'I would say so.' : '/member\nWe look.', forwarded('member:%'))
    const told = latest(linus)
    const lines = ['/reply', '/ask', '/disclosed\n/close'].map((verb) => `${verb}\n${WORDS}`)
    for (const text of [...lines, '/ask']) {
      const says = await answerBy(linus, text, told)
      expect(says).toContain('This message answers list member debian')
      expect(says).not.toContain(' /reply sends')
    }
    expect(await readers()).toEqual([])
    expect(await answerBy(linus, `/member\n${WORDS}`, told)).toContain(
      'On its way to list member debian, encrypted.'
    )
    expect(await readers()).toEqual(['debian', 'grace'])
  }
)

it('(B1) /reply in an answer to the transcript of /member reaches nobody', async () => {
  await givenQuestion()
  await answer('/member\nWe look.', forwarded('member:%'))
  const says = await answer(`/reply\n${WORDS}`, latest(grace))
  expect(says).toContain('This message answers list member debian')
  expect(await readers()).toEqual([])
})

it('(B1) /member in a reply to the reporter’s message is refused and names /reply', async () => {
  await givenQuestion()
  const says = await answer(`/member\n${WORDS}`, forwarded('reporter:%'))
  expect(await readers()).toEqual([])
  expect(says).toContain('/reply goes to the reporter')
})

const CARD = { content: `BEGIN:VCARD\r\nFN:Debian\r\nEMAIL:${debian.address}\r\nEND:VCARD` }
it.each<[string, Letter['patch']]>([
  ['key', KEY],
  ['visiting card', { ...CARD, filename: 'debian.vcf' }],
  ['visiting card by its type', { ...CARD, filename: 'card', contentType: 'text/vcard' }]
])(
  '(B21) maintainers who are no list admins see a member’s id alone, and neither the original nor a %s',
  async (_what, file) => {
    await givenQuestion(file)
    const toGrace = await readBy(grace, forwarded('member:%'))
    expect(toGrace).toContain(debian.address)
    if (file !== undefined) expect(toGrace).toContain(`filename=${file.filename}`)
    expect(toGrace).toContain('Sender: verified, the key of the list member')
    expect(toGrace).not.toContain('has the role list-admin')
    const toLinus = await lastTo(linus)
    expect(toLinus).toContain('list member debian')
    expect(toLinus).toContain('question Is 4.1 affected?')
    expect(toLinus).not.toMatch(/debian\.example|Debian|message\/rfc822|key\.asc|card|vcf/)
  }
)

it.each([
  ['its protected subject', { subject: `[${FIRST}] Notice`, text: 'Is 3.9 affected?' }],
  ['its text', { subject: 'A question', text: `About ${FIRST}: is 3.9 affected?` }]
])(
  '(B21) a new message that a list member signed and that names the case in %s joins it as the member’s',
  async (_name, letter) => {
    await givenQuestion()
    await givenMessage(debian, letter)
    expect(world.rows('SELECT tag FROM cases')).toHaveLength(1)
    const toLinus = await lastTo(linus)
    expect(toLinus).toContain('3.9 affected?')
    expect(toLinus).toContain('list member debian')
    expect(toLinus).not.toMatch(/debian\.example|Debian|message\/rfc822/)
    await answer(`/member\n${WORDS}`, latest(grace))
    expect(await readers()).toEqual(['debian', 'linus'])
  }
)

it.each([
  ['a colleague of the member, from an address of their own', 'jane@debian.example'],
  ['the member, who was removed since', debian.address]
])(
  '(B1, B21) an answer to a message to a list member is that member’s, unsigned, if it comes from %s',
  async (_who, address) => {
    await givenQuestion()
    if (address === debian.address)
      world.change(
        "UPDATE members SET state = 'removed', address_key = 'removed' WHERE id = 'debian'"
      )
    const writer = await someone('jane', address)
    await givenMessage(writer, { subject: 'Re: it', text: 'When?', ...answering(debian) })
    expect(await lastTo(linus)).toContain('From: list member debian')
    expect(await lastTo(linus)).toContain('No signature proves that list member debian')
    expect(await lastTo(linus)).not.toMatch(/debian\.example|jane|message\/rfc822/)
    await answer(`/reply\n${WORDS}`, latest(grace))
    expect(await readers()).toEqual([])
  }
)

const CLEAR = { as: 'clear', autocrypt: false } as const
const ROBOT = { ...CLEAR, headers: ['Auto-Submitted: auto-replied'] }
const VOUCHED = { ...CLEAR, headers: checked('suse.example') }
it.each<[string, string, Partial<Letter>]>([
  ['a list member signed', 'Suse <security@suse.example>', { as: 'signed' }],
  ['our mail server says is a list member’s', 'Suse <security@suse.example>', VOUCHED],
  ['a program wrote as an answer', 'the sender of an automatic answer', ROBOT]
])(
  '(G5) a report that %s is shown to those who are no list admins without a word of the list',
  async (_which, name, letter) => {
    const committer = { ...linus, roles: ['committer'] as const }
    const desk = { maintainers: [grace, committer], list: [suse], authentication: AUTHENTICATION }
    await givenReport({ ...desk, by: [suse], subject: 'Our new key', text: 'THE WORDS', ...letter })
    expect(caseStates()).toEqual(['received'])
    expect(await lastTo(grace)).toContain(suse.address)
    expect(await lastTo(linus)).toContain(`From: ${name}, `)
    expect(await lastTo(linus)).toContain('THE WORDS')
    expect(await lastTo(linus)).not.toContain('list member')
  }
)

it('(B21) where nobody is list-admin, the maintainers read that nobody has the original, and how to read it', async () => {
  const maintainers = [{ ...grace, roles: ['committer' as const] }]
  await givenReport({ maintainers, list: [debian], by: [debian], ...ROBOT })
  expect(await lastTo(grace)).toContain('nobody has the role list-admin. The operator finds it')
  expect(await lastTo(grace)).not.toMatch(/debian/i)
})

it('a plain answer to the digest, which may quote it, opens no case, and its author is told that it names none', async () => {
  await givenReport({ digest: true })
  await world.wait(DAY)
  const digest = latest(grace)
  for (const below of [await quoted(grace, digest), '']) {
    const text = `I look at it.\n\n${below}`
    await givenMessage(grace, { subject: 'Re: Digest', text, ...answering(grace, digest) })
    expect(caseStates()).toEqual(['received'])
    expect(await lastTo(grace)).toContain('Only the case is missing')
  }
})

it('an answer that came unencrypted from a list member, or from a reporter who began encrypted, is marked as readable (G3, G5)', async () => {
  await givenQuestion()
  const more = { ...answering(debian, world.sentTo(debian)[0]), as: 'clear' } as const
  expect(await readBy(grace, forwarded('member:%'))).not.toContain('It came unencrypted')
  await writes(debian, 'We are ready.', more)
  for (const person of [grace, linus])
    expect(await lastTo(person)).toContain('It came unencrypted: anybody')
  await writes(alice, 'I do not use OpenPGP.', { ...answering(alice), as: 'clear' })
  expect(await lastTo(grace)).toContain('It came unencrypted: anybody')
})

it('(B21) a list member who names a case of another product, or whom no signature proves, joins no case', async () => {
  await givenQuestion()
  world.change(`UPDATE members SET products = '["other"]' WHERE id = 'debian'`)
  const question = { subject: `[${FIRST}] Notice`, text: 'Is 3.9 affected?' }
  await givenMessage(debian, question)
  await givenMessage(suse, { ...question, as: 'encrypted' })
  expect(world.rows('SELECT tag FROM cases')).toHaveLength(3)
})

describe('with replies: reporter, a plain answer', () => {
  /** Alice's report was forwarded. */
  async function givenForwarded(roles = linus): Promise<Accepted> {
    await givenReport({ maintainers: [grace, roles], ...REPLIES })
    return latest(linus)
  }
  /** Linus answers without a command; the message refers to `mail` outside, and quotes it or names it in its protected headers. */
  async function answers(
    mail: Accepted,
    shown: { readonly quotes?: Accepted; readonly names?: Accepted }
  ): Promise<string> {
    const quote = shown.quotes === undefined ? '' : await quoted(linus, shown.quotes)
    const text = `${WORDS}\n\n${quote}`
    const payload = [
      'Content-Type: text/plain; charset=utf-8; protected-headers="v1"',
      `From: Linus <${linus.address}>`,
      'To: <security@acme.example>',
      `Subject: Re: [${FIRST}] hole`,
      `References: <root@acme.example> <${shown.names?.messageId ?? ''}>`,
      '',
      text.replaceAll('\n', '\r\n')
    ].join('\r\n')
    const names = shown.names === undefined ? {} : { payload }
    return writes(linus, text, { ...answering(linus, mail), ...names })
  }
  /** Grace writes a note by command: Linus reads it in an update. */
  async function updated(): Promise<Accepted> {
    await writes(grace, '/note\nInternal: is this the old one?')
    return latest(linus)
  }

  it.each(['quotes', 'names'] as const)(
    'to a forwarded report goes to the reporter, as the report says, if the signed part %s what it answers',
    async (how) => {
      const report = await givenForwarded()
      expect(await lastTo(linus)).toMatch(
        /reply, or text under a first line \/reply, goes to alice@/
      )
      expect(await answers(report, { [how]: report })).toContain('1 (your text, as under /reply)')
      expect(await readers()).toContain('alice')
    }
  )

  it('to what a colleague wrote stays among the maintainers, and its transcript says so (G4)', async () => {
    await givenForwarded()
    const note = await updated()
    const says = await answers(note, { quotes: note })
    expect(await readers()).toEqual(['grace'])
    expect(says).toContain('Your reply stayed among the maintainers')
    expect(says).toContain('send it again with /reply on its first line')
  })

  it('to a note that became one by itself stays there, too, as that message says', async () => {
    await givenForwarded()
    await writes(grace, 'Only for us.')
    const note = latest(linus)
    expect(await readBy(linus, note)).toContain('A plain reply reaches the maintainers only.')
    await answers(note, { quotes: note })
    expect(await readers()).toEqual(['grace'])
  })

  it.each(['quotes', 'names'] as const)(
    'whose outer header somebody changed on the way stays where its signed part %s what it answers (G4)',
    async (how) => {
      const report = await givenForwarded()
      await answers(report, { [how]: await updated() })
      expect(await readers()).toEqual(['grace'])
    }
  )

  it('to a message whose Message-ID a server replaced counts for no older mail of the thread', async () => {
    const report = await givenForwarded()
    const headers = [`References: <${report.messageId}> <replaced@elsewhere.example>`]
    await writes(linus, `${WORDS}\n\n> ${await givenRef(linus)}`, { headers })
    expect(await readers()).not.toContain('alice')
  })

  it('of an advisor stays a note (A5)', async () => {
    const advisor = { ...linus, roles: ['advisor' as const] }
    const report = await givenForwarded(advisor)
    expect(await world.read(linus, report)).toContain('What you reply stays among the maintainers.')
    await answers(report, { quotes: report })
    expect(await readers()).toEqual(['grace'])
  })
})

describe('(B20) a signature is meant for somebody', () => {
  const TO_ANOTHER = 'mallory@evil.example'
  const GUESSED = `Ref: ${FIRST} security@acme.example`
  const OF_NOTICE = `Reference:   ${FIRST}, revision 1`

  /** What Grace signed for somebody, as that person encrypts it to the desk, in answer to the report that was forwarded. */
  const sentOn = (text: string, to: string | null) =>
    writes(grace, text, { to, ...answering(grace) })

  it('words that a maintainer signed to a third person reach nobody under replies: reporter', async () => {
    await givenReport(REPLIES)
    const before = world.accepted.length
    await sentOn(`${WORDS}\n\n> ${GUESSED} relay`, TO_ANOTHER)
    expect(await readers()).toEqual([])
    expect(sentSince(before)).toEqual([grace.address])
    expect(world.rows(`SELECT id FROM messages WHERE text LIKE '%${WORDS}%'`)).toEqual([])
  })

  it.each<[string, string, () => string | Promise<string>]>([
    ['a message that the desk sent to the member', 'member', () => givenRef(debian)],
    ['a line that anybody can guess', 'somebody', () => OF_NOTICE],
    ['a message that the desk sent to a maintainer', 'somebody', () => givenRef(grace)]
  ])(
    'signed words of a list member that quote %s are on the record as written by a %s',
    async (_title, by, ref) => {
      await givenNotices({ list: [debian] })
      await world.wait(UNTIL_DUE)
      await writes(debian, `ready\n\n> ${await ref()}`, { to: null, ...answering(debian) })
      const written = world.column("SELECT actor_kind FROM events WHERE kind = 'member-wrote'")
      expect(written).toEqual([by])
    }
  )

  it.each<[string, string, boolean, () => string | Promise<string>]>([
    ['taken', 'a message that the desk sent to the reporter', true, () => givenRef(alice)],
    ['not taken', 'a line that anybody can guess', false, () => GUESSED],
    ['not taken', 'a message that the desk sent to a maintainer', false, () => givenRef(grace)]
  ])('the key that a reporter attaches is %s beside %s', async (_, _quoted, isTaken, ref) => {
    await givenReport({ ...REPLIES, as: 'signed' })
    const next = await givenReporter('alice')
    const letter = { to: null, after: 1000, ...attachedKey(next), alsoBy: next }
    await writes(alice, `My new key.\n\n> ${await ref()}`, letter)
    const [pinned] = world.column('SELECT fingerprint FROM reporter_keys WHERE is_used = 1')
    expect(pinned === next.secret.getFingerprint()).toBe(isTaken)
  })
})

it('(B13) what a reporter’s ticket system sends counts as theirs while the case is open', async () => {
  const policy = { reporters: { cleartext: 'allow' } } as const
  const headers = ['Auto-Submitted: auto-generated']
  await givenReport({ ...CLEAR, policy, headers })
  await writes(grace, '/ask\nWhich version?\n')
  const answer = { as: 'clear', headers: [...headers, ...answering(alice).headers] } as const
  await givenMessage(alice, { subject: 'Re: hole', text: 'Version 4.', ...answer })
  expect(caseStates()).toEqual(['triaging'])
  expect(recorded('reporter-wrote')).toHaveLength(1)
})

it('(B13, B19) what a maintainer answers as the reporter of a case is the reporter’s; what they command is a maintainer’s', async () => {
  await givenReport({ by: [linus], as: 'signed' })
  const answers = async (text: string) => {
    const sql = "SELECT message_id FROM outbox WHERE audience = 'reporter' ORDER BY id DESC"
    const [id] = world.column(sql)
    const mail = world.accepted.find(({ messageId }) => messageId === id)
    const ref = await givenRef(linus, mail)
    return writes(linus, `${text}\n\n> ${ref}`, { after: MINUTE, ...answering(linus, mail) })
  }
  await says('/ask\nWhich version?')
  await answers('Version 4.')
  expect(caseStates()).toEqual(['triaging'])
  await says(`/accept\n/embargo ${DISCLOSURE}`)
  await answers('OBJECT')
  expect(recorded('date-answered')).toMatchObject([{ answer: 'object' }])
  await answers('/take')
  expect(recorded('taken')).toEqual([{ from: 'grace' }])
  expect(recorded('reporter-wrote')).toHaveLength(2)
})

it('(B13, G5) a reporter who answers in the thread of a list member’s message writes as the reporter', async () => {
  await givenNotices({ autocrypt: true })
  await world.wait(UNTIL_DUE)
  await givenMessage(alice, { subject: 'Re: it', text: 'Hello.', ...answering(debian) })
  expect(recorded('member-wrote')).toEqual([])
  expect(await lastTo(grace)).not.toContain(
    'Nothing that answers this message reaches the reporter'
  )
})
