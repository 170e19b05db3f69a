/**
 * What the operator's own mail server found out about the sender of a message (RFC 8601). The maintainers read it, and it
 * decides whether an automatic answer may leave. It is never authority: that takes a signature (policy/authority.ts).
 */
import { type Address, isSameAddress } from '../domain/address.ts'
import { type AuthenticationResult, type OpenedMail, type SenderTrace } from '../domain/mail.ts'
import { type Settings } from '../domain/settings.ts'

/** Whether the word of the configured servers proves the address in From, and what it `says` in one line for people. */
export function judgeSender({ trace, outer }: OpenedMail, settings: Settings) {
  const { authentication } = settings
  const { sentBy } = outer
  if (sentBy !== undefined)
    return unproved(`it came from ${sentBy.address}, and names its sender only beside that`)
  if (authentication.servers.length === 0)
    return unproved('the configuration names no mail server that checks senders')
  const results = trustedResults(trace, authentication)
  const dmarc = results.filter(({ method }) => method === 'dmarc')
  const from = outer.from?.address ?? null
  const domain = from?.split('@').at(-1)
  if (everyPass(dmarc) && dmarc.every((one) => one.domain === domain))
    return { isProved: true, says: DMARC }
  if (results.length === 0) return unproved('our mail server says nothing about it')
  if (dmarc.some(({ result }) => result === 'fail')) return unproved('DMARC fails')
  const path = provedReturnPath(trace, results, authentication)
  if (path === null) return unproved('neither DMARC nor SPF passes')
  const isProved = from !== null && isSameAddress(path, from)
  const says = `not verified; our mail server says only that the message came from ${path} (SPF)`
  return { isProved, says }
}

const DMARC = 'verified, our mail server says that DMARC passes for the domain'

function unproved(because: string) {
  const says = `not verified, the address may be forged (${because})`
  return { isProved: false, says }
}

/** Why our own mail servers do not prove the address in From; null where they do. Without servers nothing is proved. */
export function lackOfProof(opened: OpenedMail, settings: Settings): string | null {
  const { isProved, says } = judgeSender(opened, settings)
  return isProved ? null : says
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
