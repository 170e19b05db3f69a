/**
 * Shared by IMAP and SMTP: server address, connection security and certificate errors. TLS is never optional once configured,
 * certificates are always verified, and unencrypted connections are for loopback only (RFC 8314 §3).
 */
import { isLoopback } from '../domain/address.ts'
import { Trouble } from '../domain/trouble.ts'

/** One mail server and the account on it. */
export type ServerOptions = {
  readonly host: string
  readonly port: number
  /** `implicit`: TLS from the first byte; `starttls`: no login before the upgrade; `none`: loopback only. */
  readonly tls: 'implicit' | 'starttls' | 'none'
  /** The only certificates to trust, instead of the system's, as PEM. */
  readonly ca?: { readonly text: string } | undefined
}

/** Options for `tls.connect` that always verify. Throws {@link Trouble} `config` for `none` with a host on another machine. */
export function tlsOptions(server: ServerOptions) {
  if (server.tls === 'none' && !isLoopback(server.host)) {
    throw new Trouble(
      'config',
      `tls: none is refused for ${server.host}, because it is another machine. Please set tls to implicit or starttls.`
    )
  }
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    ...(server.ca === undefined ? {} : { ca: server.ca.text })
  }
}

/** Whether an error code of Node or OpenSSL concerns TLS or a certificate. */
export function isTlsCode(code: string): boolean {
  return /CERT|^ERR_(?:TLS|SSL)|SSL|^UNABLE_TO_|^HOSTNAME_MISMATCH|^INVALID_CA|^EPROTO$|^ETLS$|^UPGRADE_TIMEOUT$|STARTTLS/.test(
    code
  )
}

/**
 * The operator's sentence for a failed connection: which server, what it said, what to do. `where` names the section of the
 * configuration.
 */
export function connectionTrouble(
  where: 'imap' | 'smtp',
  kind: 'auth' | 'tls' | 'account' | 'network',
  server: Pick<ServerOptions, 'host' | 'port'> & { readonly password?: string | undefined },
  cause: unknown
): Trouble {
  const name = `${where.toUpperCase()} server ${server.host}, port ${server.port}`
  const said = serverWords(cause, server.password ?? '')
  const hints = {
    auth: `The ${name}, refused the user name or password${said}. Please check ${where}.user and ${where}.password.`,
    account: `The ${name}, refuses our account or our sender address${said}. Messages wait. Please check smtp.user, desk.address and the limits of the account.`,
    tls: `TLS with the ${name}, failed${said}. Please check ${where}.tls, ${where}.host and the server's certificate; give a private CA as ${where}.ca.`,
    network: `The ${name}, cannot be reached or ended the connection${said}. Please check ${where}.host and ${where}.port.`
  }
  const code =
    kind === 'network' ? where : kind === 'account' ? 'smtp-account' : (`${where}-${kind}` as const)
  return new Trouble(code, hints[kind], { retryable: kind === 'network', cause })
}

/** What the server answered while connecting or logging in, or the code of the system; never a password that it repeats. */
function serverWords(cause: unknown, password: string): string {
  if (!(cause instanceof Error)) return ''
  const said = (...names: readonly string[]): string => {
    const words = names.map((name): unknown => Reflect.get(cause, name))
    return words.find((word) => typeof word === 'string') ?? ''
  }
  const line = said('responseText', 'response')
    .replaceAll(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, 160)
  const isSecret = /[A-Za-z0-9+/=]{24}/.test(line) || (password !== '' && line.includes(password))
  if (line !== '' && !isSecret) return `: "${line}"`
  const code = said('originalCode', 'code')
  return code === '' ? '' : ` (${code})`
}
