/**
 * The command line: names, arguments and options of every command, nothing else. Exit status 0 done, 1 failed, 2 usage.
 * Each command loads its own code when it is called, so that a quick look does not wait for the mail libraries.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, Option } from 'commander'
// `import { type X }` would load the whole file when the program starts.
import type { Call } from './context.ts'
import type { GenerateOptions } from './keys.ts'
import type { NewMember } from './members.ts'
import type { OpenOptions } from './open.ts'
import { fail, type Streams } from './output.ts'

const DEFAULT_CONFIG = 'postern.yaml'

/** Parses `args` (without node and script), runs the command and returns the exit status. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  let status = 0
  const program = build(streams, (code) => (status = code))
  try {
    await program.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(streams, error)
    return error.exitCode === 0 ? 0 : 2
  }
}

function build(streams: Streams, setStatus: (status: number) => void): Command {
  const program = new Command('postern')
    .description("The daemon behind a software project's security@ address.")
    .version(version())
    .exitOverride()
    .showHelpAfterError('(postern --help lists the commands)')
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
  program.helpCommand(false)
  addDaemon(program, streams, setStatus)
  addLooks(program, streams)
  addMembers(program, streams)
  addPolicies(program, streams, setStatus)
  addOperations(program, streams)
  return program
}

type Globals = { readonly config: string; readonly json?: boolean }

function callOf(streams: Streams, options: Globals): Call {
  return { streams, config: options.config, json: options.json === true }
}

/** A command with the options that nearly all commands share. */
function leaf(
  parent: Command,
  usage: string,
  says: string,
  lacks: 'nothing' | 'config' | 'json' = 'nothing'
): Command {
  const command = parent.command(usage).description(says)
  const config = new Option('--config <file>', 'the configuration file').default(DEFAULT_CONFIG)
  // A command without use for it does not list it, but scripts may give it to every command.
  command.addOption(lacks === 'config' ? config.hideHelp() : config)
  return lacks === 'json' ? command : command.option('--json', 'print JSON')
}

function addDaemon(program: Command, streams: Streams, setStatus: (status: number) => void): void {
  leaf(program, 'run', 'watch the inbox until stopped', 'json')
    .option('--once', 'process all waiting mail and everything that is due, send it, then exit')
    .action(async (options: Globals & { once?: boolean }) => {
      const { run } = await import('./run.ts')
      await run(callOf(streams, options), { once: options.once === true, version: version() })
    })
  leaf(program, 'check', 'check the configuration, keys and policies, without any network').action(
    async (options: Globals) => {
      const { check } = await import('./check.ts')
      setStatus(await check(callOf(streams, options)))
    }
  )
}

function addLooks(program: Command, streams: Streams): void {
  leaf(
    program,
    'open <file>',
    'open a file with one message as the daemon would, and print what it finds'
  )
    .option('--secret-key <file>', 'open with this private key, not with the configured one')
    .option('--passphrase-file <file>', 'the file with the passphrase of that key')
    .option(
      '--cert <file>',
      'verify signatures with this certificate; may be repeated',
      collect,
      []
    )
    .option('--at <instant>', 'judge keys at this time (RFC 3339)')
    .action(async (file: string, options: Globals & OpenOptions, command: Command) => {
      const { open } = await import('./open.ts')
      const isConfigNamed = command.getOptionValueSource('config') !== 'default'
      await open(callOf(streams, options), file, { ...options, isConfigNamed })
    })
  leaf(program, 'cases', 'list open cases')
    .option('--all', 'also list closed and rejected cases')
    .action(async (options: Globals & { all?: boolean }) => {
      const { cases } = await import('./cases.ts')
      await cases(callOf(streams, options), { all: options.all === true })
    })
  leaf(program, 'show <case>', 'show one case with its messages and its history').action(
    async (name: string, options: Globals) => {
      const { show } = await import('./cases.ts')
      await show(callOf(streams, options), name)
    }
  )
  const notice = program.command('notice').description('advance notices').helpCommand(false)
  leaf(notice, 'list', 'list notices').action(async (options: Globals) => {
    const { listTheNotices } = await import('./notices.ts')
    await listTheNotices(callOf(streams, options))
  })
  leaf(notice, 'show <case>', 'show the notice of a case and its deliveries').action(
    async (name: string, options: Globals) => {
      const { showNotice } = await import('./notices.ts')
      await showNotice(callOf(streams, options), name)
    }
  )
  leaf(
    notice,
    'hold <case>',
    'put the notice of a case on hold, with all copies that were not sent yet'
  ).action(async (name: string, options: Globals) => {
    const { holdNotice } = await import('./notices.ts')
    await holdNotice(callOf(streams, options), name)
  })
}

