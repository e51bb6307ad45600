// Programs as a service manager starts them, without `handoff run` above them.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { onTestFailed, onTestFinished } from 'vitest'
import { Output } from './output.ts'
import { alive, gone, startedWith } from './process-facts.ts'
import { scratchDirectory } from './scratch.ts'

export const serviceEntry = fileURLToPath(new URL('../fixtures/service.mjs', import.meta.url))

/** Marks every process of a service, those that it starts by itself too. */
const MARK = 'TEST_SERVICE_ID'

export interface ServiceOptions {
  env?: NodeJS.ProcessEnv
  /** Descriptors that it gets, from 3 on. */
  descriptors?: readonly number[]
}

/** Whether a program of systemd is installed here. */
export function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A program and all that comes of it; what is left when the test ends is killed. */
export class Service {
  readonly output = new Output()
  readonly child: ChildProcess
  readonly #mark = randomUUID()
  #read = 0

  constructor(command: readonly string[], { env = {}, descriptors = [] }: ServiceOptions = {}) {
    const [file = '', ...args] = command
    const directory = scratchDirectory()
    this.child = spawn(file, args, {
      env: {
        PATH: process.env.PATH,
        HANDOFF_DIR: directory,
        NO_COLOR: '1',
        [MARK]: this.#mark,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', ...descriptors],
    })
    if (this.child.stdout) this.output.collect(this.child.stdout)
    if (this.child.stderr) this.output.collect(this.child.stderr, '! ')
    this.child.on('close', () => this.output.end())
    onTestFailed(() => console.error(`output of ${command.join(' ')}:\n${this.output}`))
    onTestFinished(() => this.#remove())
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** Waits for the next server that listens. */
  async listens(): Promise<{ pid: number; port: number }> {
    const match = await this.output.waitFor(/^listening (\d+) (\d+)/, { from: this.#read })
    this.#read = this.output.lines.indexOf(match.input, this.#read) + 1
    return { pid: Number(match[1]), port: Number(match[2]) }
  }

  async #remove(): Promise<void> {
    const pids = new Set([...startedWith(MARK, this.#mark), this.pid])
    for (const pid of pids) if (alive(pid)) process.kill(pid, 'SIGKILL')
    for (const pid of pids) await gone(pid)
  }
}
