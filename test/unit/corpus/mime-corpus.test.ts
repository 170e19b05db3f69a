/**
 * Every message of the MIME half of the corpus is read as a person expects (proof 1 of issue 3): structure, sender, subject,
 * text, files with their sha256, and what servers say in it. Skipped where the folder is absent; nothing of it is copied here.
 * The last test prints how many messages open fully, are rightly refused or are wrong.
 */

import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { type OpenedMail } from '../../../src/domain/mail.ts'
import { CORPUS, describeCorpus } from '../../support/corpus.ts'
import { corpusKey, filesBelow, open } from '../reading/material.ts'
import {
  expectedFacts,
  factsOf,
  isKept,
  MIME_SUITES,
  type MimeExpectation,
  newTextOf,
  readExpectations
} from './mime-expectation.ts'
import { asMail } from './suites.ts'

/** What else stands in a folder: expected values, licences and replies of their authors' own tests. */
const NO_MAIL = /\.json$|COPYING$|_reply_text$/
/** Whose keys open the encrypted ones of chatmail, and whose signatures can be verified. */
const PEOPLE = ['alice', 'bob', 'charlie', 'dom', 'elena', 'fiona']

type Person = Awaited<ReturnType<typeof corpusKey>>

let people: readonly Person[] = []
let names: ReadonlyMap<string, string> = new Map()

for (const { folder, file } of MIME_SUITES) {
  const expectations = readExpectations(file)
  describeCorpus(`corpus ${folder}`, () => {
    const tally = { opened: 0, refused: 0, wrong: 0 }
    beforeAll(async () => {
      if (folder !== 'chatmail/message') return
      people = await Promise.all(
        PEOPLE.map((name) => corpusKey(join(CORPUS, `chatmail/key/${name}-secret.asc`)))
      )
      names = new Map(people.map(({ secret }, index) => [secret.fingerprint, PEOPLE[index] ?? '']))
    })

    it('has an expectation for every message, and no other', () => {
      const files = filesBelow(join(CORPUS, folder), ['']).filter((file) => !NO_MAIL.test(file))
      expect(Object.keys(expectations).toSorted()).toEqual(
        files.map((file) => relative(join(CORPUS, folder), file)).toSorted()
      )
    })

    for (const [path, expected] of Object.entries(expectations)) {
      it(`${path} is read as it was meant`, async () => {
        tally.wrong += 1
        const raw = readMail(join(CORPUS, folder, path))
        const isOurs = folder === 'chatmail/message'
        const opened = await open(
          raw,
          isOurs ? people.map(({ secret }) => secret) : [],
          isOurs ? people.map(({ keyData }) => keyData) : []
        )
        expect(factsOf(raw, opened, names)).toEqual(expectedFacts(expected, opened, names))
        expectWords(expected, opened)
        tally.wrong -= 1
        tally[expected.refused === undefined ? 'opened' : 'refused'] += 1
      })
    }

    it('has no mail that is read wrongly', () => {
      const { opened, refused, wrong } = tally
      console.info(
        `${folder}: ${opened} mails open fully, ${refused} rightly refused, ${wrong} wrong`
      )
      expect(wrong).toBe(0)
      expect(opened + refused).toBe(Object.keys(expectations).length)
    })
  })
}

/** A file as a message: three are a bare OpenPGP message. */
function readMail(path: string): Buffer {
  const bytes = readFileSync(path)
  return bytes.toString('latin1').startsWith('-----BEGIN PGP MESSAGE-----') ? asMail(bytes) : bytes
}

/** What must be found in the message, and what is left of it when quoted lines go. */
function expectWords({ says, recipient, newText }: MimeExpectation, opened: OpenedMail): void {
  if (says !== undefined) expect(opened.text.split(/\s+/).join(' ')).toContain(says)
  if (recipient !== undefined) expect(isKept(opened, recipient), recipient).toBe(true)
  if (newText !== undefined) expect(newTextOf(opened)).toBe(newText)
}
