/** What the desk knows about a notice when it acts on one: its case, its product, and the digest that approvals name. */
import { type CaseRecord } from '../domain/case.ts'
import { type Sha256 } from '../domain/ids.ts'
import { type FactLine } from '../domain/message.ts'
import { type NoticeRecord } from '../domain/notice.ts'
import { formatInstant } from '../domain/time.ts'
import { approvedText, type NoticeSetting } from '../policy/notice-content.ts'
import { findCase } from '../store/cases.ts'
import { listRecipients } from '../store/members.ts'
import { type Read } from '../store/sql.ts'
import { type Desk } from './desk.ts'

/** Reads what a decision about a notice depends on; null when the case or the product is gone. */
export function aboutNotice(
  { settings }: Desk,
  read: Read,
  notice: NoticeRecord
): NoticeSetting | null {
  const record = findCase(read, notice.caseTag)
  const product = settings.products.find(({ id }) => id === notice.product)
  return record === null || product === undefined ? null : { record, product, settings }
}

/** The digest over the present content and recipients: reads the whole list of members, so once for each release. */
export function presentDigest(
  desk: Desk,
  read: Read,
  notice: NoticeRecord,
  known: NoticeSetting
): Sha256 {
  return desk.sha256(approvedText(notice, known, listRecipients(read, notice.product)))
}

/**
 * The digest over what each member reads, whoever they are: it stays while a release goes on and members are taken off the
 * list, and changes with the content, the configured words and the template.
 */
export function releasedDigest(desk: Desk, notice: NoticeRecord, known: NoticeSetting): Sha256 {
  return desk.sha256(approvedText(notice, known, []))
}

/** The disclosure instant as a fact line. */
export function disclosureFacts(
  { settings }: Desk,
  { disclosureAt, disclosureZone }: CaseRecord
): FactLine[] {
  if (disclosureAt === null) return []
  const value = formatInstant(disclosureAt, settings.desk.timezone, disclosureZone)
  return [{ label: 'Disclosure', value }]
}
