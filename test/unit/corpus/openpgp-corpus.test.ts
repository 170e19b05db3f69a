/**
 * Every file of the OpenPGP half of the corpus is read as a person expects (proof 1 of issue 3). Skipped where the folder is
 * absent; nothing of it is copied here. The last test prints how many messages open, are rightly refused or are wrong.
 */

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { classifyKey, unlockSecretKey } from '../../../src/openpgp/keyring.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { filesBelow, open } from '../reading/material.ts'
import {
  complete,
  describeOpened,
  type ExpectedMail,
  type Neighbour,
  signaturesOf
} from './expectation.ts'
import { type Person, readPeople, SUITES, type Suite } from './suites.ts'

const tally = { opened: 0, clear: 0, refused: 0, limited: 0, keyless: 0, wrong: 0 }

for (const suite of SUITES) {
  describeCorpus(`corpus ${suite.folder}`, () => {
    let people: Map<string, Person>
    let names: Map<string, string>
    beforeAll(async () => {
      people = await readPeople(CORPUS, suite)
      names = new Map([...people].map(([name, { fingerprint }]) => [fingerprint, name]))
    })

    it('has an expectation for every file, and no other', () => {
      const files = filesBelow(join(CORPUS, suite.folder), [''])
      expect(Object.keys(suite.expected).toSorted()).toEqual(
        files.map((file) => relative(join(CORPUS, suite.folder), file)).toSorted()
      )
    })

    for (const [path, expected] of Object.entries(suite.expected)) {
      if ('is' in expected) {
        it(`${path} is a ${expected.is}, and no mail`, () => {
          expect(kindOf(readFileSync(join(CORPUS, suite.folder, path)))).toBe(expected.is)
        })
        continue
      }
      it(`${path} is read as it was meant`, async () => {
        const desk = expected.desk ?? suite.desk
        const everybody = [...people.keys()]
        const known = suite.known === 'all' ? everybody : suite.known
        tally.wrong += 1
        const opened = describeOpened(await openFile(suite, path, people, { desk, known }), names)

        expect(opened).toEqual(complete(expected, opened))
        expect((opened.text ?? '').split(/\s+/).join(' ')).toContain(expected.says ?? '')

        if (expected.whenAllKnown !== undefined) {
          const again = await openFile(suite, path, people, { desk, known: everybody })
          const nameOf = (fingerprint: string): string => names.get(fingerprint) ?? fingerprint
          expect(signaturesOf(again, nameOf)).toEqual(expected.whenAllKnown)
        }
        const { refusedKey } = expected
        if (refusedKey !== undefined) {
          const key = readFileSync(join(CORPUS, suite.folder, refusedKey.file))
          const { kind } = await unlockSecretKey(key, refusedKey.passphrase)
          expect(kind, refusedKey.because).toBe(refusedKey.kind)
        }
        tally.wrong -= 1
        count(expected)
      })
    }
  })
}

describeCorpus('the OpenPGP half of the corpus', () => {
  it('has no mail that is read wrongly', () => {
    const { opened, clear, refused, limited, keyless, wrong } = tally
    console.info(
      `OpenPGP corpus: ${opened} encrypted mails opened, ${clear} in clear read, ` +
        `${refused} rightly refused, ${limited} closed by a known limit, ` +
        `${keyless} for a key that no desk can hold, ${wrong} wrong`
    )
    expect(wrong).toBe(0)
    const mails = SUITES.flatMap(({ expected }) => Object.values(expected)).filter(
      (each) => !('is' in each)
    )
    expect(opened + clear + refused + limited + keyless).toBe(mails.length)
  })
})

/** Who opens and who is known, by the names of the folder. */
type Setting = { readonly desk: readonly string[]; readonly known: readonly string[] }

async function openFile(
  suite: Suite,
  path: string,
  people: ReadonlyMap<string, Person>,
  setting: Setting
): Promise<OpenedMail> {
  const bytes = readFileSync(join(CORPUS, suite.folder, path))
  const secretKeys = setting.desk.map((name) => {
    const secret = people.get(name)?.secret
    if (secret === null || secret === undefined) throw new Error(`no secret key of ${name}`)
    return secret
  })
  const certificates = setting.known.map((name) => {
    const person = people.get(name)
    if (person === undefined) throw new Error(`no certificate of ${name}`)
    return person.keyData
  })
  return open(suite.toMail?.(bytes) ?? bytes, secretKeys, certificates)
}

function count(expected: ExpectedMail): void {
  if (expected.limit !== undefined) tally.limited += 1
  else if (expected.seal === 'opened') tally.opened += 1
  else if ((expected.seal ?? 'clear') === 'clear') tally.clear += 1
  else if (expected.refusedKey !== undefined) tally.keyless += 1
  else tally.refused += 1
}

function kindOf(bytes: Buffer): Neighbour['is'] {
  const kind = classifyKey(bytes)
  if (kind === 'unreadable') return 'note'
  return kind === 'public' ? 'public key' : 'secret key'
}
