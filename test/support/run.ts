// A server under `handoff run`, in a directory of its own, that leaves nothing behind.

import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HandoffEvent } from 'socket-handoff'
import { expect, onTestFailed, onTestFinished } from 'vitest'
import type { Status } from '../../packages/handoff/src/supervisor/registry/run-status.ts'
import { cli, spawnCli } from './cli.ts'
import type { Target } from './load/send.ts'
import { Output } from './output.ts'
import { alive, gone, startedWith } from './process-facts.ts'
import { readStatus } from './status.ts'
import { until } from './until.ts'

/** Marks every process of a run, orphans too; HANDOFF_… would be taken from generations. */
const MARK = 'TEST_RUN_ID'

export interface RunOptions {
  /** Flags of `handoff run`, before the entry. */
  flags?: readonly string[]
  /** Arguments of the entry. */
  args?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** The limit on open descriptors of supervisor and generations. */
  openFiles?: number
  /** An earlier run whose directory and mark this one shares: it takes over from it. */
  after?: Run
}

/** What `handoff reload` did. */
export interface Reload {
  exitCode: number | null
  events: HandoffEvent[]
  /** The code of the abort or take-back, when there was one. */
  code: string | undefined
  /** Everything printed, for failure messages. */
  text: string
}

/** Starts a fixture under `handoff run`, and resolves when its supervisor reports that it serves. */
export async function startRun(fixture: string, options: RunOptions = {}): Promise<Run> {
  const run = new Run(fixture, options)
  onTestFailed(() => console.error(`output of ${fixture}:\n${run.output}`))
  onTestFinished(() => run.remove())
  await run.serving(await run.listening())
  return run
}

export class Run {
  readonly name = 'test'
  readonly output = new Output()
  readonly supervisor: ChildProcess
  /** The HANDOFF_DIR of this run. */
  readonly directory: string
  /** Where the server listens: the port or Unix path that the fixture printed. */
  target: Target = {}
  readonly #env: NodeJS.ProcessEnv
  /** The value of {@link MARK} in the environment of every process of this run. */
  readonly mark: string

  constructor(fixture: string, options: RunOptions) {
    const { flags = [], args = [], env = {}, openFiles, after } = options
    this.directory = after?.directory ?? mkdtempSync(join(tmpdir(), 'handoff-test-'))
    this.mark = after?.mark ?? randomUUID()
    this.#env = { HANDOFF_DIR: this.directory, [MARK]: this.mark, ...env }
    const entry = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url))
    this.supervisor = spawnCli(['run', '--name', this.name, ...flags, entry, ...args], {
      env: this.#env,
      openFiles,
    })
    if (this.supervisor.stdout) this.output.collect(this.supervisor.stdout)
    if (this.supervisor.stderr) this.output.collect(this.supervisor.stderr, '! ')
    this.supervisor.on('close', () => this.output.end())
  }

  /** The path where generations meet. */
  get rendezvous(): string {
    return join(this.directory, this.name, 'rendezvous.sock')
  }

  /** Resolves with the pid once the fixture has printed `listening PID WHERE` at or after a line. */
  async listening(from = 0): Promise<number> {
    const [, pid, where = ''] = await this.output.waitFor(/^listening (\d+) (\S+)/, { from })
    this.target = where.startsWith('/') ? { socketPath: where } : { port: Number(where) }
    return Number(pid)
  }

  /**
   * Resolves when the supervisor reports that the process serves. A program listens a moment before that, and a
   * command in between is refused: a start is under way.
   */
  async serving(pid: number): Promise<void> {
    await this.output.waitFor(new RegExp(`^! .*generation \\d+ \\(pid ${pid}\\) serves `))
  }

  /** Runs `handoff reload` to its end. */
  async reload(...flags: string[]): Promise<Reload> {
    const { exitCode, stdout, stderr } = await cli(
      ['reload', this.name, '--json', ...flags],
      this.#env,
    )
    const events = stdout.lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    const failure = events.findLast((event) => 'code' in event)
    return { exitCode, events, code: failure?.code, text: `${stdout}\n${stderr}\n${this.output}` }
  }

  /** Reloads and fails the test unless the new generation serves. */
  async reloadWell(): Promise<void> {
    const { exitCode, text } = await this.reload()
    expect(exitCode, text).toBe(0)
  }

  /** Reloads, and resolves when the old process has exited: each connection is in the new one, or closed. */
  async replace(): Promise<void> {
    const { exitCode, text } = await this.reload('--wait', 'exit')
    expect(exitCode, text).toBe(0)
  }

  async status(): Promise<Status> {
    return await readStatus(join(this.directory, this.name))
  }

  /** Waits until so many workers serve, and gives their pids in the order of their numbers. */
  async workersServe(count: number): Promise<number[]> {
    return await until(`${count} workers serve`, async () => {
      const pids = (await this.status()).workers.map(({ serving }) => serving)
      return pids.length === count && !pids.includes(null) && (pids as number[])
    })
  }

  /** The living processes of this run: supervisor, generations and commands. */
  processes(): number[] {
    return startedWith(MARK, this.mark)
  }

  /** Stops by `handoff stop`, and fails the test if a process, a file or a directory is left. */
  async stop(): Promise<void> {
    const ended = once(this.supervisor, 'close')
    const { exitCode, stderr } = await cli(['stop', this.name], this.#env)
    expect(exitCode, `${stderr}\n${this.output}`).toBe(0)
    expect((await ended)[0], `${this.output}`).toBe(0)
    this.expectNothingLeft()
    expect(readdirSync(this.directory), 'the directory of the run').toEqual([])
  }

  /** Fails the test if a process of this run lives or a file of it is there. */
  expectNothingLeft(): void {
    expect(this.processes(), `${this.output}`).toEqual([])
    expect(files(this.directory)).toEqual([])
  }

  /** Kills what a failed or destructive test left, and removes the directory. */
  async remove(): Promise<void> {
    const pids = this.processes()
    for (const pid of pids) if (alive(pid)) process.kill(pid, 'SIGKILL')
    for (const pid of pids) await gone(pid)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
}
