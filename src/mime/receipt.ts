/**
 * Read receipts (message disposition notifications, RFC 8098). All of it is attacker-controlled text: a receipt is put aside
 * unread only if it returns the unguessable Message-ID of a message of the desk. Must never take a message for a receipt
 * because somebody attached one.
 */
import { type ReceiptFacts } from '../domain/mail.ts'
import { firstValue, readFields } from './fields.ts'
import { findMessageIds } from './header.ts'
import { contentOf } from './leaf.ts'
import { type MimeTree } from './tree.ts'

/** RFC 8098 §3.1, and RFC 6533 §6 for addresses in other scripts. */
const NOTIFICATIONS = new Set([
  'message/disposition-notification',
  'message/global-disposition-notification'
])

/**
 * The facts of a receipt in its only valid form (RFC 8098 §3): a multipart/report of that report-type with the notification
 * among its parts. Null for everything else, also for a report about a receipt that has one attached.
 */
export function readReceipt(tree: MimeTree): ReceiptFacts | null {
  if (!isReport(tree)) return null
  const part = tree.root.children.find((child) => NOTIFICATIONS.has(child.type))
  if (part === undefined) return null
  const content = contentOf(tree, part)
  const { fields } = readFields(content, 0, content.length)
  const [returnedMessageId = null] = findMessageIds(firstValue(fields, 'original-message-id'), 1)
  return { returnedMessageId }
}

/** Whether the root of the message declares a receipt: such a message is never answered (RFC 3834 §2). */
export function looksLikeReceipt(tree: MimeTree): boolean {
  return isReport(tree) || tree.root.children.some((child) => NOTIFICATIONS.has(child.type))
}

function isReport({ root }: MimeTree): boolean {
  const kind = (root.params.get('report-type') ?? '').toLowerCase()
  return root.type === 'multipart/report' && kind === 'disposition-notification'
}
