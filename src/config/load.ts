/**
 * Reads the configuration once, at start: the file, its policies, its key files and its secrets. Reports all problems at once,
 * each with its path and remedy. Must never return a half-read configuration, and never check what a key file holds: the
 * openpgp folder does.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Limits } from '../domain/settings.ts'
import { type LoadedConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { crossChecks } from './cross-checks.ts'
import {
  type NamedFiles,
  type Partly,
  type Place,
  readNamedFiles,
  type Sections
} from './named-files.ts'
import { builtInPoliciesDir } from './policy-sources.ts'
import { decodeAt, formatPath, type Problem, recordOf } from './problems.ts'
import { type ConfigFile, sections } from './schema.ts'
import { type Environment } from './secrets.ts'
import { readTexts } from './texts.ts'
import { readYaml } from './yaml.ts'

export { type LoadedConfig } from './config.ts'

/**
 * Reads and checks the configuration at `path` with all files it names. Throws {@link ConfigError} with all problems.
 * `policiesDir` is the folder of the built-in policies.
 */
export async function loadConfig(
  path: string,
  env: Environment,
  policiesDir: string = builtInPoliciesDir()
): Promise<LoadedConfig> {
  const absolute = resolve(path)
  if (!existsSync(absolute)) {
    throw new ConfigError(absolute, [
      `there is no configuration ${absolute}: write one (README shows how), or name another with --config FILE`
    ])
  }
  const document = await readYaml(absolute)
  if (!('value' in document)) throw new ConfigError(absolute, document)
  const problems: Problem[] = []
  const file = decodeSections(document.value, problems)
  problems.push(...crossChecks(document.value))
  const place = { baseDir: dirname(absolute), env, policiesDir }
  const loaded = await assemble(absolute, file, place, problems)
  if (loaded !== null && problems.length === 0) return loaded
  throw new ConfigError(
    absolute,
    problems.map(({ path: at, text }) => {
      const lineNumber = document.lineOf(at)
      const name = formatPath(at)
      return `${name}${lineNumber === null ? '' : ` (line ${lineNumber})`}${name === '' ? '' : ': '}${text}`
    })
  )
}

function decodeSections(value: unknown, problems: Problem[]): Sections {
  const root = recordOf(value) ?? {}
  if (recordOf(value) === null) problems.push({ path: [], text: 'must be a block of keys' })
  const known = Object.keys(sections)
  for (const key of Object.keys(root).filter((name) => !known.includes(name))) {
    problems.push({
      path: [key],
      text: `is not a known section: correct or remove it (known sections: ${known.join(', ')})`
    })
  }
  // YAML reads a section as null when all its lines are commented out; it then has its defaults.
  const at = (key: string): unknown => root[key] ?? undefined
  return {
    desk: decodeAt(sections.desk, at('desk'), ['desk'], problems),
    imap: decodeAt(sections.imap, at('imap'), ['imap'], problems),
    smtp: decodeAt(sections.smtp, at('smtp'), ['smtp'], problems),
    storage: decodeAt(sections.storage, at('storage'), ['storage'], problems),
    schedule: decodeAt(sections.schedule, at('schedule'), ['schedule'], problems),
    key_lookup: decodeAt(sections.key_lookup, at('key_lookup'), ['key_lookup'], problems),
    acknowledgement: decodeAt(
      sections.acknowledgement,
      at('acknowledgement'),
      ['acknowledgement'],
      problems
    ),
    limits: decodeAt(sections.limits, at('limits'), ['limits'], problems),
    workers: decodeAt(sections.workers, at('workers'), ['workers'], problems),
    texts: decodeAt(sections.texts, at('texts'), ['texts'], problems),
    maintainers: decodeAt(sections.maintainers, at('maintainers'), ['maintainers'], problems),
    products: decodeAt(sections.products, at('products'), ['products'], problems)
  }
}

/** The configuration with the content of all files it names; null when anything is missing. */
async function assemble(
  path: string,
  file: Sections,
  place: Place,
  problems: Problem[]
): Promise<LoadedConfig | null> {
  const named = await readNamedFiles(file, place, problems)
  if (!isComplete<ConfigFile>(file) || !isComplete<NamedFiles>(named)) return null
  const { desk, imap, smtp, maintainers, products } = named
  const texts = readTexts(file.texts === undefined ? null : resolve(place.baseDir, file.texts))
  if ('problem' in texts) {
    problems.push({ path: ['texts'], text: texts.problem })
    return null
  }
  return {
    config: {
      path,
      desk: desk.config,
      imap: imap.config,
      smtp: smtp.config,
      storagePath: resolve(place.baseDir, file.storage.path),
      schedule: file.schedule,
      keyLookup: file.key_lookup,
      acknowledgement: { jitterMsMax: file.acknowledgement.jitter },
      authentication: {
        servers: file.imap.authserv_ids.map((id) => id.toLowerCase()),
        receivedHops: file.imap.received_hops
      },
      limits: limitsOf(file.limits, file.acknowledgement),
      workers: file.workers,
      maintainers: maintainers.config,
      products
    },
    secrets: {
      passphrase: desk.passphrase,
      imapPassword: imap.password,
      smtpPassword: smtp.password
    },
    keys: { desk: desk.key, retired: desk.retiredKeys, maintainers: maintainers.keys },
    texts: texts.wordings
  }
}

function isComplete<T>(parts: Partly<T>): parts is Partly<T> & T {
  return Object.values(parts).every((part) => part !== null)
}

function limitsOf(
  limits: ConfigFile['limits'],
  acknowledgement: ConfigFile['acknowledgement']
): Limits {
  return {
    mailBytes: limits.mail_size,
    originalBytes: limits.original,
    openSeconds: limits.open_seconds,
    workerMegabytes: limits.worker_memory,
    commandsPerMail: limits.commands_per_mail,
    signatureAgeHours: limits.signature_age_hours,
    acknowledgementsPerHour: acknowledgement.per_hour,
    acknowledgementsPerDomainHour: acknowledgement.per_domain_hour
  }
}
