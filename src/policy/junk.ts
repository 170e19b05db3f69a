/**
 * Which messages in the junk folder are for the desk all the same: those that only a person with the desk's key or with a message
 * of the desk could have written. Spam filters know neither. Judges by form alone; whether to believe it is decided when it is
 * taken in.
 */
import { type OpenedMail } from '../domain/mail.ts'

/**
 * Whether to take the message as if it had come to the inbox: it is encrypted to the desk, or it answers a message of a case
 * (`answersCase`). Where it cannot be told for whom it is encrypted, it is taken: a human sees it then.
 */
export function isForDesk(opened: OpenedMail, answersCase: boolean): boolean {
  if (answersCase || opened.sealedTo === 'desk') return true
  if (opened.sealedTo === 'hidden') return opened.failure !== 'not-for-us'
  return opened.sealedTo === 'unknown' && opened.encrypted
}
