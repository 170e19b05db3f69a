#!/usr/bin/env node
/** Process entry: hands the arguments to the command line and sets the exit status. Nothing else happens at import time. */
import { endWithWords, outliveReaders, processStreams } from './cli/output.ts'
import { runProgram } from './cli/program.ts'

outliveReaders()
const end = endWithWords(processStreams)
const status = await runProgram(process.argv.slice(2), processStreams)
end()
if (status !== 0) process.exitCode = status
