/**
 * Attacks by quotation: a thief does not get what another person sealed to the desk inside a maintainer's answer, however the
 * answer quotes it, and a ciphertext that the thief quotes is not opened.
 */
import { expect, it } from 'vitest'
import { type Policy } from '../../src/domain/settings.ts'
import { armorIn, autocrypt } from '../support/world.ts'
import { encryptedMail, lines, mixed, textPart } from '../unit/reading/material.ts'
import { ADDRESSES, DESK_ADDRESS } from './cast.ts'
import * as attack from './scene.ts'

/** The thief's case: the second one. */
const HIS = 'ACME-2026-0002'
const HERS = attack.CASE
/** Stands for the last line of the message that forwarded her report. */
const REF_OF_HERS = 'the reference line of her case'
const OWN = 'Thank you, we look into it.'
const ALICES = `The ${attack.SECRET} of Alice.`

attack.describeAttacks('attacks by quotation', () => {
  /** Alice's case, and one of the thief's own, to whom answers are sealed. */
  async function openBoth(policy: Partial<Policy> = {}): Promise<void> {
    await attack.openScene({ policy })
    const mine = attack.payload('mallory', 'mine', 'A report of mine.')
    const field = autocrypt(attack.cast.mallory.keyData, ADDRESSES.mallory)
    await attack.scene.attack(await attack.sealedMail('mallory', mine, 'mallory', ['...', [field]]))
    expect(attack.scene.world.rows('SELECT tag FROM cases ORDER BY id')).toEqual([
      { tag: HERS },
      { tag: HIS }
    ])
  }
  /** Alice's ciphertext, as it arrived. */
  function ciphertext(): string {
    const [arrived] = attack.scene.world.rows<{ raw: Uint8Array }>('SELECT raw FROM arrival_bytes')
    return armorIn(arrived?.raw ?? new Uint8Array())
  }
  /** Grace answers the relay of the thief's report. */
  async function graceWrites(text: string): Promise<void> {
    const words = text.replaceAll(/\r?\n/g, '\r\n')
    const [relay] = attack.scene.world.rows<{ id: string }>(`
      SELECT message_id AS id FROM outbox JOIN cases ON cases.id = outbox.case_id
      WHERE kind = 'relay' AND recipient_id = 'grace' AND tag = '${HIS}'`)
    const answers = `References: <${relay?.id ?? ''}>`
    const inside = attack.payload('grace', `Re: [${HIS}]`, words)
    const armored = await attack.cast.seal(`${answers}\r\n${inside}`, 'grace')
    await attack.scene.attack(encryptedMail(armored, attack.head('grace', '...', [answers])))
  }
  const toThief = async (): Promise<readonly string[]> =>
    (await attack.scene.mailsTo('mallory')).slice(1) // the first is the acknowledgement

  const quoted = (text: string): string => text.replaceAll(/^/gm, '> ')
  /** As the desk wrote it; the line at its end names its case. */
  const relayOfCase = (tag: string, ref: string): string =>
    [
      attack.RULE,
      `Case: ${tag}, received`,
      `From: Alice <${ADDRESSES.alice}>`,
      attack.RULE,
      '',
      ALICES,
      '',
      attack.RULE,
      ref
    ].join('\n')
  const relayed = relayOfCase(HIS, `Ref: ${HIS} ${'a'.repeat(32)}`)
  const at = 'On Mon, 23 Nov 2026 at 13:00, Alice via ACME Security Team wrote:'
  const fields = [
    `From: Alice via ACME Security Team <${DESK_ADDRESS}>`,
    'Sent: Monday, 23 November 2026 13:00',
    `To: Grace <${ADDRESSES.grace}>`,
    'Subject: [ACME-2026-0001] a subject'
  ].join('\n')

  /** How mail programs quote; only the answer itself is sent. More ways: unit/policy/new-text.test.ts. */
  const MARKED: readonly (readonly [string, string])[] = [
    ['with marks below', `${OWN}\n\n${at}\n${quoted(ALICES)}\n`],
    ['the whole relay with marks', `${OWN}\n\n${at}\n${quoted(relayed)}\n`],
    ['the whole relay without marks', `${OWN}\n\n${relayed}\n`],
    [
      'as a forwarded message',
      `${OWN}\n\n---------- Forwarded message ---------\n${fields}\n\n${ALICES}\n`
    ],
    [
      'below a line and a head',
      `${OWN}\n\n________________________________\n${fields}\n\n${ALICES}\n`
    ]
  ]
  /** Quotations that only their author can tell from her own words, and one that names its case. */
  const UNMARKED: readonly (readonly [string, string])[] = [
    ['without marks', `${OWN}\n\n${at}\n\n${ALICES}\n`],
    ['without marks, by address', `${OWN}\n\n<${ADDRESSES.alice}> wrote:\n${ALICES}\n`],
    ['the whole relay of her case', `${OWN}\n\n${at}\n${quoted(relayOfCase(HERS, REF_OF_HERS))}\n`],
    ['a copied head in a text', `${OWN}\nAlice via ACME Security Team said:\n${ALICES}\n`]
  ]
  const WAYS: readonly (readonly [string, Partial<Policy>, (text: string) => string])[] = [
    ['/reply', {}, (text) => `/reply\n\n${text}`],
    ['/reply with a block', {}, (text) => `/reply <<\n${text}\n>>`],
    ['/ask', {}, (text) => `/ask\n\n${text}`],
    ['/ask with a block', {}, (text) => `/ask <<\n${text}\n>>`],
    ['a plain reply', { replies: 'reporter' }, (text) => text]
  ]

  it.each(WAYS)(
    "4 quotation: what Alice wrote does not reach a thief by a maintainer's answer that quotes it, by %s",
    async (_name, policy, write) => {
      await openBoth(policy)
      for (const [index, [name, text]] of MARKED.entries()) {
        await graceWrites(write(text))
        const sent = await toThief()
        expect([name, sent.length]).toEqual([name, index + 1])
        expect(sent.at(-1)).toContain(OWN)
        expect(sent.at(-1)).not.toContain(attack.SECRET)
        expect(sent.at(-1)).not.toContain(ADDRESSES.alice)
      }
    }
  )

  it.each(WAYS)(
    '4 quotation: nothing leaves where nobody but its author can tell what is quoted, by %s',
    async (_name, policy, write) => {
      await openBoth(policy)
      const ref = await attack.scene.ref('grace')
      for (const [name, text] of UNMARKED) {
        await graceWrites(write(text.replace(REF_OF_HERS, ref)))
        expect([name, attack.scene.disposition()]).toEqual([name, 'commands-refused'])
      }
      expect(await toThief()).toEqual([])
      await graceWrites(write(`${quoted(ALICES)}\n`))
      expect((await toThief()).join('\n')).not.toContain(attack.SECRET)
    }
  )

  it('4 quotation: an internal note that quotes Alice stays among the maintainers', async () => {
    await openBoth()
    await graceWrites(`Look at this.\n\n${at}\n${quoted(ALICES)}\n`)
    expect(attack.scene.disposition()).toBe('note')
    expect(await toThief()).toEqual([])
  })

  it("4 quotation: a ciphertext of Alice in a maintainer's answer is not opened, neither there nor when the thief sends it back", async () => {
    await openBoth()
    const stolen = ciphertext()
    for (const text of [
      `/reply\n\n${OWN}\n\n${at}\n${quoted(stolen)}\n`,
      `/reply <<\n${OWN}\n\n${stolen}\n>>`
    ]) {
      await graceWrites(text)
    }
    const [root] = attack.scene.world.rows<{ id: string }>(
      "SELECT message_id AS id FROM outbox WHERE kind = 'acknowledgement' AND envelope_to = ?",
      [ADDRESSES.mallory]
    )
    const thread = [`In-Reply-To: <${root?.id ?? ''}>`]
    const before = (await attack.scene.mailsTo('grace')).length
    for (const text of [
      stolen,
      quoted(stolen),
      `Your words:\r\n${quoted(stolen)}\r\nwere?`,
      `> ${stolen}`
    ]) {
      const words = text.replaceAll(/\r?\n/g, '\r\n')
      await attack.scene.attack(
        `${lines(...attack.head('mallory', '...', thread))}${textPart(words)}\r\n`
      )
      await attack.scene.attack(
        encryptedMail(
          await attack.cast.seal(textPart(words), 'mallory'),
          attack.head('mallory', '...', thread)
        )
      )
      await attack.scene.attack(attack.plainMail('mallory', words))
      await attack.scene.attack(
        attack.mail('mallory', mixed([textPart('See below.'), textPart(words), textPart('x')]))
      )
    }
    const relays = (await attack.scene.mailsTo('grace')).slice(before)
    expect(relays.length).toBeGreaterThan(8)
    expect(relays.join('\n')).not.toContain(attack.SECRET)
    expect((await toThief()).join('\n')).not.toContain(attack.SECRET)
    expect(await attack.wordsTo('linus')).not.toContain(attack.SECRET)
  })
})
