// Tells what happens in this process: to diagnostics_channel, to the supervisor, to the application.

import { debuglog } from 'node:util'
import { type HandoffEvent, type HandoffEventBody, publish } from './diagnostics.ts'
import type { System, Timer } from './io/system.ts'
import { type NotifyFields, notify } from './io/systemd.ts'
import type { Settings } from './options.ts'

const debug = debuglog('handoff')

/** What changes while nothing happens: told to the supervisor now and then. */
export type Status = Extract<HandoffEventBody, { type: 'status' }>

/** How long to wait for room in the supervisor's queue, in milliseconds. */
const retryMs = 20

export class Reporter {
  readonly #system: System
  readonly #settings: Settings
  readonly #generation: () => number
  #since: number
  #status: (() => Status) | undefined
  #lastStatus = ''
  #timer: Timer | undefined
  #unsent: { fields: NotifyFields; event: HandoffEvent | undefined }[] = []
  #retry: Timer | undefined

  constructor(system: System, settings: Settings, generation: () => number) {
    this.#system = system
    this.#settings = settings
    this.#generation = generation
    this.#since = system.now()
  }

  /** A handoff begins: what is told from here on counts its time from now. */
  begin(): void {
    this.#since = this.#system.now()
  }

  report(body: HandoffEventBody, fields: NotifyFields = {}): void {
    const event: HandoffEvent = {
      ...body,
      pid: this.#system.pid,
      generation: this.#generation(),
      elapsedMs: Math.round((this.#system.now() - this.#since) * 10) / 10,
    }
    publish(event)
    this.#queue(fields, event)
    if (this.#settings.onEvent !== undefined) this.#tell(this.#settings.onEvent, event)
    else if (event.type === 'warning') this.#system.warn(`handoff: ${event.message}`)
  }

  /**
   * Asks for this much time, in milliseconds, to start or to stop: whoever supervises this process
   * knows only its own defaults, and kills at their end.
   *
   * @see sd_notify(3), EXTEND_TIMEOUT_USEC
   */
  extend(ms: number): void {
    this.#queue({ EXTEND_TIMEOUT_USEC: String(Math.ceil(ms * 1000)) }, undefined)
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

  /** Tells the status at an interval, where the supervisor asked for it and something changed. */
  watch(status: () => Status): void {
    const { statusIntervalMs } = this.#settings
    if (statusIntervalMs === undefined) return
    this.#status = status
    const tick = () => {
      this.tellStatus()
      this.#timer = this.#system.timer(statusIntervalMs, tick, true)
    }
    this.#timer = this.#system.timer(statusIntervalMs, tick, true)
  }

  /** Tells the status now, where the supervisor asked for it and something changed. */
  tellStatus(): void {
    const status = this.#status?.()
    const text = JSON.stringify(status)
    if (status === undefined || text === this.#lastStatus) return
    this.#lastStatus = text
    this.report(status)
  }

  /** In order; of statuses only the newest waits. */
  #queue(fields: NotifyFields, event: HandoffEvent | undefined): void {
    if (event?.type === 'status') {
      this.#unsent = this.#unsent.filter((waiting) => waiting.event?.type !== 'status')
    }
    this.#unsent.push({ fields, event })
    if (this.#retry === undefined) this.#send()
  }

  /** A supervisor that is busy has a full queue (unix(7), net.unix.max_dgram_qlen): then later. */
  #send(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const failed = notify(this.#settings.notifySocket, next.fields, next.event)
      const { code } = (failed ?? {}) as NodeJS.ErrnoException
      if (code === 'EAGAIN' || code === 'ENOBUFS') {
        this.#retry = this.#system.timer(
          retryMs,
          () => {
            this.#retry = undefined
            this.#send()
          },
          true,
        )
        return
      }
      this.#unsent.shift()
      // Without its supervisor the server serves on; a new supervisor binds the same path again.
      if (failed !== undefined) debug('cannot notify: %s', failed.message)
    }
  }

  close(): void {
    this.#timer?.cancel()
    this.#status = undefined
  }
}
