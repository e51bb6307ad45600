// Tells what happens in this process: to diagnostics_channel, to the supervisor, to the application.

import type { System, Timer } from '../io/system/system.ts'
import { aliveField, type NotifyFields, probationField } from '../protocol/notify.ts'
import { type HandoffEvent, type HandoffEventBody, publish } from '../terms/events.ts'
import type { Settings } from '../terms/options.ts'
import { describe } from '../words/describe.ts'
import { notifyFields } from './fields.ts'
import { Notifier } from './notifier.ts'

/** While the new process does not answer, the end of the probation is put off by so much (old/succession.ts). */
const leastDrainMs = 5_000

/** What changes while nothing happens: told to the supervisor now and then. */
export type Status = Extract<HandoffEventBody, { type: 'status' }>

export class Reporter {
  readonly #system: System
  readonly #settings: Settings
  readonly #generation: () => number
  /** To the supervisor, or to systemd. */
  readonly notifier: Notifier
  #since: number
  #status: (() => Status) | undefined
  #lastStatus = ''
  #timer: Timer | undefined
  /** Until when this process may still be here, by the system's clock, once it has committed. */
  #endsAt: number | undefined
  /** Whether the supervisor was told to expect a report at each interval. */
  #watched = false

  constructor(system: System, settings: Settings, generation: () => number) {
    this.#system = system
    this.#settings = settings
    this.#generation = generation
    this.#since = system.now()
    this.notifier = new Notifier(system, settings.notifySocket)
  }

  /** A handoff begins: what is told from here on counts its time from now. */
  begin(): void {
    this.#since = this.#system.now()
  }

  /**
   * Reports an event to diagnostics_channel, the supervisor and the application.
   *
   * @param isStopping - whether the service as a whole ends.
   */
  report(body: HandoffEventBody, isStopping = false): void {
    const event: HandoffEvent = {
      ...body,
      pid: this.#system.pid,
      generation: this.#generation(),
      elapsedMs: Math.round((this.#system.now() - this.#since) * 10) / 10,
    }
    publish(event)
    this.notifier.send({ fields: notifyFields(event, isStopping), event })
    if (this.#settings.onEvent !== undefined) this.#tell(this.#settings.onEvent, event)
    else if (event.type === 'warning') this.#system.warn(`handoff: ${describe(event).text}`)
  }

  /**
   * Asks for this much time, in milliseconds, to start or to stop: whoever supervises this process
   * knows only its own defaults, and kills at their end.
   *
   * @see sd_notify(3), EXTEND_TIMEOUT_USEC
   */
  extend(ms: number): void {
    if (this.#endsAt !== undefined) this.#endsAt = Math.max(this.#endsAt, this.#system.now() + ms)
    this.notifier.send({ fields: { EXTEND_TIMEOUT_USEC: usec(ms) } })
  }

  /**
   * This process has committed: reports how long it may still be here, in milliseconds. The supervisor kills it
   * after that.
   */
  drains(timeouts: { probationMs: number; drainTimeoutMs: number }): void {
    if (this.#settings.statusIntervalMs === undefined) return
    const { probationMs, drainTimeoutMs } = timeouts
    this.#endsAt = this.#system.now() + probationMs + Math.max(drainTimeoutMs, leastDrainMs)
    this.notifier.send({ fields: { ...this.#timeLeft(), [probationField]: usec(probationMs) } })
  }

  /** This process has taken back. */
  staysOn(): void {
    this.#endsAt = undefined
  }

  /** Shows the supervisor that the event loop has turned, when it has. */
  showLife(): void {
    if (this.#status !== undefined) this.#system.timer(0, () => this.#beat(), true)
  }

  /** An error of the application's own callback is its own, and must not cut a handoff in half. */
  #tell(onEvent: (event: HandoffEvent) => void, event: HandoffEvent): void {
    try {
      onEvent(event)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  /**
   * Tells the status at an interval, where the supervisor asked for it and something changed.
   *
   * @param onTick - called before that, each time.
   */
  watch(status: () => Status, onTick: () => void = () => {}): void {
    const { statusIntervalMs } = this.#settings
    if (statusIntervalMs === undefined) return
    this.#status = status
    this.#beat()
    const tick = () => {
      // First: the application may close the handoff as it is told.
      wait()
      onTick()
      this.tellStatus()
      this.#beat()
    }
    const wait = () => {
      this.#timer = this.#system.timer(statusIntervalMs, tick, true)
    }
    wait()
  }

  /** Tells the status now, where the supervisor asked for it and something changed. */
  tellStatus(): void {
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
    // A breakpoint is no hang.
    if (this.#status !== undefined) this.#expect(!this.#system.isInspected())
  }

  #expect(alive: boolean): void {
    if (!alive && !this.#watched) return
    this.#watched = alive
    // Once more each time: the supervisor may be another one than that which has heard it first.
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
