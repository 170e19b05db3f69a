/** Real mails of other projects. Skipped where the folder is absent; nothing of it is copied here. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { type SecretKey } from '../../../src/openpgp/keyring.ts'
import { certificateOf, corpusKey, filesBelow, findCorpus, open } from './material.ts'

const found = findCorpus()
const corpus = found ?? ''
const NOTE =
  found === null
    ? ' (sample mails of other projects, which are no part of this one: set POSTERN_CORPUS to their folder)'
    : ''
const read = (...path: readonly string[]): Buffer => readFileSync(join(corpus, ...path))

describe.skipIf(found === null)(`every sample mail${NOTE}`, () => {
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

  it('that bounces is known as a bounce, nearly always', async () => {
    const files = filesBelow(join(corpus, 'sisimai'), ['.eml'])
    const opened = await Promise.all(files.map((file) => open(readFileSync(file), [])))
    const known = opened.filter((mail) => mail.bounce !== null).length
    expect(known / files.length).toBeGreaterThan(0.85)
    const named = opened.filter((mail) => (mail.bounce?.returnedMessageIds.length ?? 0) > 0).length
    expect(named / files.length).toBeGreaterThan(0.6)
  })
})

describe.skipIf(found === null)(`mails of Thunderbird${NOTE}`, () => {
  const alice = { id: 'eb85bb5fa33a75e15e944e63f231550c4f47e38e' }
  const bob = { id: 'd1a66e1a23b182c9980f788cfbfcc82a015e7330' }
  let keys: SecretKey[]
  let certificates: Uint8Array[]
  beforeAll(async () => {
    const files = [
      'alice@openpgp.example-0xf231550c4f47e38e',
      'bob@openpgp.example-0xfbfcc82a015e7330'
    ]
    const loaded = await Promise.all(
      files.map((name) => corpusKey(join(corpus, 'thunderbird/keys', `${name}-secret.asc`)))
    )
    keys = loaded.map(({ secret }) => secret)
    const ofelia = await certificateOf(read('thunderbird/keys', 'ofelia-public.asc'))
    certificates = [...loaded.map(({ keyData }) => keyData), ofelia]
  })
  const openFile = (name: string): Promise<OpenedMail> =>
    open(read('thunderbird/eml', `${name}.eml`), keys, certificates)

  it('that are encrypted and signed show subject, text and signer', async () => {
    expect(
      await openFile('signed-by-0xfbfcc82a015e7330-encrypted-to-0xf231550c4f47e38e')
    ).toMatchObject({
      structure: 'pgp-mime',
      decrypted: true,
      protected: { subject: 'Signed Encrypted' },
      signatures: [{ state: 'valid', fingerprint: bob.id, coversWhole: true }],
      text: 'Sundays are nothing without callaloo.\n',
      warnings: []
    })
    expect(await openFile('encrypted-and-signed-alice-to-bob-nonascii')).toMatchObject({
      protected: { subject: 'Re: kod blå' },
      signatures: [{ state: 'valid', fingerprint: alice.id }],
      text: 'Detta är krypterat!\n',
      candidateKeys: [{ fingerprint: alice.id }]
    })
  })

  it('that are only signed, unknown, damaged or behind a footer say so', async () => {
    const state = async (name: string): Promise<string> => {
      const [first] = (await openFile(name)).signatures
      return first === undefined ? 'none' : `${first.state}${first.coversWhole ? '' : ' in part'}`
    }
    expect(await state('signed-by-0xfbfcc82a015e7330-to-0xf231550c4f47e38e-unencrypted')).toBe(
      'valid'
    )
    expect(await state('signed-by-0x3099ff1238852b9f-to-0xf231550c4f47e38e-unencrypted')).toBe(
      'unknown-key'
    )
    expect(await state('bob-to-alice-signed-damaged-signature')).toBe('bad')
    expect(
      await state('signed-by-0xfbfcc82a015e7330-to-0xf231550c4f47e38e-unencrypted-in-mixed')
    ).toBe('valid in part')
    expect(await state('signed-with-mailman-footer')).toBe('unknown-key in part')
    expect(await state('openpgp__stripped_sig')).toBe('none')
    expect(await state('forwarded-eml-signed-by-alice')).toBe('none')
    expect(await state('sigspoof-git-commit')).toBe('none')
  })

  it('to a hidden recipient are opened', async () => {
    expect(await openFile('encrypted-to-alice-as-hidden-recipient')).toMatchObject({
      decrypted: true,
      sealedTo: 'hidden',
      sealedToKeyIds: ['0000000000000000'],
      text: 'hidden recipient encryption\n'
    })
  })

  it('with encrypted pieces among clear text stay closed', async () => {
    for (const name of [
      'partial-encrypt-for-alice-plaintext',
      'partial-encrypt-for-alice-html',
      'fwd-unsigned-encrypted',
      'outer-pgp-sig-inner-pgp-enc-with-mixed',
      'bob-enc-html-nbsp'
    ]) {
      const opened = await openFile(name)
      expect(opened.decrypted, name).toBe(false)
      expect(opened.warnings, name).toContain('errant-crypto')
    }
  })

  it('broken by Exchange are repaired', async () => {
    expect(await openFile('alice-broken-exchange')).toMatchObject({
      structure: 'pgp-mime-mangled',
      decrypted: true,
      text: 'Test message\n'
    })
  })

  it('with several senders have none, and are never silent about it', async () => {
    const opened = await openFile(
      'signed-by-0xfbfcc82a015e7330-encrypted-to-0xf231550c4f47e38e-multi-from'
    )
    expect(opened.outer.from).toBeNull()
    expect(opened.warnings).toContain('repeated-header')
  })

  it('with keys of strangers yield none of those', async () => {
    const opened = await openFile('unrelated-and-fake-keys-attached')
    expect(opened.warnings).toContain('fake-key')
    expect(opened.candidateKeys.map((key) => key.fingerprint)).toEqual([bob.id])
    expect(await openFile('eve-duplicate')).toMatchObject({ candidateKeys: [] })
  })
})

describe.skipIf(found === null)(`header protection${NOTE}`, () => {
  it('of the protected-headers vectors shows the inner subject and text', async () => {
    const [path = ''] = filesBelow(join(corpus, 'protected-headers'), ['.sec.asc'])
    const bob = await corpusKey(path)
    const names = [
      'pgpmime-sign+enc',
      'pgpmime-sign+enc+legacy-disp',
      'pgpmime-enc+legacy-disp',
      'pgpmime-layered',
      'pgpmime-layered+legacy-disp',
      'unfortunately-complex'
    ]
    for (const name of names) {
      const inner = read('protected-headers', `${name}.inner`).toString('utf8')
      const subject = /^Subject: (.*(?:\r?\n[ \t].*)*)/m
        .exec(inner)?.[1]
        ?.replaceAll(/\r?\n\s*/g, ' ')
      const opened = await open(read('protected-headers', `${name}.eml`), [bob.secret])
      expect(opened.subjectProtected, name).toBe(true)
      expect(opened.protected?.subject, name).toBe(subject?.trim())
      expect(opened.outer.subject, name).toBe('...')
      expect(opened.text.startsWith('Hi Bob!'), name).toBe(true)
      expect(opened.text, name).not.toContain('Subject:')
    }
  })

  it('of the notmuch negatives is not believed', async () => {
    const { secret, keyData } = await corpusKey(join(corpus, 'notmuch/openpgp4-secret-key.asc'))
    const openFile = (name: string): Promise<OpenedMail> =>
      open(read('notmuch/corpora/protected-headers', `${name}.eml`), [secret], [keyData])
    const negatives = [
      'double-wrapped-with-phony-protected-header',
      'misplaced-protected-header',
      'no-protected-header-attribute',
      'wrapped-protected-header',
      'nested-rfc822-message'
    ]
    for (const name of negatives) {
      expect((await openFile(name)).subjectProtected, name).toBe(false)
    }
    expect(await openFile('phony-protected-header-bad-encryption')).toMatchObject({
      failure: 'damaged',
      text: '',
      protected: null
    })
    expect(await openFile('encrypted-signed')).toMatchObject({
      protected: { subject: 'Rhinoceros dinner' },
      signatures: [{ state: 'valid' }]
    })
  })

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

describe.skipIf(found === null)(`RFC 9580 messages${NOTE}`, () => {
  it('of version 4 and 6 keys are opened, SEIPD version 1 and 2', async () => {
    const folder = 'rpgp/rfc9580'
    for (const [key, message] of [
      ['v4-ed25519-x25519', 'enc-seipdv1.msg'],
      ['v4-ed25519-x25519', 'enc-seipdv2.msg'],
      ['v6-25519-annex-a-4', 'enc-seipdv2.msg'],
      ['v6-nistp', 'enc-seipdv1.msg']
    ] as const) {
      const { secret } = await corpusKey(join(corpus, folder, key, 'tsk.asc'))
      const opened = await open(`\r\n${read(folder, key, message).toString()}`, [secret])
      expect(opened, `${key} ${message}`).toMatchObject({ structure: 'inline', decrypted: true })
      expect(opened.text, `${key} ${message}`).not.toBe('')
    }
  })
})
