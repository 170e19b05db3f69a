/**
 * The configuration as the rest of the program sees it: decoded, complete, deep-readonly, with absolute paths. Types only.
 * `Config` must never hold a secret, because it may be printed.
 */
import { type Address } from '../domain/address.ts'
import { type Wording } from '../domain/message.ts'
import { type Limits, type Product, type Role, type Settings } from '../domain/settings.ts'
import { type Secret } from './secrets.ts'

/** A mail server. */
export type Server = {
  readonly host: string
  readonly port: number
  readonly tls: 'implicit' | 'starttls' | 'none'
  /** PEM text of a private certification authority; null for the system's. */
  readonly ca: string | null
}

/** The configuration without its secrets: may be printed. Paths are absolute. */
export type Config = {
  readonly path: string
  readonly desk: {
    readonly name: string
    readonly address: Address
    readonly casePrefix: string
    readonly keyPath: string
    readonly retiredKeyPaths: readonly string[]
    readonly timezone: string
  }
  readonly imap: Server & {
    readonly user: string
    readonly inbox: string
    readonly processed: string
    readonly held: string
    /** Null when the junk folder is not read. */
    readonly junk: string | null
  }
  readonly smtp: Server & {
    /** Null when the server needs no login. */
    readonly user: string | null
    /** Envelope sender with `{token}`; null for the desk's address. */
    readonly bounceAddress: string | null
    readonly replySeconds: number
  }
  readonly storagePath: string
  /** Cron expressions of 5 or 6 fields, in the desk's time zone. */
  readonly schedule: { readonly poll: string; readonly tick: string; readonly digest: string }
  readonly keyLookup: { readonly wkd: boolean; readonly vks: string | null }
  readonly acknowledgement: { readonly jitterMsMax: number }
  readonly authentication: Settings['authentication']
  readonly limits: Limits
  /** Number of worker threads. */
  readonly workers: number
  readonly maintainers: readonly {
    readonly id: string
    readonly name: string
    readonly address: Address
    readonly keyPath: string
    readonly roles: readonly Role[]
  }[]
  readonly products: readonly (Product & {
    /** The last holiday that is listed for a single year; null when there is none. */
    readonly holidaysEnd: string | null
    /** The built-in policy that its policy is or extends; null for a policy that extends none. */
    readonly preset: string | null
  })[]
}

/** Everything that the program reads at start. */
export type LoadedConfig = {
  readonly config: Config
  readonly secrets: {
    readonly passphrase: Secret
    readonly imapPassword: Secret
    /** Null exactly when `config.smtp.user` is. */
    readonly smtpPassword: Secret | null
  }
  /** Text of the key files, not checked: the desk's private key and the maintainers' public keys by maintainer id. */
  readonly keys: {
    readonly desk: string
    /** In the order of `config.desk.retiredKeyPaths`. */
    readonly retired: readonly string[]
    readonly maintainers: ReadonlyMap<string, string>
  }
  /** The wordings of messages by name. */
  readonly texts: ReadonlyMap<string, Wording>
}
