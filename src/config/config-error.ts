/**
 * What is thrown for a configuration that cannot be used. Apart from the decoder, so that whoever only reports it need not load
 * that.
 */
import { Trouble } from '../domain/trouble.ts'

/** The configuration cannot be used. `message` is one line; `problems` are all of them, one line each. */
export class ConfigError extends Trouble {
  readonly problems: readonly string[]
  constructor(path: string, problems: readonly string[]) {
    const [first = ''] = problems
    const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
    super('config', `${path}: ${first}${more}`, { retryable: false })
    this.problems = problems
  }
}
