/**
 * The kinds of values in the configuration, each with a message that says what to write instead. Must never repeat the value
 * it refuses: it may be a password in the wrong place, or a list member's address.
 */
import { z } from 'zod'
import { type Address, parseAddress } from '../domain/address.ts'
import { isCasePrefix } from '../domain/ids.ts'
import { isTimezone } from '../domain/time.ts'

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$/
const BOUNCE_TOKEN = '{token}'

/** A block of these keys and no others. */
export function block<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is not a known key: correct or remove it (known here: ${known})`
        : 'must be a block of keys'
  })
}

/** One line of text without control characters. */
export const line = textUpTo(200)
  .min(1, 'must not be empty')
  .refine((text) => !/\p{Cc}/u.test(text), 'must be one line without control characters')

/** Text that passes a test. */
export function textWhere(test: (text: string) => boolean, message: string): z.ZodString {
  return z.string(message).refine(test, message)
}

/** The authserv-id of a server (RFC 8601 §2.5), most often its host name. */
export const authservId = textWhere(
  (text) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(text),
  "must be the name at the start of the server's Authentication-Results, like mx.domain.example"
)

/** A strict mail address, decoded to {@link Address}. */
export const address = z.string('must be a mail address').transform((text, context): Address => {
  const parsed = parseAddress(text)
  if (parsed !== null) return parsed
  context.addIssue(
    'must be one plain mail address like name@domain.example, without a display name'
  )
  return z.NEVER
})

/** The envelope sender's pattern: an address with `{token}` once in its local part. */
export const bounceAddress = textWhere(
  (text) =>
    text.split(BOUNCE_TOKEN).length === 2 &&
    text.indexOf(BOUNCE_TOKEN) < text.lastIndexOf('@') &&
    parseAddress(text.replace(BOUNCE_TOKEN, 'a2b3c4d5')) !== null,
  'must be an address with {token} in it, like bounce+{token}@acme.example'
)

export const host = textWhere(
  (text) => HOST.test(text),
  'must be a host name or an IP address, without a port'
)

export const port = whole(1, 65_535)

/** A path in the file system; relative to the configuration file. */
export const path = z
  .string('must be a path')
  .min(1, 'must not be empty')
  .refine((text) => !text.includes('\0'), 'must not contain a NUL')

/** Short name of a maintainer or product. */
export const shortName = textWhere(
  (text) => /^[a-z][a-z0-9-]{0,31}$/.test(text),
  'must be 1 to 32 lower-case letters, digits and hyphens, a letter first'
)

export const casePrefix = textWhere(
  isCasePrefix,
  'must be 1 to 12 capital letters and digits, a letter first'
)

export const timezone = textWhere(
  isTimezone,
  'must be a time zone of the IANA database, like Europe/Berlin or UTC'
)

/** The shape of a node-cron expression; its user checks the meaning. */
export const cron = textWhere(
  (text) => /^(?:[0-9A-Za-z*,/-]+\s+){4,5}[0-9A-Za-z*,/-]+$/.test(text.trim()),
  'must have 5 fields (minute hour day month weekday) in quotes, or 6 with seconds first, like "*/5 * * * *"'
)

/** A version or branch; a bare number is refused because YAML reads 4.10 as 4.1. */
export const version = z
  .string('must be text: put versions in quotes, "4.2", because YAML reads 4.10 as 4.1')
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters')

/** One of these words. */
export function oneOf<const W extends readonly string[]>(...words: W) {
  const isLong = words.length > 3
  const all = `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`
  return z.enum(words, isLong ? `must be one of ${words.join(', ')}` : `must be ${all}`)
}

/** A list of such values. */
export function list<S extends z.ZodType>(of: S): z.ZodArray<S> {
  return z.array(of, 'must be a list')
}

/** Text of at most so many characters. */
export function textUpTo(max: number): z.ZodString {
  return z.string('must be text').max(max, `must have at most ${max} characters`)
}

/** A whole number in a range. */
export function whole(min: number, max: number): z.ZodNumber {
  const message = `must be a whole number from ${min} to ${max}`
  return z.int(message).min(min, message).max(max, message)
}

/** Bytes, as a number or as text with a unit (`50MiB`, `64 KiB`, `10MB`); decoded to bytes. */
export function size(min: number, max: number): z.ZodType<number, number | string> {
  const message = `must be a size from ${min} to ${max} bytes, like 50MiB`
  return z.union([z.number(), z.string()], message).transform((value, context) => {
    const [, digits, prefix = '', binary] =
      /^(\d{1,12}) ?(?:(?:([KMG])(i)?)?B)?$/i.exec(String(value).trim()) ?? []
    const unit = (binary === undefined ? 1000 : 1024) ** ' KMG'.indexOf(prefix.toUpperCase())
    const bytes = Number(digits) * unit
    if (bytes >= min && bytes <= max) return bytes
    context.addIssue(message)
    return z.NEVER
  })
}

/** Reads what a value names; `read` returns a sentence where that cannot be read. */
export function reading<S extends z.ZodType, T extends object>(
  schema: S,
  read: (value: z.output<S>) => Promise<T | string>
) {
  return schema.transform(async (value, context): Promise<T> => {
    const found = await read(value)
    if (typeof found !== 'string') return found
    context.addIssue(found)
    return z.NEVER
  })
}

/** A length of time of a policy. */
export const span = z.union(
  [
    block({ minutes: whole(0, 525_600) }),
    block({ hours: whole(0, 87_600) }),
    block({ days: whole(0, 3650) }),
    block({ business_days: whole(0, 2500) })
  ],
  'must be one of { minutes: N }, { hours: N }, { days: N } and { business_days: N }'
)
