/**
 * Shared by IMAP and SMTP: server address, connection security and certificate errors. TLS is never optional once configured,
 * certificates are always verified, and unencrypted connections are for loopback only (RFC 8314 §3).
 */
import { Trouble, type TroubleCode } from '../domain/trouble.ts'

/** `implicit`: TLS from the first byte; `starttls`: no login before the upgrade; `none`: loopback only. */
export type TlsMode = 'implicit' | 'starttls' | 'none'

/** One mail server and the account on it. */
export type ServerOptions = {
  readonly host: string
  readonly port: number
  readonly tls: TlsMode
  /** PEM text of the only certificates to trust, instead of the system's. */
  readonly ca?: string
}

/** TLS options for `tls.connect`. */
export type TlsOptions = {
  readonly rejectUnauthorized: true
  readonly minVersion: 'TLSv1.2'
  readonly ca?: string
}

/** Whether a host name or IP literal can only mean this machine. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host)
}

/** Options that always verify. Throws {@link Trouble} `config` for `none` with a host other than this machine. */
export function tlsOptions(server: ServerOptions): TlsOptions {
  if (server.tls === 'none' && !isLoopback(server.host)) {
    throw new Trouble(
      'config',
      'tls: none is refused for a server on another machine. Set tls to implicit or starttls.',
      { retryable: false }
    )
  }
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(server.ca === undefined ? {} : { ca: server.ca })
  }
}

/** Whether an error code of Node or OpenSSL concerns TLS or a certificate. */
export function isTlsCode(code: string): boolean {
  return /CERT|^ERR_(?:TLS|SSL)|SSL|^UNABLE_TO_|^HOSTNAME_MISMATCH|^INVALID_CA|^EPROTO$|^ETLS$|^UPGRADE_TIMEOUT$|STARTTLS/.test(
    code
  )
}

/** The operator's sentence for a failed connection; `where` names the section of the configuration. */
export function connectionTrouble(
  where: 'imap' | 'smtp',
  kind: 'auth' | 'tls' | 'network',
  cause: unknown
): Trouble {
  const name = where.toUpperCase()
  const hints = {
    auth: `The ${name} server refused the user name or password. Check ${where}.user and ${where}.password.`,
    tls: `TLS with the ${name} server failed. Check ${where}.tls, ${where}.host and the server's certificate; give a private CA as ${where}.ca.`,
    network: `The ${name} server cannot be reached or ended the connection. Check ${where}.host and ${where}.port.`
  }
  const codes: Readonly<Record<typeof kind, TroubleCode>> = {
    auth: `${where}-auth`,
    tls: `${where}-tls`,
    network: where
  }
  return new Trouble(codes[kind], hints[kind], { retryable: kind === 'network', cause })
}
