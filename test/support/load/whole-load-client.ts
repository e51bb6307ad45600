// The test's or benchmark's end of the process of the clients.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Target } from './send.ts'
import { type Cut, type Report, type WholeOptions, wholeOptions } from './whole-load.ts'
import type { Call, Requests, Result } from './whole-load-process.ts'

const entry = fileURLToPath(new URL('whole-load-process.ts', import.meta.url))

/** The load of {@link wholeOptions}, in a process of its own. */
export class WholeLoadClient {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #waiting = new Map<number, (result: Result) => void>()
  #calls = 0

  private constructor() {
    this.#child = fork(entry, { execArgv: ['--import', 'tsx'], serialization: 'advanced' })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', (result: Result) => {
      this.#waiting.get(result.id)?.(result)
      this.#waiting.delete(result.id)
    })
    this.#child.on('exit', (code, signal) => {
      const error = `the process of the clients ended: ${signal ?? code}`
      for (const [id, settle] of this.#waiting) settle({ id, error })
      this.#waiting.clear()
    })
  }

  /** Resolves when every connection is open and in use. */
  static async start(
    target: Target,
    options: Partial<WholeOptions> = {},
  ): Promise<WholeLoadClient> {
    const client = new WholeLoadClient()
    await client.#ask('start', target, { ...wholeOptions, ...options })
    return client
  }

  /** Resolves when each kept connection and each WebSocket has had so many more answers. */
  more(answers: number): Promise<void> {
    return this.#ask('more', answers)
  }

  /** The handoff that begins now is one whose new process is to be killed. */
  expectDeath(): Promise<void> {
    return this.#ask('expectDeath')
  }

  /** Stops a process so many milliseconds from now, and kills it after so many more. */
  kill(pid: number, times: { stopAfterMs: number; holdMs: number }): Promise<void> {
    return this.#ask('kill', pid, times)
  }

  /** The old process said that it serves again. */
  settle(): Promise<Cut> {
    return this.#ask('settle')
  }

  /** Ends the load, and tells what became of it. */
  async stop(): Promise<Report> {
    const report = await this.#ask('stop')
    await this.dispose()
    return report
  }

  /** Ends the process, whatever it is doing. */
  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  async #ask<Name extends keyof Requests>(
    name: Name,
    ...args: Parameters<Requests[Name]>
  ): Promise<Awaited<ReturnType<Requests[Name]>>> {
    const id = this.#calls++
    const result = await new Promise<Result>((resolve) => {
      this.#waiting.set(id, resolve)
      if (this.#child.connected) this.#child.send({ id, name, args } satisfies Call)
      else resolve({ id, error: 'the process of the clients has ended' })
    })
    if ('error' in result) throw new Error(`cannot ${name}: ${result.error}`)
    return result.value as Awaited<ReturnType<Requests[Name]>>
  }
}
