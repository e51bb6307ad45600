// One worker's part of a reload: its start, and what becomes of the old process after it.

import { HandoffError } from '../../terms/errors.ts'
import type { Failure } from '../registry/outcome.ts'
import type { LaunchRequest, LaunchResult } from '../worker/start/options.ts'
import type { Worker } from '../worker/worker.ts'
import { OldConnections, type Told } from './old-connections.ts'

/**
 * How long to wait, in milliseconds, until the old process tells what has gone over. It does so when
 * all that was at rest has; one that is busy, or of an older release, may not.
 */
const patienceMs = 1_000

const bothGone: LaunchResult = {
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
  /** Settles when the new process serves, or has ended without. */
  readonly launched: Promise<LaunchResult>
  readonly #connections: OldConnections
  readonly #takeBacks = new Map<number, Failure>()
  readonly #undo: () => void
  /** Whether the new process serves, as far as is known. */
  serves = false
  /** Milliseconds from the beginning of the whole reload until it did. */
  servesAfterMs = 0

  /**
   * Starts the new process.
   *
   * @param began - when the whole reload began, by {@link performance.now}.
   */
  constructor(worker: Worker, request: LaunchRequest, began: number) {
    this.worker = worker
    this.replaces = worker.serving !== undefined
    this.launched = launch(worker, request).then((launched) => {
      this.serves = launched.ok
      this.servesAfterMs = Math.round(performance.now() - began)
      return launched
    })
    // From the first moment on: an old process may take back before we know that it was the old one.
    this.#connections = new OldConnections(worker.serving)
    this.#undo = worker.observe({
      heard: (pid, event) => {
        if (event.type === 'taken-back') {
          const { code, message } = event
          this.#takeBacks.set(pid, { code, message })
          this.serves = false
        }
        this.#connections.heard(pid, event)
      },
    })
  }

  /**
   * Looks again whether the new process serves; holds the answer back until the old one has told of
   * its connections, or has gone.
   *
   * @param waitForExit - whether to wait until it has gone in any case.
   */
  async confirm(waitForExit = false): Promise<LaunchResult> {
    const launched = await this.launched
    if (!launched.ok || launched.replaces === undefined) return launched
    const { worker } = this
    const old = launched.replaces
    let patient = true
    const decide = (): LaunchResult | undefined => {
      const failure = this.#takeBacks.get(old)
      if (failure !== undefined) {
        return { ok: false, failure: this.#reason(launched.pid, failure), serving: 'old' }
      }
      if (worker.has(old)) {
        // Else the old one takes back, or is killed for it, within seconds.
        const lives = worker.has(launched.pid) && worker.hasTurned(launched.pid)
        const enough = this.#connections.isKnown(old) || !patient
        return lives && enough && !waitForExit ? launched : undefined
      }
      return worker.serving === undefined ? bothGone : launched
    }
    return new Promise((resolve) => {
      const check = () => {
        const decided = decide()
        if (decided === undefined) return
        clearTimeout(timer)
        undo()
        resolve(decided)
      }
      const undo = worker.observe({ heard: check, gone: check, turned: check })
      const timer = setTimeout(() => {
        patient = false
        check()
      }, patienceMs)
      check()
    })
  }

  /** Why the old process has taken back: that its successor has gone is the end of it, not the reason. */
  #reason(pid: number, failure: Failure): Failure {
    const reason = this.worker.reasonOf(pid)
    if (reason === undefined) return failure
    const message = `cannot hand over: the new process (pid ${pid}) ${reason}, and was killed.`
    return { code: 'ERR_HANDOFF_TIMEOUT', message }
  }

  /** What the old process has told of its connections so far. */
  async old(): Promise<Told | null> {
    const launched = await this.launched
    const pid = launched.ok ? launched.replaces : undefined
    return (pid === undefined ? undefined : this.#connections.of(pid)) ?? null
  }

  close(): void {
    this.#undo()
  }
}

/** A start that is refused has failed. */
function launch(worker: Worker, request: LaunchRequest): Promise<LaunchResult> {
  try {
    return worker.launch(request)
  } catch (error) {
    if (!(error instanceof HandoffError)) throw error
    const { code, message } = error
    const serving = worker.serving === undefined ? 'none' : 'old'
    return Promise.resolve({ ok: false, failure: { code, message }, serving })
  }
}
