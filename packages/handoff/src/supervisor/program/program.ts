// The program of a run, and which of several is in force.

import { resolve } from 'node:path'

/** The program that each start runs. */
export interface Program {
  /** As the operator wrote it. Each start looks for the file again. */
  readonly entry: string
  readonly args: readonly string[]
  /** Flags of Node.js for the program alone; absent in the state of an older release. */
  readonly flags?: readonly string[]
  readonly workingDirectory: string
  /** The executable of Node.js. */
  readonly node: string
}

/** What a reload changes: absolute paths. What is absent stays. */
export type ProgramChange = Partial<Pick<Program, 'entry' | 'workingDirectory' | 'node'>>

/** The names that the control endpoint has for the parts of a change: see control-request.ts. */
const names = { entry: 'entry', workingDirectory: 'cwd', node: 'node' } as const

/** Writes a change into a request. */
export function writeChange(change: ProgramChange, query: URLSearchParams): void {
  for (const part of Object.keys(names) as (keyof typeof names)[]) {
    const path = change[part]
    if (path !== undefined) query.set(names[part], path)
  }
}

/** A program as `status` shows it. */
export interface ProgramStatus {
  entry: string
  workingDirectory: string
  node: string
}

export function describeProgram({ entry, workingDirectory, node }: Program): ProgramStatus {
  return { entry: resolve(workingDirectory, entry), workingDirectory, node }
}

/**
 * Records the program of each process. The program of the process that served last is in force: the next
 * reload, or the start after a crash, runs it. A process that fails, or from which the old one takes back,
 * does not change that.
 */
export class Programs {
  readonly #byPid = new Map<number, Program>()
  #inForce: Program

  constructor(first: Program) {
    this.#inForce = first
  }

  get inForce(): Program {
    return this.#inForce
  }

  /** By pid. */
  get all(): (readonly [number, Program])[] {
    return [...this.#byPid]
  }

  onSpawned(pid: number, program: Program): void {
    this.#byPid.set(pid, program)
  }

  /** A process that the supervisor has not started (a server restarts itself) runs the program in force. */
  onServing(pid: number): void {
    this.#inForce = this.#byPid.get(pid) ?? this.#inForce
    this.#byPid.set(pid, this.#inForce)
  }

  onExit(pid: number): void {
    this.#byPid.delete(pid)
  }
}
