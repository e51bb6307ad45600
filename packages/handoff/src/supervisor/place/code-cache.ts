// Keeps the compiled code of this package for the generations of a run.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { moduleFolder } from '../../io/native/package-folder.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { processVariables } from '../../io/system/process-variables.ts'
import { startTimer, type Timer } from '../../io/system/system.ts'
import { reaper } from '../processes/reaper.ts'
import { codeCache } from '../program/environment.ts'
import { joinNodeOptions, splitNodeOptions } from '../program/node-options.ts'
import { programFlags } from '../program/own-flags.ts'
import type { Program } from '../program/program.ts'
import { removeCache } from './remove-cache.ts'

const writer = fileURLToPath(new URL('preload/write-code-cache.cjs', moduleFolder))

/** How long a process serves before the code is compiled, in milliseconds: its first requests come first. */
const delayMs = 1_000

/** Flags that V8 counts when it compares code, and that do nothing else in a process that only compiles. */
const ofV8 =
  /^--(max|min)[-_](old|semi)[-_]space[-_]size|^--max[-_]heap[-_]size|^--stack[-_](size|trace[-_]limit)|^--expose[-_]gc/

export class CodeCache {
  readonly #directory: string
  /** The node whose code is there, or is on its way. */
  #node: string | undefined
  #timer: Timer | undefined
  #child: ChildProcess | undefined

  constructor(directory: RunDirectory) {
    this.#directory = codeCache(directory)
    // V8 trusts the files, and a machine that lost power may have cut them off.
    removeCache(this.#directory)
  }

  /** A process of this program serves. Its successors get the code. */
  onServing(program: Program): void {
    if (program.node === this.#node) return
    this.#node = program.node
    this.#timer?.cancel()
    this.#timer = startTimer(delayMs, () => this.#write(program), true)
  }

  /**
   * Resolves when no process writes any more: another release is about to remove the code. If it does not, the
   * next process that serves has the code written.
   */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#node = undefined
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** As {@link stop}, and removes the code. */
  async close(): Promise<void> {
    await this.stop()
    removeCache(this.#directory)
  }

  #write({ node, flags = [] }: Program): void {
    const own = programFlags({ execArgv: process.execArgv, env: process.env })
    const options = splitNodeOptions(own.nodeOptions ?? '').filter(isOfV8)
    const env: NodeJS.ProcessEnv = { ...process.env, NODE_OPTIONS: joinNodeOptions(options) }
    for (const name of processVariables) delete env[name]
    const command = [...[...own.flags, ...flags].filter(isOfV8), writer, this.#directory]
    const child = spawn(node, command, { env, stdio: 'ignore' })
    // Without the code a generation compiles it itself.
    child.on('error', () => {})
    const { pid } = child
    if (pid === undefined) return
    this.#child = child
    reaper.onSpawned(pid)
    child.once('exit', () => {
      this.#child = undefined
      reaper.onExit(pid)
    })
  }
}

function isOfV8(flag: string): boolean {
  return ofV8.test(flag)
}
