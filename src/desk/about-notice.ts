/** What the desk knows about a notice when it acts on one: its case, its product, and the digest that approvals name. */
import { type CaseRecord } from '../domain/case.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { type Product } from '../domain/settings.ts'
import { formatInstant } from '../domain/time.ts'
import { approvedText } from '../policy/notice-content.ts'
import { findCase } from '../store/cases.ts'
import { listRecipients } from '../store/members.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'

/** What a decision about a notice depends on. */
export type KnownNotice = { readonly record: CaseRecord; readonly product: Product }

/** Reads it; null when the case or the product is gone. */
export function aboutNotice(desk: Desk, read: Read, notice: NoticeRecord): KnownNotice | null {
  const record = findCase(read, notice.caseTag)
  const product = desk.settings.products.find(({ id }) => id === notice.product)
  return record === null || product === undefined ? null : { record, product }
}

/** The digest over the present content and recipients: reads the whole list of members, so once for each release. */
export function presentDigest(
  desk: Desk,
  read: Read,
  notice: NoticeRecord,
  { record, product }: KnownNotice
): Sha256 {
  const recipients = listRecipients(read, notice.product)
  const about = { record, product, settings: desk.settings }
  return desk.sha256(approvedText(notice, about, recipients))
}

/**
 * The digest over what each member reads, whoever they are: it stays while a release goes on and members are taken off the
 * list, and changes with the content, the configured words and the template.
 */
export function releasedDigest(
  desk: Desk,
  notice: NoticeRecord,
  { record, product }: KnownNotice
): Sha256 {
  return desk.sha256(approvedText(notice, { record, product, settings: desk.settings }, []))
}

/** The disclosure instant as a fact line. */
export function disclosureFacts(
  desk: Desk,
  record: CaseRecord
): { readonly label: string; readonly value: string }[] {
  const { disclosureAt, disclosureZone } = record
  return disclosureAt === null
    ? []
    : [
        {
          label: 'Disclosure',
          value: formatInstant(disclosureAt, desk.settings.desk.timezone, disclosureZone)
        }
      ]
}
