/**
 * Who wrote a message whose From names somebody else: groups and lists put their own address there (DMARC), web forms that of the
 * site, and the person stands in X-Original-From or Reply-To. Every mail client answers that person. It is a claim like any
 * From, and no word of a mail server about From is about them: `sentBy` keeps what From said.
 */
import { type Address } from '../domain/address.ts'
import { type HeaderFacts } from '../domain/mail.ts'
import { type Field, valuesOf } from './fields.ts'
import { readMailboxes } from './header.ts'

/** In this order; a field that names several people names nobody. */
const NAMING = ['x-original-from', 'reply-to', 'x-original-sender']
const FORM =
  /^(?:no-?_?reply|do-?not-?reply|www(?:-data)?|web(?:site|master|form)?|forms?|wordpress|contact)(?:[+=-].*)?$/i
const VIA = /\svia\s/i

/** These facts, with the person as the sender. `own` are the addresses of the desk, the first one its own. */
export function withWriter(
  facts: HeaderFacts,
  fields: readonly Field[],
  own: readonly string[]
): HeaderFacts {
  const { from } = facts
  if (from === null || !isStandIn(facts, fields, own)) return facts
  const isOther = ({ address }: { readonly address: Address }): boolean =>
    address.toLowerCase() !== from.address.toLowerCase() && !isIn(own, address) && !isForm(address)
  const [writer] = NAMING.flatMap((name) => {
    const named = valuesOf(fields, name).flatMap((value) => readMailboxes(value).contacts)
    const others = named.filter(isOther)
    return others.length === 1 ? others : []
  })
  return writer === undefined ? facts : { ...facts, from: writer, sentBy: from }
}

function isStandIn(
  { from }: HeaderFacts,
  fields: readonly Field[],
  own: readonly string[]
): boolean {
  if (from === null) return false
  // A message of the desk that came back is nobody else's.
  if (valuesOf(fields, 'x-postern-loop').length > 0) return false
  if (isIn(own, from.address)) return true
  const isList = fields.some(({ name }) => name.startsWith('list-') || name === 'mailing-list')
  const isRewritten = VIA.test(from.name) || valuesOf(fields, 'x-original-from').length > 0
  return (isList && isRewritten) || isForm(from.address)
}

function isForm(address: Address): boolean {
  return FORM.test(address.slice(0, address.lastIndexOf('@')))
}

/** Whether an address is one of these. */
export function isIn(own: readonly string[], address: Address): boolean {
  return own.some((one) => one.trim().toLowerCase() === address.toLowerCase())
}
