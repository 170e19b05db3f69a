/**
 * The error for a configuration that cannot be used. In a file of its own, so that code that only reports it does not load the
 * decoder.
 */
import { Trouble } from '../domain/trouble.ts'

/** The configuration cannot be used. `message` is one line; `problems` holds every problem, one line each. */
export class ConfigError extends Trouble {
  readonly problems: readonly string[]
  constructor(path: string, problems: readonly string[]) {
    const [first = ''] = problems
    const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
    super('config', `${path}: ${first}${more}`, { retryable: false })
    this.problems = problems
  }
}
