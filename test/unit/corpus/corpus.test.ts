/**
 * Every file of the corpus is read as a person expects (proof 1 of issue 3): structure, signatures, sender, subject, text, files
 * with their sha256, and what servers say in it. Skipped where the folder is absent; nothing of it is copied here.
 */
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { classifyKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { newText } from '../../../src/policy/new-text.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { filesBelow, open } from '../reading/material.ts'
import {
  type ExpectedMail,
  expectedFacts,
  factsOf,
  readExpectations,
  signaturesOf
} from './expectation.ts'
import { asMail, type Person, readPeople, SUITES } from './suites.ts'

for (const suite of SUITES) {
  const expectations = readExpectations(suite.file)
  const folder = join(CORPUS, suite.folder)
  describeCorpus(`corpus ${suite.folder}`, () => {
    let people: ReadonlyMap<string, Person>
    beforeAll(async () => {
      people = await readPeople(CORPUS, suite)
    })
    const nameOf = (fingerprint: string): string =>
      [...people].find(([, person]) => person.fingerprint === fingerprint)?.[0] ?? fingerprint
    const personOf = (name: string): Person => {
      const person = people.get(name)
      if (person === undefined) throw new Error(`no key of ${name}`)
      return person
    }
    const openAs = (raw: Buffer, desk = suite.desk, known = suite.known): Promise<OpenedMail> => {
      const secretKeys = desk.flatMap((name) => personOf(name).secret ?? [])
      const names = known === 'all' ? [...people.keys()] : known
      return open(
        raw,
        secretKeys,
        names.map((name) => personOf(name).keyData)
      )
    }

    it('has an expectation for every file, and no other', () => {
      const files = filesBelow(folder, ['']).map((file) => relative(folder, file))
      expect(Object.keys(expectations).toSorted()).toEqual(
        files
          .filter((file) => suite.besides === undefined || !new RegExp(suite.besides).test(file))
          .toSorted()
      )
    })

    for (const [path, expected] of Object.entries(expectations)) {
      const read = (): Buffer => readFileSync(join(folder, path))
      if ('is' in expected) {
        it(`${path} is a ${expected.is}, and no mail`, () => {
          expect(kindOf(read())).toBe(expected.is)
        })
        continue
      }
      it(`${path} is read as it was meant`, async () => {
        const raw = asMail(read())
        const opened = await openAs(raw, expected.desk)

        const facts = expectedFacts(expected, opened)
        const found = factsOf(raw, opened, nameOf)
        expect(Object.fromEntries(Object.keys(facts).map((fact) => [fact, found[fact]]))).toEqual(
          facts
        )
        expectWords(expected, opened)
        if (expected.whenAllKnown !== undefined) {
          const again = await openAs(raw, expected.desk, 'all')
          expect(signaturesOf(again, nameOf)).toEqual(expected.whenAllKnown)
        }
        const { refusedKey } = expected
        if (refusedKey !== undefined) {
          const key = readFileSync(join(folder, refusedKey.file))
          const kind = await unlockSecretKey(key, refusedKey.passphrase)
          expect(kind, refusedKey.because).toBe(refusedKey.kind)
        }
      })
    }
  })
}

/** What must be found in the message, and what is left of it when quoted lines go. */
function expectWords(
  { says = '', recipient = '', newText: own }: ExpectedMail,
  opened: OpenedMail
) {
  expect(opened.text.split(/\s+/).join(' ')).toContain(says)
  const files = opened.attachments.map(({ content }) => Buffer.from(content).toString('latin1'))
  expect([opened.text, opened.outsideText, ...files].join('\n')).toContain(recipient)
  if (own !== undefined) expect(newText(opened.text)).toBe(own)
}

function kindOf(bytes: Buffer): string {
  const kind = classifyKey(bytes)
  if (kind === 'unreadable') return 'note'
  return kind === 'public' ? 'public key' : 'secret key'
}
