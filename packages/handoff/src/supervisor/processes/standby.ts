// Starts a process ahead, with `--watch` or `--standby`: the next reload needs to load the program alone.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { moduleFolder } from '../../io/native/package-folder.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { startTimer, type Timer } from '../../io/system/system.ts'
import { versionOfBootFiles } from '../program/boot-files.ts'
import type { Timeouts } from '../program/environment.ts'
import { partFlags, splitNodeOptions } from '../program/node-options.ts'
import { environmentFiles, programFlags } from '../program/own-flags.ts'
import type { Program } from '../program/program.ts'
import {
  type Command,
  generationCommand,
  hasPid,
  lastPreload,
  lateVariables,
  type SpawnOptions,
} from '../program/spawn.ts'
import { reaper } from './reaper.ts'

const awaitWord = `${moduleFolder}preload/standby/await-word.js`

/** The number of the descriptor on which the process gets the word. */
const wordFd = 3

interface Held {
  readonly child: ChildProcess & { readonly pid: number }
  /** What it was started with. */
  readonly command: string
  /** What it has read. */
  readonly files: string
}

/**
 * Holds at most one process. It has loaded Node.js, this package and the loader, holds no listener, and waits in
 * read(2) for the word. If the supervisor dies, the read ends, and so does the process.
 */
export class Standby {
  readonly #directory: RunDirectory
  readonly #timeouts: Timeouts
  readonly #delayMs: number
  readonly #onEnded: () => void
  #timer: Timer | undefined
  #held: Held | undefined
  /** Processes that were killed, and have not ended yet. */
  readonly #ending = new Set<number>()

  /**
   * @param delayMs - how long after a start the next process is started: the first requests come first.
   * @param onEnded - called when a process that was not needed has ended.
   */
  constructor(directory: RunDirectory, timeouts: Timeouts, delayMs: number, onEnded: () => void) {
    this.#directory = directory
    this.#timeouts = timeouts
    this.#delayMs = delayMs
    this.#onEnded = onEnded
  }

  /** Whether a process that is not needed has yet to end. */
  get isEnding(): boolean {
    return this.#ending.size > 0
  }

  /** The process that waits. */
  get pid(): number | undefined {
    return this.#held?.child.pid
  }

  /** Starts a process for this program soon, unless one waits. */
  prepare(program: Program): void {
    this.#timer?.cancel()
    this.#timer = startTimer(this.#delayMs, () => this.#start(program), true)
  }

  /**
   * Lets the process go on as the one that these arguments describe.
   *
   * @returns undefined if none waits, or if it may have loaded what has changed since.
   */
  take(
    program: Program,
    directory: RunDirectory,
    timeouts: Timeouts,
    options: SpawnOptions,
  ): Held['child'] | undefined {
    this.#timer?.cancel()
    const held = this.#held
    if (held === undefined || options.reserved.length + options.joins.length > 0) return undefined
    // Its listeners come from the old process.
    const command = generationCommand(program, directory, timeouts, { ...options, inherited: [] })
    if (held.command !== keyOf(command) || held.files !== filesOf(command, program)) {
      this.#discard()
      return undefined
    }
    this.#held = undefined
    const word = held.child.stdio[wordFd] as Socket
    // If the process dies at this moment, its end is the end of the start.
    word.on('error', () => {})
    word.end(`${JSON.stringify(lateVariables(options))}\n`)
    return held.child
  }

  /** Ends the process that waits. */
  close(): void {
    this.#timer?.cancel()
    this.#discard()
  }

  #discard(): void {
    const child = this.#held?.child
    this.#held = undefined
    if (child?.kill('SIGKILL')) this.#ending.add(child.pid)
  }

  #start(program: Program): void {
    if (this.#held !== undefined || hasOwnPreloads(program)) return
    try {
      const { command, files } = this.#describe(program)
      const { node, flags, program: words, cwd, env } = command
      const child = spawn(node, [...waiting(flags), ...words], {
        cwd,
        env: { ...env, HANDOFF_STANDBY: String(wordFd) },
        detached: true,
        stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      })
      // The next start then does all by itself.
      child.on('error', () => {})
      if (hasPid(child)) this.#hold({ child, command: keyOf(command), files })
    } catch {
      // The entry is missing: the next start reports it.
    }
  }

  #hold(held: Held): void {
    const { child } = held
    this.#held = held
    child.unref()
    const word = child.stdio[wordFd] as Socket
    word.on('error', () => {})
    word.unref()
    reaper.onSpawned(child.pid)
    child.once('exit', () => {
      reaper.onExit(child.pid)
      if (this.#held === held) this.#held = undefined
      if (this.#ending.delete(child.pid)) this.#onEnded()
    })
  }

  #describe(program: Program): { command: Command; files: string } {
    const start = { worker: 1, generation: 1, inherited: [], reserved: [], joins: [], drop: [] }
    const options = { ...start, idle: false }
    const command = generationCommand(program, this.#directory, this.#timeouts, options)
    return { command, files: filesOf(command, program) }
  }
}

/** Preloads of the program may have changed, and an inspector would hold its port. */
function hasOwnPreloads({ flags = [] }: Program): boolean {
  const own = programFlags({ execArgv: process.execArgv, env: process.env })
  const all = [...splitNodeOptions(own.nodeOptions ?? ''), ...own.flags, ...flags]
  const noRequire = all.some((flag) => /^--no-(experimental-)?require-module$/.test(flag))
  const files = /^--env-file(-if-exists)?(=|$)/
  const { program } = partFlags(all)
  return noRequire || program.some((flag) => flag.startsWith('-') && !files.test(flag))
}

/** The process waits behind the loader, if there is one; if not, the first preload waits itself. */
function waiting(flags: readonly string[]): string[] {
  const at = flags.lastIndexOf(lastPreload)
  if (at < 0) return [...flags]
  return [...flags.slice(0, at - 1), '--import', awaitWord, ...flags.slice(at - 1)]
}

function filesOf(command: Command, { flags = [] }: Program): string {
  const own = programFlags({ execArgv: process.execArgv, env: process.env })
  const files = environmentFiles([...own.flags, ...flags])
  return versionOfBootFiles(command, [...files, fileURLToPath(awaitWord)])
}

function keyOf({ node, flags, program, cwd }: Command): string {
  return JSON.stringify([node, flags, program, cwd])
}
