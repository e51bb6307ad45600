// One worker's part of a reload: its start, and what becomes of the old process after it.

import { HandoffError } from '../../terms/errors.ts'
import type { HandoffEvent } from '../../terms/events.ts'
import { withSentence } from '../../words/sentence.ts'
import type { Failure, NotServed, Served, StartResult } from '../registry/start-result.ts'
import type { StartRequest } from '../worker/start/start-options.ts'
import type { Worker } from '../worker/worker.ts'
import { OldAcceptance } from './old-acceptance.ts'
import { type DrainReport, OldConnections } from './old-connections.ts'

/**
 * How long to wait, in milliseconds, until the old process reports what has gone over. It does so when all
 * connections at rest have; a process that is busy, or of an older release, may not.
 */
const reportTimeoutMs = 1_000

const neverStopped = 'The old process has never stopped accepting.'

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
  /**
   * Resolves when the old process has stopped accepting, so that only the new one answers new connections, or
   * when the reload of this worker has failed. An old process that hangs is not waited for.
   */
  readonly alone: Promise<StartResult>
  readonly #acceptance = new OldAcceptance()
  readonly #connections: OldConnections
  readonly #takeBacks = new Map<number, Failure>()
  /** 0 if there is none, or if it is not known here. */
  #oldPid = 0
  /** Whether the new process serves, as far as is known. */
  serves = false
  /** Milliseconds from the beginning of the whole reload until the new process served. */
  servesAfterMs = 0
  /**
   * The same until only the new process accepted connections; null if the old one has not reported that it
   * stopped.
   */
  aloneAfterMs: number | null = null

  /**
   * Starts the new process.
   *
   * @param began - when the whole reload began, by {@link performance.now}.
   */
  constructor(worker: Worker, request: StartRequest, began: number) {
    this.worker = worker
    this.replaces = worker.serving !== undefined
    const elapsedMs = () => Math.round(performance.now() - began)
    this.result = start(worker, request).then((result) => {
      this.serves = result.ok
      this.servesAfterMs = elapsedMs()
      return result
    })
    this.alone = this.result.then(async (result) => {
      const end = await this.#untilAlone(result)
      if (end.ok && !this.#mayAccept(end)) this.aloneAfterMs = elapsedMs()
      return end
    })
    // From now on: an old process may take back before it is known as the old process.
    this.#connections = new OldConnections(worker.serving)
    worker.events.on('event', this.#onEvent)
  }

  /** Whether the old process has accepted for a while beside the new one. */
  get hasRamped(): boolean {
    return this.#acceptance.hasRamped(this.#oldPid)
  }

  /**
   * Checks again whether the new process serves. Resolves when the old process has stopped accepting and has
   * reported its connections, or has ended.
   *
   * @param waitForExit - whether to wait until the old process has ended in any case.
   */
  async confirm(waitForExit = false): Promise<StartResult> {
    const result = await this.alone
    if (!result.ok) return result
    return await this.#wait(result, (old, isLate) => {
      // If the new process hangs, the old one takes back, or is killed, within seconds.
      const isAlive = this.worker.has(result.pid) && this.worker.isProvenAlive(result.pid)
      const { processes } = this.worker.registry
      const isKnown = this.#connections.isKnown(old, processes.values())
      const isEnough = isKnown || isLate || this.aloneAfterMs === null
      return isAlive && isEnough && !waitForExit
    })
  }

  /** Waits until the old process accepts no more. */
  async #untilAlone(result: StartResult): Promise<StartResult> {
    if (!result.ok) return this.#withRamp(result)
    this.#oldPid = result.replaces?.pid ?? 0
    return await this.#wait(
      result,
      (old, isLate) => this.#acceptance.hasStopped(old) || (isLate && this.worker.has(result.pid)),
      () => this.#acceptance.patienceMs(this.#oldPid),
    )
  }

  /**
   * Waits until the old process has ended, has taken back, or `isEnough`. If the run is stopping, waits until both
   * processes have ended.
   *
   * @param patienceMs - after how many milliseconds it is late; asked again when they are over.
   */
  #wait(
    result: Served,
    isEnough: (old: number, isLate: boolean) => boolean,
    patienceMs = () => reportTimeoutMs,
  ): Promise<StartResult> {
    const { worker } = this
    const old = result.replaces?.pid ?? 0
    // Pid 0: the old process is not known here.
    if (old === 0) return Promise.resolve(result)
    const began = performance.now()
    let isLate = false
    const decide = (): StartResult | undefined => {
      // Both processes end. In which order, and how the old one reports it, says nothing about the reload.
      if (worker.stopping !== undefined) {
        const isOver = !worker.has(old) && worker.serving === undefined
        return isOver ? { ok: false, failure: worker.stopping, serving: 'none' } : undefined
      }
      const failure = this.#takeBacks.get(old)
      if (failure !== undefined) {
        const explained = this.#explain(result.pid, failure)
        return this.#withRamp({ ok: false, failure: explained, serving: 'old' })
      }
      if (!worker.has(old)) return worker.serving === undefined ? bothEnded : result
      return isEnough(old, isLate) ? result : undefined
    }
    return new Promise((resolve) => {
      const check = () => {
        const decided = decide()
        if (decided === undefined) return
        clearTimeout(timer)
        worker.events.off('event', check).off('exit', check).off('alive', check)
        resolve(decided)
      }
      const expire = () => {
        const leftMs = patienceMs() - (performance.now() - began)
        isLate = leftMs <= 0
        if (!isLate) timer = setTimeout(expire, leftMs)
        check()
      }
      worker.events.on('event', check).on('exit', check).on('alive', check)
      let timer = setTimeout(expire, patienceMs())
      check()
    })
  }

  /** Whether the old process may accept connections still, as far as is known. */
  #mayAccept({ replaces }: Served): boolean {
    const old = replaces?.pid ?? 0
    return old !== 0 && this.worker.has(old) && !this.#acceptance.hasStopped(old)
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
    this.#acceptance.onEvent(pid, event)
    this.#connections.onEvent(pid, event)
  }

  /** Adds that the handoff has failed in the ramp: it has cost nothing. */
  #withRamp(result: NotServed): NotServed {
    const old = this.#oldPid || (this.worker.serving?.pid ?? 0)
    const isInRamp = this.#acceptance.hasRamped(old) && !this.#acceptance.hasStopped(old)
    if (result.serving !== 'old' || !isInRamp) return result
    const { code, message } = result.failure
    return { ...result, failure: { code, message: withSentence(message, neverStopped) } }
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
