/** The part of hoodiecrow-imap 2.1 that embedded-imap.ts uses; the package has no types of its own. */
declare module 'hoodiecrow-imap' {
  import { type Server } from 'node:net'

  type Message = { readonly uid: number; readonly flags: readonly string[]; readonly raw: string }
  type Folder = { readonly messages: readonly Message[]; readonly uidvalidity: number }
  type ImapServer = {
    readonly server: Server
    listen(port: number, host: string, done: () => void): void
    close(done: () => void): void
    getMailbox(path: string): Folder | undefined
    /** `raw` is text of one character a byte (latin1). */
    appendMessage(folder: string, flags: readonly string[], received: Date, raw: string): void
  }
  type Options = {
    readonly plugins: readonly string[]
    readonly users: Readonly<Record<string, { readonly password: string }>>
    readonly storage: Readonly<Record<string, object>>
  }
  export default function hoodiecrow(options: Options): ImapServer
}
