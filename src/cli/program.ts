/**
 * The command line: names, arguments and options of every command, nothing else. Exit status 0 done, 1 failed, 2 usage.
 * Each command loads its own code when it is called, so that a quick look does not wait for the mail libraries.
 */
import { Command, CommanderError, Option } from 'commander'
// `import { type X }` would load the whole file when the program starts.
import type { OutboxState } from '../store/outbox.ts'
import type { Run } from './context.ts'
import { fail, type Streams, version } from './output.ts'

/** Makes a command, which the function `name` of a file runs. */
type Make = <N extends string>(
  usage: string,
  says: string,
  load: () => Promise<Readonly<Record<N, Run>>>,
  name: N
) => Command

const run = () => import('./run.ts')
const check = () => import('./check.ts')
const open = () => import('./open.ts')
const cases = () => import('./cases.ts')
const notices = () => import('./notices.ts')
const members = () => import('./members.ts')
const policy = () => import('./policy.ts')
const outbox = () => import('./outbox.ts')
const keys = () => import('./keys.ts')
const audit = () => import('./audit.ts')

const OUTBOX_STATES = ['queued', 'sending', 'sent', 'given-up', 'held'] satisfies OutboxState[]
const WITHOUT_JSON = 'run'
const GROUPS: Readonly<Record<string, string>> = {
  notice: 'advance notices',
  members: 'the private distribution list',
  policy: 'disclosure policies',
  outbox: 'messages that Postern sends',
  keys: 'OpenPGP keys',
  audit: 'the record of events'
}

/** Parses `args` (without node and script), runs the command and returns the exit status. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  let status = 0
  const program = new Command('postern')
    .description("The daemon behind a software project's security@ address.")
    .version(version())
    .exitOverride()
    .showHelpAfterError('(postern --help lists the commands)')
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
  program.helpCommand(false)
  const make = maker(program, streams, (code) => (status = code))
  addDesk(make)
  addLists(make)
  addOperations(make)
  try {
    await program.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(streams, error)
    return error.exitCode === 0 ? 0 : 2
  }
}

/** Every command that can use them has `--config` and `--json`. */
function maker(program: Command, streams: Streams, setStatus: (status: number) => void): Make {
  return (usage, says, load, name) => {
    const [first = '', ...rest] = usage.split(' ')
    const command = Object.hasOwn(GROUPS, first)
      ? groupIn(program, first).command(rest.join(' '))
      : program.command(usage)
    command.description(says).option('--config <file>', 'the configuration file', 'postern.yaml')
    if (usage !== WITHOUT_JSON) command.option('--json', 'print JSON')
    return command.action(async () => {
      const options = command.opts<{ readonly config: string; readonly json?: boolean }>()
      const file = await load()
      const status = await file[name]({
        streams,
        config: options.config,
        isConfigNamed: command.getOptionValueSource('config') !== 'default',
        json: options.json === true,
        argument: command.args[0] ?? '',
        options: options as never
      })
      setStatus(status ?? 0)
    })
  }
}

function groupIn(program: Command, name: string): Command {
  const group = program.commands.find((one) => one.name() === name)
  if (group !== undefined) return group
  return program
    .command(name)
    .description(GROUPS[name] ?? '')
    .helpCommand(false)
}

function addDesk(make: Make): void {
  make('run', 'watch the inbox until stopped', run, 'run').option(
    '--once',
    'process all waiting mail and everything that is due, send it, then exit'
  )
  make('check', 'check the configuration, keys and policies, without any network', check, 'check')
  make(
    'open <file>',
    'open a file with one message as the daemon would, and print what it finds',
    open,
    'open'
  )
    .option('--secret-key <file>', 'open with this private key, not with the configured one')
    .option('--passphrase-file <file>', 'the file with the passphrase of that key')
    .option('--cert <file>', 'verify signatures with this certificate; may be repeated', more, [])
    .option('--at <instant>', 'judge keys at this time (RFC 3339)')
  make('cases', 'list open cases', cases, 'cases').option(
    '--all',
    'also list closed and rejected cases'
  )
  make('show <case>', 'show one case with its messages and its history', cases, 'show')
}

function addLists(make: Make): void {
  make('notice list', 'list notices', notices, 'listTheNotices')
  make('notice show <case>', 'show the notice of a case and its deliveries', notices, 'showNotice')
  make(
    'notice hold <case>',
    'put the notice of a case on hold, with all copies that were not sent yet',
    notices,
    'holdNotice'
  )
  make('members list', 'list members', members, 'listTheMembers')
  make('members add', 'add a member', members, 'addMember')
    .requiredOption('--id <id>', 'short name of lower-case letters, digits and "-"')
    .requiredOption('--name <name>', 'name of the person or organisation')
    .requiredOption('--address <address>', 'the address that notices are sent to')
    .requiredOption('--key <file>', "the member's OpenPGP public key")
    .requiredOption('--product <id>', 'send notices about this product; may be repeated', more)
  make('members remove <id>', 'remove a member from the list', members, 'removeTheMember')
}

function addOperations(make: Make): void {
  make(
    'policy check <policy>',
    'check a policy file, or a built-in policy by its name',
    policy,
    'checkPolicy'
  )
  make(
    'policy show <policy>',
    'print a policy line by line, with what Postern does about each line',
    policy,
    'showPolicy'
  )
  make('outbox list', 'list messages, newest first', outbox, 'listTheOutbox').addOption(
    new Option('--state <state>', 'list only this state').choices(OUTBOX_STATES)
  )
  make(
    'outbox retry <number>',
    'send a message again that was given up or held',
    outbox,
    'retryTheOutbox'
  )
  make('keys list', 'list the desk key and the keys of the maintainers', keys, 'list')
  make('keys generate', 'make a new desk key', keys, 'generate')
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
  make('audit verify', 'check that nobody changed the record', audit, 'verify')
  make('audit export', 'print the whole record, one event a line', audit, 'exportRecord')
}

function more(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
