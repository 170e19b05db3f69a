/** A person at a mailbox: reads what has come in over the embedded IMAP server, one message after another, and answers. */
import { type Attachment } from '../support/mail-parts.ts'
import { type WaitFor } from './desk.ts'
import { type DeskContact, type Letter, type OpenedMail, type Person } from './people.ts'
import { type PostOffice } from './post-office.ts'

export type Correspondent = {
  readonly person: Person
  /** Waits for the next unread mail whose subject contains `subject`, and opens it. */
  next(subject: string): Promise<OpenedMail>
  /** All messages in the mailbox, read or not. */
  count(): number
  send(letter: Letter): Promise<void>
  reply(to: OpenedMail, text: string, attachments?: readonly Attachment[]): Promise<void>
}

/** Sits `person` down at their mailbox. */
export function createCorrespondent(
  person: Person,
  desk: DeskContact,
  postOffice: PostOffice,
  waitFor: WaitFor
): Correspondent {
  const opened = new Map<number, OpenedMail>()
  const read = new Set<number>()
  const send = async (raw: Buffer): Promise<void> => {
    await postOffice.submit(person, desk.address, raw)
  }
  const inbox = () => postOffice.imapOf(person.id).messages()
  return {
    person,
    next: (subject) =>
      waitFor(`a mail "${subject}" in the mailbox of ${person.name}`, async () => {
        for (const { uid, raw } of inbox()) {
          const mail = opened.get(uid) ?? (await person.open(raw))
          opened.set(uid, mail)
          if (read.has(uid) || !mail.subject.includes(subject)) continue
          read.add(uid)
          return mail
        }
        return null
      }),
    count: () => inbox().length,
    send: async (letter) => send(await person.write(letter)),
    reply: async (to, text, attachments) => send(await person.reply(to, text, attachments))
  }
}
