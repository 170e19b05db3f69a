/**
 * Every message to members of the private list: what it is made from, and its subject. Always encrypted, and without a
 * word of who else is on the list (G5).
 */
import { type Patch } from '../domain/notice.ts'
import { family } from './define.ts'

const encrypted = family('member', 'never', 'auto-generated')

/** A maintainer's answer to what a member wrote. */
export const memberAnswer = family('member', 'never', 'no')<{
  readonly author: string
  readonly text: string
}>()('member-answer', 'answer', 'Answer')

/** Everything that a member reads in a notice. An approval covers all of it (G7), the words of the configuration too. */
export type NoticeParams = {
  readonly desk: string
  readonly tag: string
  readonly fingerprint: string
  readonly revision: number
  /** The revision that this member had, and what changed since, '' for no value; 0 and nothing if they had none. */
  readonly since: number
  readonly changes: readonly { readonly what: string; readonly was: string; readonly is: string }[]
  readonly product: string
  readonly tlp: string
  /** When the issue, the patches and our release become public; '' where nothing is said. */
  readonly disclosure: SaidInstant
  readonly patch: SaidInstant
  readonly release: SaidInstant
  readonly fields: readonly { readonly label: string; readonly text: string }[]
  readonly patches: readonly Omit<Patch, 'contentType'>[]
  readonly noPatches: string
  /** Whether it goes without them, because the member's mail server takes no message of that size. */
  readonly isWithoutFiles: boolean
  /** Whether members may deploy before the disclosure: nowhere, where they host themselves, or everywhere. */
  readonly deployment: Deployment
}

type SaidInstant = { readonly at: string; readonly said: string }

export type Deployment = 'none' | 'hosted' | 'yes'

/**
 * That the embargo is over, without what the notice said: to a member who had the notice, if it ended before the date in it, or
 * whose copy did not leave before the end.
 */
export const embargoEnded = encrypted<{
  readonly product: string
  readonly disclosure: string
  readonly had: 'nothing' | 'notice' | 'patches'
  /** What is public of the issue, for a member who had no notice; '' for nothing. */
  readonly issue: string
}>()('embargo-ended', 'message about the end of the embargo', 'The embargo is over')

/** To a member whose key expires soon; names neither product nor case. */
export const memberKeyExpires = encrypted<{ readonly expiresAt: string }>()(
  'key-expires',
  'message about the key',
  'Your key expires soon'
)

/** The advance notice under embargo. */
export const notice = encrypted<NoticeParams>()('notice', 'notice', ({ revision }) =>
  revision === 1 ? 'Notice' : `Notice, revision ${revision}`
)
