/**
 * The command line: reads commands.yaml and runs what it names. Exit status 0 done, 1 failed, 2 usage.
 * Each command loads its own code when it is called, so that a quick look does not wait for the mail libraries.
 */
import { Command, CommanderError, Option } from 'commander'
import { readBuiltIn } from '../config/built-in.ts'
// `import { type X }` would load the whole file when the program starts.
import type { Run } from './context.ts'
import { fail, type Streams, version } from './output.ts'

type Commands = Readonly<Record<string, Written>>

/** A command of commands.yaml, or a group of commands. */
type Written = {
  readonly says: string
  readonly options?: Readonly<Record<string, string | WrittenOption>>
  readonly commands?: Commands
}

type WrittenOption = {
  readonly says: string
  readonly required?: boolean
  readonly repeated?: boolean
  readonly choices?: readonly string[]
  readonly default?: string
}

const RUNS: Readonly<Record<string, () => Promise<Run>>> = {
  'postern run': async () => (await import('./run.ts')).run,
  'postern check': async () => (await import('./check.ts')).check,
  'postern open': async () => (await import('./open.ts')).open,
  'postern cases': async () => (await import('./cases.ts')).cases,
  'postern show': async () => (await import('./cases.ts')).show,
  'postern notice list': async () => (await import('./notices.ts')).listTheNotices,
  'postern notice show': async () => (await import('./notices.ts')).showNotice,
  'postern notice hold': async () => (await import('./notices.ts')).holdNotice,
  'postern members list': async () => (await import('./members.ts')).listTheMembers,
  'postern members add': async () => (await import('./members.ts')).addMember,
  'postern members remove': async () => (await import('./members.ts')).removeTheMember,
  'postern policy check': async () => (await import('./policy.ts')).checkPolicy,
  'postern policy show': async () => (await import('./policy.ts')).showPolicy,
  'postern outbox list': async () => (await import('./outbox.ts')).listTheOutbox,
  'postern outbox retry': async () => (await import('./outbox.ts')).retryTheOutbox,
  'postern keys list': async () => (await import('./keys.ts')).list,
  'postern keys generate': async () => (await import('./keys.ts')).generate,
  'postern audit verify': async () => (await import('./audit.ts')).verify,
  'postern audit export': async () => (await import('./audit.ts')).exportRecord
}

/** Parses `args` (without node and script), runs the command and returns the exit status. */
export async function runProgram(args: readonly string[], streams: Streams): Promise<number> {
  let status = 0
  const program = new Command('postern')
    .description("The daemon behind a software project's security@ address.")
    .version(version())
    .exitOverride()
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .addHelpText('beforeAll', ({ error, command }) => (error ? incomplete(command) : ''))
  const run = async (command: Command): Promise<void> => {
    const options = command.opts<{ readonly config: string; readonly json?: boolean }>()
    const load = RUNS[pathOf(command)]
    const ended = await (await load?.())?.({
      streams,
      config: options.config,
      isConfigNamed: command.getOptionValueSource('config') !== 'default',
      json: options.json === true,
      argument: command.args[0] ?? '',
      options: options as never
    })
    status = ended ?? 0
  }
  addCommands(program, readBuiltIn('cli/commands.yaml') as Commands, run)
  try {
    await program.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    if (!(error instanceof CommanderError)) return fail(streams, error)
    return error.exitCode === 0 ? 0 : 2
  }
}

function addCommands(
  group: Command,
  commands: Commands,
  run: (command: Command) => Promise<void>
): void {
  const path = pathOf(group)
  const its = group.parent === null ? 'the' : 'its'
  // When an option stands in the place of a command, say that the command is missing.
  group.allowUnknownOption().showHelpAfterError(`(${path} --help lists ${its} commands)`)
  for (const [usage, written] of Object.entries(commands)) {
    const command = group.command(usage).description(written.says)
    if (written.commands !== undefined) {
      addCommands(command, written.commands, run)
      continue
    }
    command
      .showHelpAfterError(`(${pathOf(command)} --help explains the command)`)
      .option('--config <file>', 'the configuration file', 'postern.yaml')
      .action(async () => {
        await run(command)
      })
    if (usage !== 'run') command.option('--json', 'print JSON')
    for (const [flags, option] of Object.entries(written.options ?? {}))
      command.addOption(optionOf(flags, option))
  }
}

function optionOf(flags: string, written: string | WrittenOption): Option {
  if (typeof written === 'string') return new Option(flags, written)
  const { says, required = false, repeated = false, choices } = written
  const option = new Option(flags, says).makeOptionMandatory(required).default(written.default)
  if (choices !== undefined) option.choices(choices)
  return repeated ? option.argParser(more) : option
}

/** As typed: `postern`, `postern audit`. */
function pathOf(command: Command): string {
  return `${command.parent === null ? '' : `${pathOf(command.parent)} `}${command.name()}`
}

/** What stands above the help where a command is not complete. */
function incomplete(command: Command): string {
  const path = pathOf(command)
  return `error: the command is not complete: after "${path}" write one of its commands, then the options, for example "${path} ${command.commands[0]?.name()} --config FILE".\n`
}

function more(value: string, before: readonly string[] = []): string[] {
  return [...before, value]
}
