/** Real messages of other projects. Skipped where the folder is absent; nothing of it is copied here. */

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { corpusKey, filesBelow, open } from './material.ts'

const read = (...path: readonly string[]): Buffer => readFileSync(join(CORPUS, ...path))

describeCorpus('every sample message', () => {
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
      for (const file of filesBelow(join(CORPUS, folder), ['.eml', '.txt', ''])) {
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
    const files = filesBelow(join(CORPUS, 'sisimai'), ['.eml'])
    const opened = await Promise.all(files.map((file) => open(readFileSync(file), [])))
    const known = opened.filter((mail) => mail.bounce !== null).length
    expect(known / files.length).toBeGreaterThan(0.85)
    const named = opened.filter((mail) => (mail.bounce?.returnedMessageIds.length ?? 0) > 0).length
    expect(named / files.length).toBeGreaterThan(0.6)
  })
})

describeCorpus('header protection', () => {
  it('of Delta Chat hides the legacy display and survives wrapping', async () => {
    const alice = await corpusKey(join(CORPUS, 'chatmail/key/alice-secret.asc'))
    const bob = await corpusKey(join(CORPUS, 'chatmail/key/bob-secret.asc'))
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
