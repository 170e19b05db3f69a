/**
 * A disclosure policy as data: what a product promises reporters and list members. Every number that a policy text
 * states lives in `src/policies/*.yaml` (or the operator's own file) and is decoded to this type; no other file may
 * know one. Requirement numbers: practice.md §1.6 and §4.9.
 */
import { type Clock } from './clock.ts'
import { type NoticeField } from './notice.ts'
import { type Span } from './time.ts'

export type Policy = {
  readonly id: string
  readonly title: string
  /**
   * The clocks of its cases; those of the desk and its people are in the settings. `answer` is the promise of a first answer by a
   * person: without that clock there is none.
   */
  readonly clocks: readonly Clock[]
  /** What that answer holds, in the policy's own terms, for the acknowledgement; '' when unstated. */
  readonly answer_includes: string
  /** Rules repeated to reporters in the acknowledgement, one sentence each (M-02, M-06). */
  readonly reporter_rules: readonly string[]
  /** What a complete report holds, asked for and never a condition (M-09). */
  readonly report_checklist: readonly string[]
  /** Where a maintainer's plain reply to a forwarded report goes. One to any other message is a note. */
  readonly replies: 'internal' | 'reporter'
  readonly reporters: { readonly cleartext: 'allow' | 'deny' }
  readonly reject: {
    /** What the reporter reads, by code. */
    readonly codes: Readonly<Record<string, string>>
    /** Least number of characters of an explanation; 0 when none is demanded (M-16). */
    readonly reason_length: number
  }
  readonly close: { readonly internal: 'allow' | 'deny' }
  /** The advance notice; null for a policy without a list (template). */
  readonly notice: {
    readonly lead: Span
    /** Leads between these need no reason; outside them `/embargo` wants `because`. */
    readonly tolerance: { readonly min: Span; readonly max: Span }
    readonly required: readonly NoticeField[]
    /** Signatures of other maintainers over exact content and recipients. */
    readonly approvals: number
    /** What happens when the instant was missed: `send` late with an alarm, or `hold`. */
    readonly late: 'send' | 'hold'
    /** A release later than this many minutes is late. */
    readonly late_after_minutes: number
    readonly reporter_date_mail: 'with-notice' | 'none'
    readonly tlp: string
    /** Hosts that a notice may link to. */
    readonly links: readonly string[]
  } | null
}

/** The promise of a first answer by a person; null when the policy states none. */
export function promisedAnswer({ clocks }: Policy): Clock | null {
  return clocks.find(({ id }) => id === 'answer') ?? null
}
