/**
 * The fuzzer over many fixed seeds, and proof that it sees what it is for: with a bug planted in what the reader returns, each
 * of its rules must find something. `npm test` takes one seed (unit/reading/fuzz.test.ts), `npm run fuzz` as many as it is given.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type OpenedMail, type Signature } from '../../src/domain/mail.ts'
import { type Workers } from '../../src/effects/effects.ts'
import { isSafePage, RULES } from '../fuzz/invariants.ts'
import { type FuzzMail, makeMail } from '../fuzz/mails.ts'
import { corpusMails, delivered, type RunResult, runFuzz } from '../fuzz/run.ts'
import { allSaid } from '../fuzz/said.ts'
import { passThrough } from '../fuzz/through.ts'
import { makeWorld, SECRET_MARK, type World } from '../fuzz/world.ts'
import { createInProcessWorkers } from '../support/in-process-workers.ts'

const SEED = 20_261_122

let workers: Workers
let worlds: World[]
beforeAll(async () => {
  worlds = await Promise.all(Array.from({ length: 24 }, (_, index) => makeWorld(SEED + index, 12)))
  workers = await createInProcessWorkers(worldOf(0).start)
})

function worldOf(index: number): World {
  const world = worlds[index]
  if (world === undefined) throw new Error('no such world')
  return world
}

function fuzz(
  index: number,
  messages: number,
  open: Workers['open'] = workers.open
): Promise<RunResult> {
  const isOver = (count: number): boolean => count >= messages
  return runFuzz({ world: worldOf(index), workers: { open }, corpus: corpusMails(), isOver })
}

describe('mutated messages break no invariant of reading (G2, G9)', () => {
  it.each(Array.from({ length: 24 }, (_, index) => index))('seed 20261122 + %i', async (index) => {
    const result = await fuzz(index, 128)
    expect(result.findings.map(({ rule, index, raw }) => [rule, index, raw.toString()])).toEqual([])
    expect(result.count).toBeGreaterThanOrEqual(128)
    expect(result.exact).toBeGreaterThan(40)
    expect(result.decrypted).toBeGreaterThan(20)
    expect(result.valid).toBeGreaterThan(20)
  })
})

describe('mutated messages go through a whole desk (A1, G1)', () => {
  it.each(Array.from({ length: 12 }, (_, index) => index))('seed 20261122 + %i', async (index) => {
    const passed = await passThrough(worldOf(index), { first: 0, count: 400 }, corpusMails())
    expect(passed).toMatchObject({ tooMuch: [], unsettled: 0 })
  })
})

function isUnlucky(raw: Uint8Array): boolean {
  return Buffer.from(raw).includes('QFOREIGNQ')
}

describe('a finding can be made again', () => {
  it('the same seed gives the same messages, byte for byte, whenever they are made', async () => {
    const messagesOf = async (): Promise<string[]> => {
      const source = { world: await makeWorld(SEED, 12), corpus: [] }
      return Array.from({ length: 200 }, (_, index) =>
        delivered(makeMail(source, index)).toString('base64')
      )
    }
    const today = await messagesOf()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2031, 1, 1) })
    try {
      expect(await messagesOf()).toEqual(today)
    } finally {
      vi.useRealTimers()
    }
  })

  it('its number alone gives the message, whatever the reader made of the messages before it', async () => {
    const numbers: number[] = []
    const open: Workers['open'] = (raw, options) =>
      isUnlucky(raw) ? Promise.reject(new TypeError('broken')) : workers.open(raw, options)
    const { findings } = await fuzz(0, 128, open)
    for (const { index } of findings) {
      const source = { world: worldOf(0), corpus: corpusMails() }
      if (isUnlucky(delivered(makeMail(source, index)))) numbers.push(index)
    }
    expect(findings.length).toBeGreaterThan(0)
    expect(numbers).toEqual(findings.map(({ index }) => index))
  })
})

type Plant = (opened: OpenedMail) => Partial<OpenedMail>

function signaturesWith(
  change: (signature: Signature, index: number) => Partial<Signature>
): Plant {
  return ({ signatures }) => ({
    signatures: signatures.map((each, index) => ({ ...each, ...change(each, index) }))
  })
}

/** Changes facts of a candidate key or an attachment, where there is one. */
function first<Key extends 'attachments' | 'candidateKeys'>(
  name: Key,
  change: Partial<OpenedMail[Key][number]>
): Plant {
  return (opened) => ({
    [name]: opened[name].map((each, index) => (index === 0 ? { ...each, ...change } : each))
  })
}

function everySealedPart(change: Partial<OpenedMail['sealedParts'][number]>): Plant {
  return ({ sealedParts }) => ({ sealedParts: sealedParts.map((part) => ({ ...part, ...change })) })
}

const LONG = 'x'.repeat(2 ** 18 + 1)
const MANY = Array.from({ length: 201 }, () => null)
const trusting = signaturesWith(() => ({ coversWhole: true }))

