// Stage adopt, new side: listeners that this process was started with, where there is no old process.

import {
  type InheritedListener,
  inheritedListeners,
  reservedListeners,
} from '../io/listeners/inherited-listeners.ts'
import { takeInherited, takeReserved } from '../io/listeners/inherited-variables.ts'
import type { Listeners } from '../io/listeners/listeners.ts'
import { close } from '../io/native/descriptors.ts'
import type { System, Timer } from '../io/system/system.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import type { Settings } from '../terms/options.ts'

export interface InheritanceContext {
  readonly system: System
  readonly settings: Settings
  report(event: HandoffEventBody): void
  /** Closes what nobody has asked for. */
  closeUnclaimed(): void
}

export class Inheritance {
  readonly #context: InheritanceContext
  #listeners: InheritedListener[] = []
  #deadline: Timer | undefined

  constructor(context: InheritanceContext) {
    this.#context = context
  }

  /** Reads, once, what there is. */
  take(listeners: Listeners): void {
    const { system, report } = this.#context
    const warn = (message: string) => report({ type: 'warning', message })
    this.#listeners = inheritedListeners(takeInherited(system.env, system.pid), warn)
    for (const { entry, fd } of reservedListeners(takeReserved(system.env), warn)) {
      listeners.reserve(entry, fd)
    }
  }

  /** Nobody hands over: servers find what was inherited, beside what an old process has sent yet. */
  use(listeners: Listeners): void {
    const inherited = this.#listeners.splice(0)
    for (const { entry, fd } of inherited) {
      if (listeners.hasReceived(entry.key)) close(fd)
      else listeners.receive(entry, fd)
    }
    if (inherited.length === 0) return
    // Who serves from the first listen need never say that it is ready; but a listener that nobody
    // asks for swallows clients.
    const { system, settings, closeUnclaimed } = this.#context
    this.#deadline = system.timer(settings.readyTimeoutMs, closeUnclaimed, true)
  }

  /** This process is ready: what is unclaimed has been closed. */
  settle(): void {
    this.#deadline?.cancel()
  }

  /** The old process has handed over its own, or this one gives up. */
  close(): void {
    this.#deadline?.cancel()
    for (const { fd } of this.#listeners.splice(0)) close(fd)
  }
}
