/**
 * What the operator's own mail server found out about the sender of a message (RFC 8601, mail.md §1.11). It decides to whom an
 * automatic answer may go and is shown to the maintainers; it is never authority: that takes a signature (policy/authority.ts).
 */
import { type Address, isSameAddress } from '../domain/address.ts'
import { type AuthenticationResult, type OpenedMail, type SenderTrace } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'

/** What stands behind the sender's address. `returnPath` is where SPF says that the message came from. */
export type SenderProof =
  | { readonly kind: 'not-checked' }
  | { readonly kind: 'dmarc' }
  | { readonly kind: 'spf'; readonly returnPath: Address }
  | { readonly kind: 'none'; readonly because: string }

/** Judges the word of the configured servers about this message. */
export function judgeSender(opened: OpenedMail, settings: Settings): SenderProof {
  const { authentication } = settings
  if (authentication.servers.length === 0) return { kind: 'not-checked' }
  const results = trustedResults(opened.trace, authentication)
  const dmarc = results.filter(({ method }) => method === 'dmarc')
  const domain = opened.outer.from?.address.split('@').at(-1) ?? ''
  if (domain !== '' && everyPass(dmarc) && dmarc.every((one) => one.domain === domain)) {
    return { kind: 'dmarc' }
  }
  if (results.length === 0) return { kind: 'none', because: 'our mail server says nothing of it' }
  if (dmarc.some(({ result }) => result === 'fail')) return { kind: 'none', because: 'DMARC fails' }
  const returnPath = provedReturnPath(opened.trace, results, authentication)
  return returnPath === null
    ? { kind: 'none', because: 'neither DMARC nor SPF passes' }
    : { kind: 'spf', returnPath }
}

/** One line for people about the address in From. */
export function senderWords(proof: SenderProof): string {
  switch (proof.kind) {
    case 'not-checked':
      return 'not verified, the address may be forged (the operator has not set imap.authserv_ids)'
    case 'dmarc':
      return 'verified, our mail server says that DMARC passes for the domain'
    case 'spf':
      return `not verified; our mail server says only that the message came from ${proof.returnPath} (SPF)`
    case 'none':
      return `not verified, the address may be forged (${proof.because})`
  }
}

/** Why our own mail servers do not prove the address in From; null where they do. Without servers nothing is proved. */
export function lackOfProof(opened: OpenedMail, settings: Settings): string | null {
  const proof = judgeSender(opened, settings)
  const from = opened.outer.from?.address ?? null
  const isProved =
    proof.kind === 'dmarc' ||
    (proof.kind === 'spf' && from !== null && isSameAddress(proof.returnPath, from))
  return isProved ? null : senderWords(proof)
}

/** As {@link lackOfProof}, but null without any servers: for what is then accepted from unchecked senders. */
export function senderDoubt(opened: OpenedMail, settings: Settings): string | null {
  return settings.authentication.servers.length > 0 ? lackOfProof(opened, settings) : null
}

/**
 * The results of our own servers, and only those above the last Received field that they add: everything below was there when
 * the message came in. A message with fewer Received fields took another way, and none of its results count.
 */
function trustedResults(
  trace: SenderTrace,
  { servers, receivedHops }: Settings['authentication']
): readonly AuthenticationResult[] {
  if (trace.received < receivedHops) return []
  return trace.results.filter(
    ({ server, below }) => below < receivedHops && servers.includes(server)
  )
}

/** Where our servers contradict each other, the worse result counts. */
function everyPass(results: readonly AuthenticationResult[]): boolean {
  return results.length > 0 && results.every(({ result }) => result === 'pass')
}

/** The one Return-Path that our servers wrote, if SPF passes for exactly that. */
function provedReturnPath(
  trace: SenderTrace,
  results: readonly AuthenticationResult[],
  { receivedHops }: Settings['authentication']
): Address | null {
  const [only, ...others] = trace.returnPaths.filter(({ below }) => below < receivedHops)
  const path = only?.address ?? null
  if (path === null || others.length > 0) return null
  // SPF for the name in HELO is about a server, not about a sender.
  const spf = results.filter(({ method, domain }) => method === 'spf' && domain !== '')
  const isOfPath = spf.every(({ address, domain }) =>
    address === null ? domain === path.split('@').at(-1) : isSameAddress(address, path)
  )
  return everyPass(spf) && isOfPath ? path : null
}

/** Whether to look for a key of the address in From. `isKnown`: we have one, or know the sender otherwise. */
export function isLookupWorthwhile(
  opened: OpenedMail,
  settings: Settings,
  isKnown: boolean
): boolean {
  const { from } = opened.outer
  if (from === null || isKnown || opened.candidateKeys.length > 0) return false
  if (opened.automatic.length > 0) return false
  const own = [settings.desk.address, ...settings.maintainers.map(({ address }) => address)]
  if (own.some((address) => isSameAddress(address, from.address))) return false
  return judgeSender(opened, settings).kind === 'dmarc'
}