/** A bug of the kind that reading must not have, planted in its answer, for every rule. */
const BUGS: Readonly<Record<string, Plant>> = {
  'an unbroken message is opened as what it is': () => ({ structure: 'clear' }),
  'an unbroken message shows its words': ({ text }) => ({ text: text.replace('quoted', '') }),
  'an unbroken message hands over its files, byte for byte': first('attachments', {
    content: Buffer.from('other')
  }),
  'an unbroken message shows its protected subject': ({ protected: header }) => ({
    protected: header === null ? null : { ...header, subject: 'outer subject' }
  }),
  'an unbroken signature is judged rightly, and covers all': signaturesWith(() => ({
    state: 'bad'
  })),
  'an unbroken message offers the keys that name its sender, and no others': () => ({
    candidateKeys: []
  }),
  'a delivery report says what its status part says, and nothing else is one': ({ bounce }) => ({
    bounce: bounce === null ? null : { ...bounce, status: '5.7.1' }
  }),
  'every Received field is counted': ({ trace }) => ({
    trace: { ...trace, received: trace.received + 1 }
  }),
  'what our own server found is heard': ({ trace }) => ({ trace: { ...trace, results: [] } }),
  'nothing without a signature by a known key is valid': signaturesWith(() => ({
    state: 'valid'
  })),
  'a valid signature is one that was made, by whom it says': signaturesWith(() => ({
    fingerprint: null
  })),
  'a signature has one identity, whatever is packed around it': signaturesWith(
    ({ sha256 }, index) => ({ sha256: `${sha256}${index}${Math.random()}` as never })
  ),
  'what a valid signature covers as a whole is what its signer said': (opened) => ({
    ...trusting(opened),
    text: opened.text + opened.outsideText,
    outsideText: ''
  }),
  'foreign text is never covered': (opened) => ({
    ...trusting(opened),
    text: opened.text + opened.outsideText,
    outsideText: ''
  }),
  'text outside means that nothing covers the whole': trusting,
  'nothing that was encrypted is shown of a message not decrypted': ({ decrypted, text }) => ({
    text: decrypted ? text : SECRET_MARK
  }),
  'nothing is decrypted in which nothing is sealed to the desk': () => ({ decrypted: true }),
  'an encrypted message is decrypted or says why not': () => ({ failure: null }),
  'a further sealed part is opened or says why not, and a closed one shows nothing':
    everySealedPart({ failure: null, decrypted: false }),
  'encrypted text never stands outside': ({ text }) => ({ outsideText: text }),
  'what stands below our own hop proves no sender': ({ trace }) => ({
    trace: { ...trace, results: trace.results.map((each) => ({ ...each, below: 0 })) }
  }),
  'a candidate key is one that somebody put there': first('candidateKeys', {
    fingerprint: '0'.repeat(40) as never
  }),
  'a key that only the header brings is not attached': first('candidateKeys', {
    source: 'attached'
  }),
  'a key attached to signed words is one that the signer attached': first('candidateKeys', {
    source: 'attached'
  }),
  'text within 256 KiB': ({ text }) => ({ text: text + LONG }),
  'outside text within 256 KiB': () => ({ outsideText: LONG }),
  'at most 200 parts': ({ attachments: [file] }) =>
    file === undefined ? {} : { attachments: MANY.map(() => file) },
  'no more attachments than the message could hold': first('attachments', {
    content: Buffer.alloc(2 ** 26 + 1)
  }),
  'at most 8 signatures': ({ signatures: [one] }) =>
    one === undefined ? {} : { signatures: MANY.map(() => one) },
  'at most 16 further sealed parts': ({ sealedParts: [part] }) =>
    part === undefined ? {} : { sealedParts: MANY.map(() => part) },
  'text of further sealed parts within 256 Ki characters': everySealedPart({ text: LONG }),
  'at most 8 key ids': () => ({ sealedToKeyIds: MANY.map(() => 'x') }),
  'at most 100 references': ({ outer }) => ({
    outer: { ...outer, references: MANY.map(() => 'a@b' as never) }
  }),
  'at most 200 addresses': ({ outer }) => ({
    outer: { ...outer, cc: MANY.map(() => ({ name: '', address: 'a@b.example' as never })) }
  }),
  'subjects within 200 characters': ({ outer }) => ({ outer: { ...outer, subject: LONG } }),
  'file names within 120 characters': first('attachments', { filename: '' }),
  'candidate keys within 256 KiB': first('candidateKeys', { keyData: Buffer.alloc(2 ** 18 + 1) }),
  'warnings are named once': () => ({ warnings: ['mangled', 'mangled'] }),
  'the report holds no control or bidirectional characters': ({ outer }) => ({
    outer: { ...outer, subject: 'a\u202eb' }
  }),
  'the text holds no control characters': ({ text }) => ({ text: `${text}\u001b[31m` })
}

/** The page makes everything safe that it is given: no reading can break this rule. */
const PAGE_RULE = 'the page holds no control or bidirectional characters'

describe('the fuzzer finds', () => {
  const readings: (readonly [FuzzMail, OpenedMail])[] = []
  beforeAll(async () => {
    const world = worldOf(0)
    const { now, knownKeys } = world
    const source = { world, corpus: [] }
    for (let index = 0; index < 1200; index += 1) {
      const mail = makeMail(source, index)
      readings.push([mail, await workers.open(delivered(mail), { now, knownKeys })])
    }
  }, 60_000)

  it('a bug of every kind there is a rule for', () => {
    expect([...Object.keys(BUGS), PAGE_RULE].sort()).toEqual(RULES.map(([name]) => name).sort())
  })

  it('a page that would act on a terminal', () => {
    expect(['a\u202eb', 'a\u001b[31m', 'a\nb'].map(isSafePage)).toEqual([false, false, true])
  })

  it.each(RULES.filter(([name]) => name !== PAGE_RULE))(
    'what breaks the rule "%s"',
    (name, holds) => {
      const plant = BUGS[name] ?? (() => ({}))
      const said = allSaid(worldOf(0))
      const isFound = readings.some(
        ([mail, opened]) => !holds({ ...opened, ...plant(opened) }, mail, said)
      )
      expect(isFound).toBe(true)
    }
  )

  it('a reader that throws', async () => {
    const open: Workers['open'] = (raw, options) =>
      isUnlucky(raw) ? Promise.reject(new TypeError('broken')) : workers.open(raw, options)
    const result = await fuzz(0, 128, open)
    expect(result.findings.map(({ rule }) => rule)).toContain(
      'no crash, no hang, no lack of memory (TypeError: broken)'
    )
  })
})
