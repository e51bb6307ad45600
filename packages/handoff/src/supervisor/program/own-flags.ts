// Parts the flags of Node.js that the supervisor was started with: its own, and the program's.

import { joinNodeOptions, partFlags, splitNodeOptions, valuesOf } from './node-options.ts'

/** Flags and options of Node.js for the program. */
export interface ProgramFlags {
  /** From the command line of Node.js, before the command. */
  readonly flags: readonly string[]
  /** The text of NODE_OPTIONS; undefined if it was not set. */
  readonly nodeOptions: string | undefined
}

/** Variables with the options (a text) and flags (JSON) that were taken off for the program. */
const optionsVariable = 'HANDOFF_NODE_OPTIONS'
const flagsVariable = 'HANDOFF_NODE_FLAGS'

/** How the supervisor was started. */
export interface OwnStart {
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/**
 * Takes off the flags that are meant for the program: preloads, files of variables and inspectors.
 *
 * @returns how to start the supervisor instead; undefined if nothing was taken off.
 */
export function withoutProgramFlags({ execArgv, env }: OwnStart): OwnStart | undefined {
  const flags = partFlags(execArgv)
  const options = partFlags(splitNodeOptions(env.NODE_OPTIONS ?? ''))
  if (flags.program.length + options.program.length === 0) return undefined
  const { NODE_OPTIONS: nodeOptions, ...others } = env
  const rest = joinNodeOptions(options.rest)
  return {
    execArgv: flags.rest,
    env: {
      ...(nodeOptions !== undefined && { [optionsVariable]: nodeOptions }),
      ...others,
      ...(rest !== '' && { NODE_OPTIONS: rest }),
      [flagsVariable]: JSON.stringify([...readFlags(env), ...flags.program]),
    },
  }
}

/** Returns the flags for the program, whether they were taken off or not. */
export function programFlags({ execArgv, env }: OwnStart): ProgramFlags {
  return {
    flags: [...execArgv, ...readFlags(env)],
    nodeOptions: env[optionsVariable] ?? env.NODE_OPTIONS,
  }
}

function readFlags(env: NodeJS.ProcessEnv): string[] {
  return JSON.parse(env[flagsVariable] ?? '[]')
}

/** Returns the files of variables that flags name. Node.js reads them again in each process. */
export function environmentFiles(flags: readonly string[]): string[] {
  return valuesOf(flags, ['--env-file', '--env-file-if-exists'])
}
