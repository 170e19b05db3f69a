/**
 * The list of verbs, in the order in which `/help` shows them: the one place where a new one is added.
 */
import { APPROVAL } from './approval.ts'
import { CASE, DECIDE } from './case.ts'
import { cases, help } from './desk.ts'
import { EMBARGO } from './embargo.ts'
import { KEYS } from './keys.ts'
import { NOTICE } from './notice.ts'
import { PLACE } from './place.ts'
import { TALK } from './talk.ts'
import { type Verb } from './verb.ts'

export const VERBS: readonly Verb[] = [
  help,
  cases,
  ...CASE,
  ...PLACE,
  ...TALK,
  ...DECIDE,
  ...KEYS,
  ...EMBARGO,
  ...NOTICE,
  ...APPROVAL
]
