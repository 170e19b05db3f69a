/** Real mails of other projects. Skipped where the folder is absent; nothing of it is copied here. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { corpusKey, filesBelow, findCorpus, open } from './material.ts'

const found = findCorpus()
const corpus = found ?? ''
const NOTE =
  found === null
    ? ' (sample mails of other projects, which are no part of this one: set POSTERN_CORPUS to their folder)'
    : ''
const read = (...path: readonly string[]): Buffer => readFileSync(join(corpus, ...path))

describe.skipIf(found === null)(`every sample message${NOTE}`, () => {
  it('is opened without an exception, with or without keys', async () => {
    const folders = [
      'thunderbird/eml',
      'chatmail/message',
      'protected-headers',
      'notmuch',
      'mail-parser',
      'sisimai',
      'k9',
      'autocrypt',
      'talon'
    ]
    let count = 0
    for (const folder of folders) {
      for (const file of filesBelow(join(corpus, folder), ['.eml', '.txt', ''])) {
        if (file.endsWith('.json')) continue
        const opened = await open(readFileSync(file), [])
        expect(opened.decrypted, basename(file)).toBe(false)
        expect(
          opened.signatures.some((each) => each.state === 'valid'),
          basename(file)
        ).toBe(false)
        count += 1
      }
    }
    expect(count).toBeGreaterThan(390)
  }, 120_000)

  it('that is a bounce is recognised, nearly always', async () => {
    const files = filesBelow(join(corpus, 'sisimai'), ['.eml'])
    const opened = await Promise.all(files.map((file) => open(readFileSync(file), [])))
    const known = opened.filter((mail) => mail.bounce !== null).length
    expect(known / files.length).toBeGreaterThan(0.85)
    const named = opened.filter((mail) => (mail.bounce?.returnedMessageIds.length ?? 0) > 0).length
    expect(named / files.length).toBeGreaterThan(0.6)
  })
})

describe.skipIf(found === null)(`header protection${NOTE}`, () => {
  it('of Delta Chat hides the legacy display and survives wrapping', async () => {
    const alice = await corpusKey(join(corpus, 'chatmail/key/alice-secret.asc'))
    const bob = await corpusKey(join(corpus, 'chatmail/key/bob-secret.asc'))
    const openFile = (name: string): Promise<OpenedMail> =>
      open(
        read('chatmail/message', `${name}.eml`),
        [alice.secret, bob.secret],
        [alice.keyData, bob.keyData]
      )
    expect(await openFile('hp_legacy_display')).toMatchObject({
      protected: { subject: 'Dinner plans' },
      text: "Let's eat\n"
    })
    expect(await openFile('google-workspace-mixed-up')).toMatchObject({
      structure: 'pgp-mime-mangled',
      protected: { subject: 'Hello, Bob!' },
      signatures: [{ state: 'valid' }]
    })
    expect(await openFile('rfc1847_encapsulation')).toMatchObject({
      signatures: [{ state: 'valid', coversWhole: true }]
    })
  })
})
