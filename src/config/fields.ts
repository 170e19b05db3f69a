/**
 * The kinds of values in the configuration, each with a message that says what to write instead. Must never repeat the value
 * it refuses: it may be a password in the wrong place, or a list member's address.
 */
import { z } from 'zod'
import { isTimezone } from '../domain/time.ts'
import { Trouble } from '../domain/trouble.ts'

/** A block of these keys and no others. */
export function block<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape).join(', ')
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `is not a known key: correct or remove it (known here: ${known})`
        : 'must be a block of keys, each with a colon and a space after it'
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

export const timezone = textWhere(
  isTimezone,
  'must be a time zone of the IANA database, like Europe/Berlin or UTC'
)

/** One of these words. */
export function oneOf<const W extends readonly string[]>(...words: W) {
  return z.enum(words, `must be one of ${words.join(', ')}`)
}

/** A list of such values. */
export function list<S extends z.ZodType>(of: S): z.ZodArray<S> {
  return z.array(of, 'must be a list, each entry after a dash and a space')
}

/** Text of at most so many characters. */
export function textUpTo(max: number): z.ZodString {
  return z.string('must be text (put it in quotes)').max(max, `must have at most ${max} characters`)
}

/** A whole number in a range. */
export function whole(min: number, max: number): z.ZodNumber {
  const message = `must be a whole number from ${min} to ${max}`
  return z.int(message).min(min, message).max(max, message)
}

/** Reads what a value names; each line of the `Trouble` that `read` throws is a problem of this value. */
export function reading<S extends z.ZodType, T>(
  schema: S,
  read: (value: z.output<S>) => T | Promise<T>
) {
  return schema.transform(async (value, context): Promise<T> => {
    try {
      return await read(value)
    } catch (error) {
      if (!(error instanceof Trouble)) throw error
      for (const problem of error.message.split('\n')) context.addIssue(problem)
      return z.NEVER
    }
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
