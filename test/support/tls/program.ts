// A program with pipes: a client that is asked by a line.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFailed, onTestFinished } from 'vitest'
import { Output } from '../output.ts'

export class Program {
  readonly printed = new Output()
  readonly complaints = new Output()
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, args, { env: { ...process.env, ...env } })
    // A program that cannot be started is noticed by what it does not print.
    this.#child.on('error', (error) => this.complaints.lines.push(`${error}`))
    this.#child.stdin.on('error', () => {})
    this.printed.collect(this.#child.stdout)
    this.complaints.collect(this.#child.stderr)
    this.#ended = once(this.#child, 'close').then(() => {
      this.printed.end()
      this.complaints.end()
    })
    onTestFailed(() => {
      console.error(`output of ${name}:\n${this.printed}\n${this.complaints}`)
    })
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.#ended
    })
  }

  say(text: string | Buffer): void {
    this.#child.stdin.write(text)
  }

  /** Ends the input of the program, and resolves when it has ended. */
  async end(): Promise<void> {
    this.#child.stdin.end()
    await this.#ended
  }
}
