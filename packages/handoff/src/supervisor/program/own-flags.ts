// What the supervisor was started with by Node.js itself: its own part, and the program's.

import { joinNodeOptions, partFlags, splitNodeOptions, valuesOf } from './node-options.ts'

/** Flags and options of Node.js that the program is to be started with. */
export interface ProgramFlags {
  /** From the command line of Node.js, before the command. */
  readonly flags: readonly string[]
  /** The text of NODE_OPTIONS; undefined where it was not set. */
  readonly nodeOptions: string | undefined
}

/** Where a process finds what another one, or `bin/handoff.mjs`, has taken off: a text, and JSON. */
const optionsVariable = 'HANDOFF_NODE_OPTIONS'
const flagsVariable = 'HANDOFF_NODE_FLAGS'

/** How a process of ours was started. */
export interface Start {
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/**
 * Takes off what is meant for the program: preloads, files of variables and inspectors.
 *
 * @returns how the supervisor is to be started instead; undefined where there is nothing to take off.
 */
export function withoutProgramFlags({ execArgv, env }: Start): Start | undefined {
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

/** What the program is to be started with, whether it was taken off or not. */
export function programFlags({ execArgv, env }: Start): ProgramFlags {
  return {
    flags: [...execArgv, ...readFlags(env)],
    nodeOptions: env[optionsVariable] ?? env.NODE_OPTIONS,
  }
}

function readFlags(env: NodeJS.ProcessEnv): string[] {
  return JSON.parse(env[flagsVariable] ?? '[]')
}

/** The files of variables that flags name; Node.js reads them anew in each process. */
export function environmentFiles(flags: readonly string[]): string[] {
  return valuesOf(flags, ['--env-file', '--env-file-if-exists'])
}
