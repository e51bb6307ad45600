// Starts the processes of one worker, one at a time.

import { closeAll } from '../../../io/channel/wire.ts'
import { HandoffError, reasonOf } from '../../../terms/errors.ts'
import type { Generations } from '../../processes/generations.ts'
import type { Program } from '../../program/program.ts'
import type { Exit } from '../../registry/process-exit.ts'
import type { Report } from '../../registry/process-report.ts'
import type { StartResult } from '../../registry/start-result.ts'
import { FirstStart } from './first-start.ts'
import type { ListenerStore } from './listener-store.ts'
import { ProcessStart } from './process-start.ts'
import { reservePlaces } from './reserved-places.ts'
import type { StartOptions, StartRequest } from './start-options.ts'

export interface StarterContext {
  readonly generations: Pick<
    Generations,
    'registry' | 'serving' | 'spawn' | 'signal' | 'findSilentHolders'
  >
  readonly store: Pick<ListenerStore, 'all'>
  /** Makes sure that a new process finds the old one. @throws {@link HandoffError} if it cannot. */
  prepare(): Promise<void>
  /** Whether a failed start may be tried again. */
  mayRetry(): boolean
  onSpawned(pid: number, program: Program): void
}

type FullRequest = StartRequest & { readonly program: Program }

export class Starter {
  readonly #options: StartOptions
  readonly #context: StarterContext
  readonly #firstStart: FirstStart
  #current: ProcessStart | undefined
  #busy = false
  #finished: Promise<unknown> = Promise.resolve()

  constructor(options: StartOptions, context: StarterContext) {
    this.#options = options
    this.#context = context
    this.#firstStart = new FirstStart(options, context.generations)
  }

  /** Whether a start is under way. */
  get busy(): boolean {
    return this.#busy
  }

  /** Resolves when no start is under way. */
  async idle(): Promise<void> {
    while (this.#busy) await this.#finished
  }

  /** The process that is about to serve. */
  get pid(): number | undefined {
    return this.#current?.pid
  }

  /**
   * Starts a process. Resolves when it serves or has ended.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_BUSY while another start is under way.
   */
  start(request: FullRequest): Promise<StartResult> {
    if (this.#busy) {
      const which = this.pid === undefined ? '' : ` (pid ${this.pid})`
      throw new HandoffError(
        'ERR_HANDOFF_BUSY',
        `cannot start a new process: another one${which} is about to serve`,
      )
    }
    this.#busy = true
    const result = this.#startWithRetries(request)
    // The caller gets the rejection.
    this.#finished = result.catch(() => {})
    return result
  }

  /** Takes note of a report of any process of this worker. */
  onReport(pid: number, report: Report): void {
    this.#current?.onReport(pid, report)
    if (report.event !== undefined) this.#firstStart.onEvent(report.event, pid === this.pid)
  }

  /** The process that is about to serve hangs, and is killed. */
  onHung(pid: number, reason: string): void {
    if (pid === this.pid) this.#current?.onHung(reason)
  }

  /** Takes note of the end of any process of this worker. */
  onExit(pid: number, exit: Exit | undefined): void {
    if (pid !== this.pid) this.#firstStart.onOtherExit()
    else this.#current?.onExit(exit ?? { code: null, signal: null })
  }

  /** The run ends: nothing is tried again. */
  stop(): void {
    this.#firstStart.stop()
  }

  async #startWithRetries(request: FullRequest): Promise<StartResult> {
    try {
      for (;;) {
        const result = await this.#startOnce(request)
        if (result.ok || !this.#context.mayRetry()) return result
        if (!(await this.#firstStart.mayRetry(result.failure))) return result
      }
    } finally {
      this.#busy = false
    }
  }

  async #startOnce(request: FullRequest): Promise<StartResult> {
    const { generations, prepare, onSpawned } = this.#context
    const { readyTimeoutMs } = this.#options.timeouts
    const { program } = request
    const { entry } = program
    let result: StartResult
    try {
      this.#firstStart.begin()
      await prepare()
      const pid = await this.#spawn(request)
      onSpawned(pid, program)
      const kill = () => generations.signal(pid, 'SIGKILL')
      this.#current = new ProcessStart({ pid, entry, readyTimeoutMs, kill })
      result = await this.#current.result
    } catch (error) {
      const { code, message } = error instanceof HandoffError ? error : cannotStart(program, error)
      result = { ok: false, failure: { code, message }, serving: 'none' }
    } finally {
      this.#current = undefined
    }
    if (result.ok || generations.serving === undefined) return result
    return { ...result, serving: 'old' }
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_ENTRY; ERR_HANDOFF_SPAWN_FAILED. */
  async #spawn({ program, joins = [], drop = [] }: FullRequest): Promise<number> {
    const { number, directory, timeouts, others: getOthers } = this.#options
    const { generations, store } = this.#context
    const others = getOthers()
    // Also if a process serves that can hand over: it may die before it has.
    const inherited = store.all
    const kept = others.flatMap((worker) => worker.kept)
    const reserved = reservePlaces(kept, new Set(inherited.map(({ name }) => name)))
    try {
      const { youngest } = generations.registry
      const serving = others.find((worker) => worker.serving !== undefined)?.serving
      const generation = youngest === 0 ? (serving?.generation ?? 1) : youngest + 1
      const idle = generations.serving?.listeners.length === 0
      const start = { worker: number, inherited, generation, reserved, joins, drop, idle }
      return await generations.spawn(program, directory, timeouts, start)
    } finally {
      // The process has its own.
      closeAll(reserved.map(({ fd }) => fd))
    }
  }
}

/** An unexpected error fails this start, and does not end the supervisor. */
function cannotStart({ entry }: Program, cause: unknown): HandoffError {
  const what = `cannot start ${entry}: ${reasonOf(cause)}`
  return new HandoffError('ERR_HANDOFF_SPAWN_FAILED', what, { cause })
}
