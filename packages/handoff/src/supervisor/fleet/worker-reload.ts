// One worker's part of a reload: its start, and what becomes of the old process after it.

import { HandoffError } from '../../terms/errors.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import type { Failure, StartResult } from '../registry/start-result.ts'
import type { StartRequest } from '../worker/start/start-options.ts'
import type { Worker } from '../worker/worker.ts'
import { type DrainReport, OldConnections } from './old-connections.ts'

/**
 * How long to wait, in milliseconds, until the old process reports what has gone over. It does so when all
 * connections at rest have; a process that is busy, or of an older release, may not.
 */
const reportTimeoutMs = 1_000

const bothEnded: StartResult = {
  ok: false,
  failure: {
    code: 'ERR_HANDOFF_EXITED',
    message: 'cannot wait for the old process: the new one has ended before it.',
  },
  serving: 'none',
}

export class WorkerReload {
  readonly worker: Worker
  /** Whether a process served here before. */
  readonly replaces: boolean
  /** Resolves when the new process serves or has ended. */
  readonly result: Promise<StartResult>
  readonly #connections: OldConnections
  readonly #takeBacks = new Map<number, Failure>()
  /** Whether the new process serves, as far as is known. */
  serves = false
  /** Milliseconds from the beginning of the whole reload until the new process served. */
  servesAfterMs = 0

  /**
   * Starts the new process.
   *
   * @param began - when the whole reload began, by {@link performance.now}.
   */
  constructor(worker: Worker, request: StartRequest, began: number) {
    this.worker = worker
    this.replaces = worker.serving !== undefined
    this.result = start(worker, request).then((result) => {
      this.serves = result.ok
      this.servesAfterMs = Math.round(performance.now() - began)
      return result
    })
    // From now on: an old process may take back before it is known as the old process.
    this.#connections = new OldConnections(worker.serving)
    worker.events.on('event', this.#onEvent)
  }

  /**
   * Checks again whether the new process serves. Resolves when the old process has reported its
   * connections, or has ended.
   *
   * @param waitForExit - whether to wait until the old process has ended in any case.
   */
  async confirm(waitForExit = false): Promise<StartResult> {
    const result = await this.result
    if (!result.ok) return result
    const old = result.replaces?.pid
    // Pid 0: the old process is not known here.
    if (old === undefined || old === 0) return result
    const { worker } = this
    let isLate = false
    const decide = (): StartResult | undefined => {
      const failure = this.#takeBacks.get(old)
      if (failure !== undefined) {
        return { ok: false, failure: this.#explain(result.pid, failure), serving: 'old' }
      }
      if (worker.has(old)) {
        // If the new process hangs, the old one takes back, or is killed, within seconds.
        const isAlive = worker.has(result.pid) && worker.isProvenAlive(result.pid)
        const isEnough = this.#connections.isKnown(old) || isLate
        return isAlive && isEnough && !waitForExit ? result : undefined
      }
      return worker.serving === undefined ? bothEnded : result
    }
    return new Promise((resolve) => {
      const check = () => {
        const decided = decide()
        if (decided === undefined) return
        clearTimeout(timer)
        worker.events.off('event', check).off('exit', check).off('alive', check)
        resolve(decided)
      }
      worker.events.on('event', check).on('exit', check).on('alive', check)
      const timer = setTimeout(() => {
        isLate = true
        check()
      }, reportTimeoutMs)
      check()
    })
  }

  /** What the old process has reported of its connections so far. */
  async drainReport(): Promise<DrainReport | null> {
    const result = await this.result
    const pid = result.ok ? result.replaces?.pid : undefined
    return (pid === undefined ? undefined : this.#connections.of(pid)) ?? null
  }

  close(): void {
    this.worker.events.off('event', this.#onEvent)
  }

  readonly #onEvent = (pid: number, event: HandoffEvent): void => {
    if (event.type === 'taken-back') {
      const { code, message } = event
      this.#takeBacks.set(pid, { code, message })
      this.serves = false
    }
    this.#connections.onEvent(pid, event)
  }

  /** Why the old process has taken back. It reports the end of the new process, and not its reason. */
  #explain(pid: number, failure: Failure): Failure {
    const reason = this.worker.killReason(pid)
    if (reason === undefined) return failure
    const message = `cannot hand over: the new process (pid ${pid}) ${reason}, and was killed.`
    return { code: 'ERR_HANDOFF_TIMEOUT', message }
  }
}

/** A start that is refused is a result, too. */
function start(worker: Worker, request: StartRequest): Promise<StartResult> {
  try {
    return worker.start(request)
  } catch (error) {
    if (!(error instanceof HandoffError)) throw error
    const { code, message } = error
    const serving = worker.serving === undefined ? 'none' : 'old'
    return Promise.resolve({ ok: false, failure: { code, message }, serving })
  }
}
