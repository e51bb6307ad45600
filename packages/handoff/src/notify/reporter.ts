// Reports the events of this process to diagnostics_channel, the supervisor and the application.

import type { System, Timer } from '../io/system/system.ts'
import { aliveField, type NotifyFields, probationField } from '../protocol/notify.ts'
import { type HandoffEvent, type HandoffEventBody, publish } from '../terms/events.ts'
import type { Settings } from '../terms/options.ts'
import { describe } from '../words/describe.ts'
import { notifyFields, servingFields } from './fields.ts'
import { Notifier } from './notifier.ts'

/** By how much the probation is extended while the new process does not answer (old/succession.ts). */
const leastDrainMs = 5_000

/** The state of this process between events, which the supervisor gets at an interval. */
export type StatusEvent = Extract<HandoffEventBody, { type: 'status' }>

export class Reporter {
  readonly #system: System
  readonly #settings: Settings
  readonly #generation: () => number
  /** To the supervisor, or to systemd. */
  readonly notifier: Notifier
  #since: number
  #status: (() => StatusEvent) | undefined
  #lastStatus = ''
  #timer: Timer | undefined
  /** When this process ends at the latest, by the clock of the system; undefined before its commit. */
  #endsAt: number | undefined
  /** Whether the supervisor expects a report at each interval. */
  #watched = false

  constructor(system: System, settings: Settings, generation: () => number) {
    this.#system = system
    this.#settings = settings
    this.#generation = generation
    this.#since = system.now()
    this.notifier = new Notifier(system, settings.notifySocket)
  }

  /** A handoff begins: `elapsedMs` of later events counts from now. */
  begin(): void {
    this.#since = this.#system.now()
  }

  /**
   * Reports an event to diagnostics_channel, the supervisor and the application.
   *
   * @param isStopping - whether the service as a whole ends.
   * @param isShared - whether the old process accepts beside this one.
   */
  report(body: HandoffEventBody, isStopping = false, isShared = false): void {
    const event: HandoffEvent = {
      ...body,
      pid: this.#system.pid,
      generation: this.#generation(),
      elapsedMs: Math.round((this.#system.now() - this.#since) * 10) / 10,
    }
    publish(event)
    this.notifier.send({ fields: notifyFields(event, isStopping, isShared), event })
    if (this.#settings.onEvent !== undefined) this.#call(this.#settings.onEvent, event)
    else if (event.type === 'warning') this.#system.warn(`handoff: ${describe(event).text}`)
  }

  /**
   * Requests so many milliseconds to start or to stop. The supervisor and systemd know only their own defaults,
   * and kill the process at their end.
   *
   * @see sd_notify(3), EXTEND_TIMEOUT_USEC
   */
  extend(ms: number): void {
    if (this.#endsAt !== undefined) this.#endsAt = Math.max(this.#endsAt, this.#system.now() + ms)
    this.notifier.send({ fields: { EXTEND_TIMEOUT_USEC: usec(ms) } })
  }

  /** This process has committed, and accepts for a while beside the new one. Reports the same as {@link drains}. */
  ramps(timeouts: { rampMs: number; probationMs: number; drainTimeoutMs: number }): void {
    const { rampMs, probationMs, drainTimeoutMs } = timeouts
    this.drains({ probationMs: rampMs + probationMs, drainTimeoutMs })
  }

  /**
   * This process has committed. Reports when it ends at the latest: the supervisor kills it after that.
   */
  drains(timeouts: { probationMs: number; drainTimeoutMs: number }): void {
    if (this.#settings.statusIntervalMs === undefined) return
    const { probationMs, drainTimeoutMs } = timeouts
    this.#endsAt = this.#system.now() + probationMs + Math.max(drainTimeoutMs, leastDrainMs)
    this.notifier.send({ fields: { ...this.#timeLeft(), [probationField]: usec(probationMs) } })
  }

  /** The old process accepts no more beside this one. */
  servesAlone(): void {
    this.notifier.send({ fields: servingFields(this.#system.pid) })
  }

  /** This process has taken back. */
  staysOn(): void {
    this.#endsAt = undefined
  }

  /** Reports to the supervisor that the event loop runs, in its next turn. */
  showLife(): void {
    if (this.#status !== undefined) this.#system.timer(0, () => this.#beat(), true)
  }

  /** Calls the application. An error of its callback must not interrupt a handoff. */
  #call(onEvent: (event: HandoffEvent) => void, event: HandoffEvent): void {
    try {
      onEvent(event)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /**
   * Reports the status at an interval if the supervisor asked for it, whenever it has changed.
   *
   * @param onTick - called before each report.
   */
  watch(status: () => StatusEvent, onTick: () => void = () => {}): void {
    const { statusIntervalMs } = this.#settings
    if (statusIntervalMs === undefined) return
    this.#status = status
    this.#beat()
    const tick = () => {
      // First: the application may close the handoff in its callback.
      wait()
      onTick()
      this.reportStatus()
      this.#beat()
    }
    const wait = () => {
      this.#timer = this.#system.timer(statusIntervalMs, tick, true)
    }
    wait()
  }

  /** Reports the status now, if it has changed. */
  reportStatus(): void {
    const status = this.#status?.()
    const text = JSON.stringify(status)
    if (status === undefined || text === this.#lastStatus) return
    this.#lastStatus = text
    this.report(status)
  }

  close(): void {
    this.#timer?.cancel()
    this.#status = undefined
    this.#expect(false)
  }

  #beat(): void {
    // A process at a breakpoint does not hang.
    if (this.#status !== undefined) this.#expect(!this.#system.isInspected())
  }

  #expect(alive: boolean): void {
    if (!alive && !this.#watched) return
    this.#watched = alive
    // Repeated each time: the supervisor may have been replaced.
    this.notifier.send({ fields: { [aliveField]: alive ? '1' : '0', ...this.#timeLeft() } })
  }

  #timeLeft(): NotifyFields {
    if (this.#endsAt === undefined) return {}
    return { EXTEND_TIMEOUT_USEC: usec(Math.max(0, this.#endsAt - this.#system.now())) }
  }
}

function usec(ms: number): string {
  return String(Math.ceil(ms * 1000))
}
