/** An opened message as the contract JSON of `postern open --json` (DESIGN §5): the outer header and the effective subject. */
import { type OpenedMail } from '../domain/mail.ts'

/**
 * The contract JSON of an opened message: addresses are addr-specs, the subject is the protected one if there is one, and
 * `failure` is absent when the message was read. From, To, Message-ID and date are the outer ones; compare `from-mismatch`.
 */
export function toOpenJson(opened: OpenedMail): Readonly<Record<string, unknown>> {
  const { outer } = opened
  return {
    structure: opened.structure,
    encrypted: opened.encrypted,
    decrypted: opened.decrypted,
    ...(opened.failure === null ? {} : { failure: opened.failure }),
    signatures: opened.signatures.map(({ state, stateThen, fingerprint, coversWhole }) => ({
      state,
      stateThen,
      fingerprint,
      coversWhole
    })),
    from: outer.from?.address ?? null,
    to: outer.to.map((contact) => contact.address),
    subject: subjectOf(opened),
    subjectProtected: opened.subjectProtected,
    messageId: outer.messageId,
    date: outer.date,
    text: opened.text,
    attachments: opened.attachments.map(({ filename, contentType, size, sha256 }) => ({
      filename,
      contentType,
      size,
      sha256
    })),
    autoSubmitted: isAutomatic(opened),
    bounce: opened.bounce !== null,
    warnings: opened.warnings
  }
}

function subjectOf(opened: OpenedMail): string {
  return opened.subjectProtected && opened.protected !== null
    ? opened.protected.subject
    : opened.outer.subject
}

function isAutomatic(opened: OpenedMail): boolean {
  const robots = ['auto-replied', 'auto-generated', 'bounce', 'receipt', 'loop'] as const
  return robots.some((kind) => opened.automatic.includes(kind))
}