function addMembers(program: Command, streams: Streams): void {
  const members = program
    .command('members')
    .description('the private distribution list')
    .helpCommand(false)
  leaf(members, 'list', 'list members').action(async (options: Globals) => {
    const { listTheMembers } = await import('./members.ts')
    await listTheMembers(callOf(streams, options))
  })
  leaf(members, 'add', 'add a member')
    .requiredOption('--id <id>', 'short name of lower-case letters, digits and "-"')
    .requiredOption('--name <name>', 'name of the person or organisation')
    .requiredOption('--address <address>', 'the address that notices are sent to')
    .requiredOption('--key <file>', "the member's OpenPGP public key")
    .requiredOption('--product <id>', 'send notices about this product; may be repeated', collect)
    .action(async (options: Globals & NewMember) => {
      const { addMember } = await import('./members.ts')
      await addMember(callOf(streams, options), options)
    })
  leaf(members, 'remove <id>', 'remove a member from the list').action(
    async (id: string, options: Globals) => {
      const { removeTheMember } = await import('./members.ts')
      await removeTheMember(callOf(streams, options), id)
    }
  )
}

function addPolicies(
  program: Command,
  streams: Streams,
  setStatus: (status: number) => void
): void {
  const policy = program.command('policy').description('disclosure policies').helpCommand(false)
  leaf(policy, 'check <policy>', 'check a policy file, or a built-in policy by its name').action(
    async (name: string, options: Globals) => {
      const { checkPolicy } = await import('./policy.ts')
      setStatus(await checkPolicy(callOf(streams, options), name))
    }
  )
  leaf(
    policy,
    'show <policy>',
    'print a policy line by line, with what Postern does about each line'
  ).action(async (name: string, options: Globals) => {
    const { showPolicy } = await import('./policy.ts')
    await showPolicy(callOf(streams, options), name)
  })
}

function addOperations(program: Command, streams: Streams): void {
  const outbox = program
    .command('outbox')
    .description('messages that Postern sends')
    .helpCommand(false)
  leaf(outbox, 'list', 'list messages, newest first')
    .option('--state <state>', 'list only this state: queued, sending, sent, given-up or held')
    .action(async (options: Globals & { state?: string }) => {
      const { listTheOutbox } = await import('./outbox.ts')
      await listTheOutbox(callOf(streams, options), options)
    })
  leaf(outbox, 'retry <number>', 'send a message again that was given up or held').action(
    async (id: string, options: Globals) => {
      const { retryTheOutbox } = await import('./outbox.ts')
      await retryTheOutbox(callOf(streams, options), id)
    }
  )
  const keys = program.command('keys').description('OpenPGP keys').helpCommand(false)
  leaf(keys, 'list', 'list the desk key and the keys of the maintainers').action(
    async (options: Globals) => {
      const { list } = await import('./keys.ts')
      await list(callOf(streams, options))
    }
  )
  leaf(keys, 'generate', 'make a new desk key', 'config')
    .requiredOption('--name <name>', 'the name in the user id')
    .requiredOption('--address <address>', "the desk's address")
    .requiredOption(
      '--passphrase-file <file>',
      'the file with the passphrase that protects the key'
    )
    .option(
      '--out <file>',
      'the file for the private key; the public key is written beside it',
      'keys/desk.asc'
    )
    .action(async (options: Pick<Globals, 'json'> & GenerateOptions) => {
      const { generate } = await import('./keys.ts')
      await generate({ streams, json: options.json === true }, options)
    })
  const audit = program.command('audit').description('the record of events').helpCommand(false)
  leaf(audit, 'verify', 'check that nobody changed the record').action(async (options: Globals) => {
    const { verify } = await import('./audit.ts')
    await verify(callOf(streams, options))
  })
  leaf(audit, 'export', 'print the whole record, one event a line').action(
    async (options: Globals) => {
      const { exportRecord } = await import('./audit.ts')
      await exportRecord(callOf(streams, options))
    }
  )
}

/** The values of an option that may be repeated. */
function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}

/** The version in package.json, which stands beside `src` and `dist`. */
function version(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  )
  const named =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : null
  return typeof named === 'string' ? named : 'unknown'
}
