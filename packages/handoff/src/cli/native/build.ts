// Builds the native core from its sources, in a temporary directory.

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { HandoffError, reasonOf } from '../../terms/errors.ts'

export interface AddonBuild {
  /** The directory of binding.gyp and its sources. It is not written to. */
  readonly sources: string
  /** The file that the addon becomes. */
  readonly output: string
  /** The script of node-gyp. */
  readonly nodeGyp: string
  /** Flags of `node-gyp rebuild`: of a cross build, or where headers are. */
  readonly flags?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Builds an addon without symbols.
 *
 * @remarks The file is put in its place by rename(2): processes that have loaded the one before keep it.
 * @throws {@link HandoffError} `ERR_HANDOFF_BUILD_FAILED` if it cannot be built or written; its cause is
 * an error with the output of node-gyp.
 */
export function buildAddon({ sources, output, nodeGyp, flags = [], env }: AddonBuild): void {
  const directory = mkdtempSync(join(tmpdir(), 'socket-handoff-'))
  try {
    cpSync(sources, directory, { recursive: true })
    runNodeGyp(directory, [nodeGyp, 'rebuild', '--release', ...flags], env ?? process.env)
    putFile(join(directory, 'build/Release/socket_handoff.node'), output)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function runNodeGyp(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  // The linker strips: a cross build needs no strip(1) of its platform.
  const strip = process.platform === 'darwin' ? '-Wl,-S,-x' : '-s'
  const LDFLAGS = [env.LDFLAGS, strip].filter(Boolean).join(' ')
  const { status, signal, error, output } = spawnSync(process.execPath, args, {
    cwd,
    env: { ...env, LDFLAGS },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status === 0) return
  const how = error ? reasonOf(error) : signal === null ? `exit code ${status}` : signal
  throw new HandoffError(
    'ERR_HANDOFF_BUILD_FAILED',
    `cannot build the native core: node-gyp failed (${how})`,
    { cause: new Error((output ?? []).join('').trimEnd()) },
  )
}

function putFile(from: string, to: string): void {
  const temporary = `${to}.${process.pid}`
  try {
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, temporary)
    renameSync(temporary, to)
  } catch (error) {
    throw new HandoffError(
      'ERR_HANDOFF_BUILD_FAILED',
      `cannot write the native core: ${reasonOf(error)}`,
      { cause: error, help: 'Run the command as the user that installed the package.' },
    )
  }
}
