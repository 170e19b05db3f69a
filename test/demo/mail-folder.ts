/**
 * The folder demo-mail: every message of the story as it travelled (.eml) and, beside it, as the person at its outer end reads
 * it (.txt), numbered in the order in which they were sent.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type OpenedMail, type Person } from './people.ts'
import { type Delivery } from './post-office.ts'

export type MailFolder = AsyncDisposable & {
  readonly path: string
  /** Writes both files; the clear one follows as soon as the message has been opened. */
  keep(delivery: Delivery, people: readonly Person[]): void
}

/** Makes the folder anew, without what an earlier run left. Disposing waits for the last file and deletes nothing. */
export function createMailFolder(path: string): MailFolder {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  const writing = new Set<Promise<void>>()
  return {
    path,
    keep: (delivery, people) => {
      const written = write(path, delivery, people)
      writing.add(written)
      void written.finally(() => writing.delete(written))
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.allSettled(writing)
    }
  }
}

async function write(
  folder: string,
  { number, from, to, raw }: Delivery,
  people: readonly Person[]
): Promise<void> {
  const sender = people.find(({ address }) => address === from)
  const reader = sender ?? people.find(({ address }) => address === to)
  const mail = (await reader?.open(raw).catch(() => null)) ?? null
  const who = sender === undefined ? `to-${reader?.id ?? 'nobody'}` : sender.id
  const what = mail === null ? 'unreadable' : slug(mail)
  const name = join(folder, `${String(number).padStart(2, '0')}-${who}-${what}`)
  writeFileSync(`${name}.eml`, raw)
  writeFileSync(`${name}.txt`, mail === null ? 'This mail could not be opened.\n' : clearText(mail))
}

/** The commands of a message that has any, else its subject without the case number. */
function slug(mail: OpenedMail): string {
  const commands = mail.text.match(/^\/[a-z]+(?: (?:draft|preview|approve|hold)\b)?/gm) ?? []
  const subject = mail.subject.replaceAll(/\[[^\]]*\]/g, '')
  return (commands.length > 0 ? commands.join(' ') : subject)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 50)
    .replaceAll(/^-|-$/g, '')
}

function clearText(mail: OpenedMail): string {
  const seal =
    mail.sealedTo.length === 0 ? 'in clear' : `encrypted to key ids ${mail.sealedTo.join(', ')}`
  return [
    `Subject:          ${mail.subject}`,
    `Subject outside:  ${mail.outerSubject}`,
    `Sent:             ${seal}`,
    ...(mail.signedByDesk ? ['Signed:           by the desk'] : []),
    ...mail.attachments.map(
      ({ filename, contentType, content }) =>
        `Attachment:       ${filename} (${contentType}, ${content.length} bytes)`
    ),
    '',
    mail.text
  ].join('\n')
}
