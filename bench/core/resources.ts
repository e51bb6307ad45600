// Keeps the child processes and temporary directories of a run, and removes them at its end.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { alive, gone, startedWith } from '../../test/support/process-facts.ts'

/** This variable is in the environment of every process of a run, and of their children. */
const MARK = 'BENCH_RUN_ID'

const bench = fileURLToPath(new URL('../', import.meta.url))

/** How long a process has after SIGTERM, in milliseconds. */
const GRACE_MS = 5_000

export class Resources {
  readonly #mark = randomUUID()
  readonly #children = new Set<ChildProcess>()
  readonly #directories = new Set<string>()

  constructor() {
    // All children inherit it, whichever helper starts them.
    process.env[MARK] = this.#mark
  }

  /** A new directory that only this user can read. */
  directory(): string {
    return this.#make(tmpdir(), 'handoff-bench-')
  }

  /** A new directory whose programs find the packages of this repository. */
  directoryWithPackages(): string {
    return this.#make(bench, '.programs-')
  }

  /**
   * Starts a process in a session of its own. Linux shares the processor out by session (sched(7),
   * autogroup), and `handoff run` gives each generation one: no subject may have a better share.
   */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn(file, args, { detached: true, ...options })
    this.#children.add(child)
    child.on('exit', () => this.#children.delete(child))
    // A program that cannot be started ends at once; the caller sees its exit.
    child.on('error', () => this.#children.delete(child))
    return child
  }

  /** Ends all processes and removes all directories of this run. */
  async dispose(): Promise<void> {
    const pids = () => {
      const children = [...this.#children].flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
      return [...new Set([...children, ...startedWith(MARK, this.#mark)])].filter(alive)
    }
    await end(pids(), 'SIGTERM', GRACE_MS)
    await end(pids(), 'SIGKILL', GRACE_MS)
    for (const path of this.#directories) rmSync(path, { recursive: true, force: true })
    this.#directories.clear()
  }

  #make(parent: string, prefix: string): string {
    const path = mkdtempSync(join(parent, prefix))
    this.#directories.add(path)
    return path
  }
}

/** Sends a signal to processes and waits until they have gone, at most for so long. */
async function end(
  pids: readonly number[],
  signal: NodeJS.Signals,
  deadlineMs: number,
): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch {
      // It has gone since it was listed.
    }
  }
  await Promise.allSettled(pids.map((pid) => gone(pid, deadlineMs)))
}
