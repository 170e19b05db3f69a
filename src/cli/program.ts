/**
 * The command line: names, arguments and options of every command, nothing else. Exit status 0 done, 1 failed, 2 usage.
 * Each command loads its own code when it is called, so that a quick look does not wait for the mail libraries.
 */
import { Command, CommanderError, Option } from 'commander'
// `import { type X }` would load the whole file when the program starts.
import type { Arrival } from '../store/arrivals.ts'
import type { OutboxState } from '../store/outbox.ts'
import type { Run } from './context.ts'
import { fail, type Streams, version } from './output.ts'

type RunsOf<File> = { [Name in keyof File]: File[Name] extends Run ? Name : never }[keyof File]
/** Makes commands; each runs one function of the file that `load` imports. */
type Make = <File>(
  load: () => Promise<File>,
  under?: Command
) => (usage: string, says: string, runs: RunsOf<File>) => Command

const ARRIVAL_STATES = ['held', 'left', 'pending', 'done'] satisfies Arrival['state'][]
const OUTBOX_STATES = ['queued', 'sending', 'sent', 'given-up', 'held'] satisfies OutboxState[]

/** Parses `args` (without node and script), runs the command and returns the exit status. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  let status = 0
  const program = new Command('postern')
    .description("The daemon behind a software project's security@ address.")
    .version(version())
    .exitOverride()
    // When an option stands in the place of a command, say that the command is missing. Groups do the same.
    .allowUnknownOption()
    .showHelpAfterError('(postern --help lists the commands)')
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .addHelpText('beforeAll', ({ error, command }) => (error ? incomplete(command) : ''))
  /** Every command has `--config`, and every one but `run` has `--json`. */
  const make: Make =
    (load, under = program) =>
    (usage, says, runs) => {
      const command = under
        .command(usage)
        .description(says)
        .showHelpAfterError(`(${pathOf(under)} ${usage.split(' ')[0]} --help explains the command)`)
        .option('--config <file>', 'the configuration file', 'postern.yaml')
      if (usage !== 'run') command.option('--json', 'print JSON')
      return command.action(async () => {
        const options = command.opts<{ readonly config: string; readonly json?: boolean }>()
        const run = (await load())[runs] as Run
        const ended = await run({
          streams,
          config: options.config,
          isConfigNamed: command.getOptionValueSource('config') !== 'default',
          json: options.json === true,
          argument: command.args[0] ?? '',
          options: options as never
        })
        status = ended ?? 0
      })
    }
  addDesk(make)
  const group = (name: string, says: string): Command =>
    program
      .command(name)
      .description(says)
      .allowUnknownOption()
      .showHelpAfterError(`(postern ${name} --help lists its commands)`)
  addLists(make, group)
  addOperations(make, group)
  try {
    await program.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(streams, error)
    return error.exitCode === 0 ? 0 : 2
  }
}

/** As typed: `postern`, `postern audit`. */
function pathOf(command: Command): string {
  return `${command.parent === null ? '' : `${pathOf(command.parent)} `}${command.name()}`
}

/** What stands above the help where a command is not complete. */
function incomplete(command: Command): string {
  const path = pathOf(command)
  const [first] = command.commands
  return `error: the command is not complete: after "${path}" write one of its commands, for example "${path} ${first?.name()} ${first?.usage()}".\n`
}

function addDesk(make: Make): void {
  const run = make(() => import('./run.ts'))
  run('run', 'watch the inbox until stopped', 'run').option(
    '--once',
    'process all waiting mail and everything that is due, send it, then exit'
  )
  const check = make(() => import('./check.ts'))
  check('check', 'check the configuration, keys and policies, without any network', 'check')
  const open = make(() => import('./open.ts'))
  open(
    'open <file>',
    'open a file with one message as the daemon would, and print what it finds',
    'open'
  )
    .option('--secret-key <file>', 'open with this private key, not with the configured one')
    .option('--passphrase-file <file>', 'the file with the passphrase of that key')
    .option('--cert <file>', 'verify signatures with this certificate; may be repeated', more, [])
    .option('--at <instant>', 'judge keys at this time (RFC 3339)')
  const cases = make(() => import('./cases.ts'))
  cases('cases', 'list open cases', 'cases').option('--all', 'also list closed and rejected cases')
  cases('show <case>', 'show one case with its messages and its history', 'show')
}

type Group = (name: string, says: string) => Command

function addLists(make: Make, group: Group): void {
  const notice = make(() => import('./notices.ts'), group('notice', 'advance notices'))
  notice('list', 'list notices', 'listTheNotices')
  notice('show <case>', 'show the notice of a case and its deliveries', 'showNotice')
  notice(
    'hold <case>',
    'put the notice of a case on hold, with all copies that were not sent yet',
    'holdNotice'
  )
  const member = make(
    () => import('./members.ts'),
    group('members', 'the private distribution list')
  )
  member('list', 'list members', 'listTheMembers')
  member('add', 'add a member', 'addMember')
    .requiredOption('--id <id>', 'short name of lower-case letters, digits and "-"')
    .requiredOption('--name <name>', 'name of the person or organisation')
    .option(
      '--address-file <file>',
      'file with the address that notices are sent to, - for standard input (default: the one address in the key)'
    )
    .requiredOption('--key <file>', "the member's OpenPGP public key")
    .requiredOption('--product <id...>', 'send notices about these products')
  member('remove <id>', 'remove a member from the list', 'removeTheMember')
}

function addOperations(make: Make, group: Group): void {
  const policy = make(() => import('./policy.ts'), group('policy', 'disclosure policies'))
  policy('check <policy>', 'check a policy file, or a built-in policy by its name', 'checkPolicy')
  policy(
    'show <policy>',
    'print a policy line by line, with what Postern does about each line',
    'showPolicy'
  )
  make(() => import('./files.ts'))(
    'files <number>',
    'write the files of a received message into a folder',
    'writeFiles'
  ).option('--out <folder>', 'the folder', 'files')
  const outbox = make(() => import('./outbox.ts'), group('outbox', 'messages that Postern sends'))
  outbox('list', 'list messages, newest first', 'listTheOutbox').addOption(
    new Option('--state <state>', 'list only this state').choices(OUTBOX_STATES)
  )
  outbox('retry <number>', 'send a message again that was given up or held', 'retryTheOutbox')
  const received = make(() => import('./received.ts'), group('received', 'messages that came'))
  received('list', 'list messages on hold, newest first', 'listReceived').addOption(
    new Option('--state <state>', 'list this state').choices(ARRIVAL_STATES).default('held')
  )
  received(
    'show <number>',
    'show what became of a message, and where it is',
    'showReceived'
  ).option('--out <file>', 'write the message into this file')
  received('retry <number>', 'have a message that is on hold handled again', 'retryReceived')
  const keys = make(() => import('./keys.ts'), group('keys', 'OpenPGP keys'))
  keys('list', 'list the desk key and the keys of the maintainers', 'list')
  keys('generate', 'make a new desk key', 'generate')
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
  const audit = make(() => import('./audit.ts'), group('audit', 'the record of events'))
  audit('verify', 'check that nobody changed the record', 'verify')
  audit('export', 'print the whole record, one event a line', 'exportRecord')
}

function more(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
