/**
 * What the decisions need to know of the configuration: plain, deep-readonly, without secrets and without file paths.
 * Built once at start from the decoded configuration and the keys that were read.
 */
import { type Address, type Contact } from './address.ts'
import { type Clock } from './clock.ts'
import { type Fingerprint } from './ids.ts'
import { type NoticeField } from './notice.ts'
import { type KeyMaterial } from './outgoing.ts'
import { type Role } from './role.ts'
import { type Calendar, type Instant, type Span } from './time.ts'

/** The key is that of the configured file: the root of trust (G4). */
export type Maintainer = Contact &
  KeyMaterial & {
    /** Short name used in commands and the record, `[a-z][a-z0-9-]*`. */
    readonly id: string
    readonly roles: readonly Role[]
    readonly keyExpiresAt: Instant | null
  }

/**
 * A disclosure policy as data: what a product promises reporters and list members. Every number that a policy states lives in
 * `src/policies/*.yaml` or the operator's own file, and no other file may know one.
 */
export type Policy = {
  readonly id: string
  readonly title: string
  /** The clocks of its cases. `answer` is the promise of a first answer by a person: without that clock there is none. */
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

export type Product = {
  readonly id: string
  readonly name: string
  readonly policy: Policy
  /** The policy's, with what the product has of its own. */
  readonly calendar: Calendar
  readonly supported: readonly string[]
}

export type Settings = {
  readonly desk: Contact & {
    /** Other addresses under which mail for the desk comes in; it writes from none of them, and answers none. */
    readonly aliases: readonly Address[]
    readonly casePrefix: string
    readonly timezone: string
    /** Envelope sender with `{token}` in its local part, or null for the desk's address. */
    readonly bounceAddress: string | null
    readonly fingerprint: Fingerprint
    /** Of its former keys, which still open messages. */
    readonly retiredFingerprints: readonly Fingerprint[]
    readonly keyExpiresAt: Instant | null
  }
  readonly maintainers: readonly Maintainer[]
  /** At least one; the first takes reports that name no product. */
  readonly products: readonly Product[]
  /** For the desk, its maintainers and members, and cases whose product is gone; a policy has the clocks of its own cases. */
  readonly clocks: readonly Clock[]
  /** The text that notices are rendered from: an approval covers its wording (G7). */
  readonly noticeTemplate: string
  /** The longest delay in seconds, and how many leave in an hour: to everybody, and to one domain. */
  readonly acknowledgement: Readonly<Record<'jitter' | 'per_hour' | 'per_domain_hour', number>>
  /** How much of strangers is forwarded one by one in an hour: of all, and of one domain. Others come in a list (A5). */
  readonly forwarding: Readonly<Record<'per_hour' | 'per_domain_hour', number>>
  /** Whose Authentication-Results count (RFC 8601). */
  readonly authentication: {
    /** authserv-ids, lower case; empty where no server's word counts. */
    readonly servers: readonly string[]
    /** How many Received fields the operator's own servers put on top; below the last of them anybody may have written. */
    readonly receivedHops: number
  }
  /** `mail_size`, `original` and `strangers_per_day` in bytes, the age in hours. */
  readonly limits: Readonly<
    Record<
      'mail_size' | 'original' | 'strangers_per_day' | 'commands_per_mail' | 'signature_age_hours',
      number
    >
  >
}

/** The product of a case; the first one when the configuration no longer has it. */
export function productNamed(id: string, { products }: Settings): Product {
  const product = products.find((one) => one.id === id) ?? products[0]
  if (product === undefined) throw new RangeError('a desk without products')
  return product
}

/** The promise of a first answer by a person; null when the policy states none. */
export function promisedAnswer({ clocks }: Policy): Clock | null {
  return clocks.find(({ id }) => id === 'answer') ?? null
}
