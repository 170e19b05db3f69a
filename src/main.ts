#!/usr/bin/env node
/** Process entry: hands the arguments to the command line and sets the exit status. Nothing else happens at import time. */
import { outliveReaders, processStreams } from './cli/output.ts'
import { runProgram } from './cli/program.ts'

outliveReaders()
const status = await runProgram(process.argv.slice(2), processStreams)
if (status !== 0) process.exitCode = status
