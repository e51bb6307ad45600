// One generation of a server without `handoff run`, and the events that it prints.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { HandoffEvent } from 'socket-handoff'
import type { Resources } from '../core/resources.ts'

const program = fileURLToPath(new URL('../programs/idle-server.ts', import.meta.url))
/** Flags of Node.js for the server, such as `--cpu-prof`. */
const flags = process.env.FLAGS?.split(' ') ?? []

export interface GenerationOptions {
  /** HTTPS in the place of HTTP. */
  readonly isSecure?: boolean
  /** How long both processes of a handoff may accept, in milliseconds. Default: 0, no ramp. */
  readonly rampMs?: number
  /** How many connections are busy: see {@link Generation.moved}. Default: 1. */
  readonly busy?: number
}

export class Generation {
  readonly exited: Promise<unknown>
  readonly #child: ChildProcess
  readonly #events: HandoffEvent[] = []
  #port: number | undefined
  #movedMs: number | undefined
  #isGone = false
  #waiting: (() => void)[] = []

  /** Starts it; generations with one directory hand over to each other. */
  constructor(resources: Resources, directory: string, options: GenerationOptions = {}) {
    const { isSecure = false, rampMs = 0, busy = 1 } = options
    const path = join(directory, 'r.sock')
    const args = [...flags, '--expose-gc', '--import', 'tsx', program, path]
    if (isSecure) args.push('secure')
    this.#child = resources.spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, HANDOFF_RAMP_MS: String(rampMs), BUSY: String(busy) },
    })
    this.exited = once(this.#child, 'close')
    this.#child.once('close', () => {
      this.#isGone = true
      this.#wake()
    })
    if (this.#child.stdout === null) throw new Error('cannot read its output: it has none.')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const message = JSON.parse(line)
      if (message.port !== undefined) this.#port = message.port
      else if (message.movedMs !== undefined) this.#movedMs = message.movedMs
      else this.#events.push(message)
      this.#wake()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  port(): Promise<number> {
    return this.#until(() => this.#port)
  }

  /** Resolves with how many milliseconds after its commit the idle connections had gone over. */
  moved(): Promise<number> {
    return this.#until(() => this.#movedMs)
  }

  /** Resolves with its first event of a type. */
  event(type: HandoffEvent['type']): Promise<HandoffEvent> {
    return this.#until(() => this.#events.find((event) => event.type === type))
  }

  /** Resolves with the stage that begins at the commit: the ramp, or the drain if there is none. */
  commit(): Promise<HandoffEvent> {
    const stages = ['ramp', 'drain']
    return this.#until(() =>
      this.#events.find(
        (event) => event.type === 'stage' && 'stage' in event && stages.includes(event.stage),
      ),
    )
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.exited
  }

  async #until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      if (this.#isGone) throw new Error(`server ${this.pid} ended before it reported that`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
