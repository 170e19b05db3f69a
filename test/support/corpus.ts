/**
 * Groups of tests that read sample messages of other projects, which are no part of this one: skipped where they are not here.
 */
import { describe } from 'vitest'
import { findCorpus } from '../unit/reading/material.ts'

const found = findCorpus()
/** The folder of the sample messages; empty where they are not here. */
export const CORPUS = found ?? ''

export function describeCorpus(name: string, body: () => void): void {
  if (found !== null) describe(name, body)
  else describe.skip(`${name} (needs sample mails: set POSTERN_CORPUS to their folder)`, body)
}
