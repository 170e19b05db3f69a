/**
 * Rules between the keys of a configuration: one address per maintainer, TLS wherever a network is crossed. Works on the
 * values as written, so that a mistake elsewhere hides no other. Passes over values of a wrong type, because the schema
 * complains about them.
 */
import { z } from 'zod'
import { isLoopback, parseAddress } from '../domain/address.ts'
import { type Problem } from './problems.ts'
import { type ValuePath } from './yaml.ts'

/** A block of which any part may be missing or wrong. */
function block<S extends z.ZodRawShape>(shape: S) {
  const schema = z.object(shape)
  return schema.catch(schema.parse({}))
}

const text = z.string().optional().catch(undefined)
const address = text.transform((written) => parseAddress(written ?? '')?.toLowerCase())
const isGiven = z
  .unknown()
  .optional()
  .transform((value) => value !== undefined && value !== null)
// RFC 9051 §5.1: INBOX is the one folder name that ignores case.
const folder = (standard: string) =>
  z
    .string()
    .nullable()
    .default(standard)
    .catch(null)
    .transform((name) => name?.replace(/^inbox$/i, 'INBOX'))

const entries = z.array(block({ id: text, address })).catch([])
const written = block({
  desk: block({ address }),
  imap: block({
    tls: text,
    host: text,
    inbox: folder('INBOX'),
    processed: folder('Postern/Processed'),
    held: folder('Postern/Held'),
    junk: folder('Junk'),
    authserv_ids: z.array(z.unknown()).catch([])
  }),
  smtp: block({ tls: text, host: text, user: isGiven, password: isGiven }),
  key_lookup: block({ wkd: z.boolean().catch(false), vks: isGiven }),
  maintainers: entries,
  products: entries
})

/** Every contradiction in `file`, the plain value of a configuration document. */
export function crossChecks(file: unknown): Problem[] {
  const { desk, imap, smtp, key_lookup, maintainers, products } = written.parse(file)
  const { inbox, processed, held, junk } = imap
  const isLookedUp = key_lookup.wkd || key_lookup.vks
  return [
    ...tlsProblems('imap', imap),
    ...tlsProblems('smtp', smtp),
    ...problem(
      smtp.user !== smtp.password,
      ['smtp', smtp.user ? 'password' : 'user'],
      'is missing: give user and password together, or neither'
    ),
    ...doubles(
      Object.entries({ inbox, processed, held, junk }).map(([key, name]) => [['imap', key], name]),
      'must differ from the folders before it, or mail would be moved in circles: name another folder'
    ),
    // A lookup for an unverified sender would let anybody make us connect to any host.
    ...problem(
      isLookedUp && imap.authserv_ids.length === 0,
      ['key_lookup'],
      'needs imap.authserv_ids, because keys are looked up only for senders that DMARC verified: name your mail server there'
    ),
    ...Object.entries({ maintainers, products }).flatMap(([list, all]) => [
      ...doubles(
        all.map(({ id }, index) => [[list, index, 'id'], id]),
        TWICE
      ),
      ...doubles(
        all.map((entry, index) => [[list, index, 'address'], entry.address]),
        TWICE
      )
    ]),
    ...maintainers.flatMap((one, index) =>
      problem(
        desk.address !== undefined && one.address === desk.address,
        ['maintainers', index, 'address'],
        "must not be the desk's address, because forwarded reports would come back as new ones: use a personal address"
      )
    )
  ]
}

const TWICE = 'is used twice: give each entry its own value'

function problem(isWrong: boolean, path: ValuePath, says: string): Problem[] {
  return isWrong ? [{ path, text: says }] : []
}

function tlsProblems(
  section: string,
  { tls, host }: { readonly tls?: string | undefined; readonly host?: string | undefined }
): Problem[] {
  return problem(
    tls === 'none' && !isLoopback(host ?? ''),
    [section, 'tls'],
    'must not be none for a host other than this machine: use implicit or starttls'
  )
}

/** A problem for every value that came before. */
function doubles(
  values: readonly (readonly [path: ValuePath, value: string | undefined])[],
  says: string
): Problem[] {
  return values.flatMap(([path, value], at) =>
    problem(
      value !== undefined && values.findIndex(([, other]) => other === value) < at,
      path,
      says
    )
  )
}
