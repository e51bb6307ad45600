// Stage adopt, new side: listeners that this process was started with, for use without an old process.

import {
  type InheritedListener,
  inheritedListeners,
  reservedListeners,
} from '../../io/listeners/inherited-listeners.ts'
import { takeInherited, takeReserved } from '../../io/listeners/inherited-variables.ts'
import type { Listeners } from '../../io/listeners/listeners.ts'
import { close } from '../../io/native/descriptors.ts'
import type { System, Timer } from '../../io/system/system.ts'
import type { HandoffEventBody } from '../../terms/events.ts'
import type { Settings } from '../../terms/options.ts'

export interface InheritedListenersContext {
  readonly system: System
  readonly settings: Settings
  report(event: HandoffEventBody): void
  /** Closes the listeners that no server has claimed. */
  closeUnclaimed(): void
}

export class InheritedListeners {
  readonly #context: InheritedListenersContext
  #listeners: InheritedListener[] = []
  #deadline: Timer | undefined

  constructor(context: InheritedListenersContext) {
    this.#context = context
  }

  /** Reads them from the environment, once. */
  read(listeners: Listeners): void {
    const { system, report } = this.#context
    const warn = (message: string) => report({ type: 'warning', message })
    this.#listeners = inheritedListeners(takeInherited(system.env, system.pid), warn)
    for (const { entry, fd } of reservedListeners(takeReserved(system.env), warn)) {
      listeners.reserve(entry, fd)
    }
  }

  /** Offers them to servers, beside what an old process that died has sent. */
  use(listeners: Listeners): void {
    const inherited = this.#listeners.splice(0)
    for (const { entry, fd } of inherited) {
      if (listeners.hasReceived(entry.key)) close(fd)
      else listeners.receive(entry, fd)
    }
    if (inherited.length === 0) return
    // A program that serves from its first listen need not report that it is ready. But a listener
    // that no server claims swallows clients.
    const { system, settings, closeUnclaimed } = this.#context
    this.#deadline = system.timer(settings.readyTimeoutMs, closeUnclaimed, true)
  }

  /** This process is ready: it has closed what is unclaimed. */
  cancelDeadline(): void {
    this.#deadline?.cancel()
  }

  /** Closes them: the old process has handed over its own, or this process gives up. */
  close(): void {
    this.#deadline?.cancel()
    for (const { fd } of this.#listeners.splice(0)) close(fd)
  }
}
