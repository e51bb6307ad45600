// What this process holds for clients and for its successor: listeners, gates, rendezvous socket.

import { dirname } from 'node:path'
import type { Gate } from '../connections/gate/gate.ts'
import { FateCounter } from '../connections/tracking/fate-counter.ts'
import type { HeldListener } from '../io/listeners/held-listener.ts'
import { KeptPaths } from '../io/listeners/kept-paths.ts'
import { Listeners } from '../io/listeners/listeners.ts'
import { isMissing } from '../io/listeners/socket-path.ts'
import {
  privateRendezvous,
  Rendezvous,
  type RendezvousHandlers,
} from '../io/rendezvous/rendezvous.ts'
import type { System } from '../io/system/system.ts'
import { type ManifestEntry, placeOf } from '../protocol/manifest.ts'
import { reasonOf } from '../terms/errors.ts'
import { addKinds, type KindCounts } from '../terms/fates.ts'

export class Holdings {
  /** The paths of this process's Unix listeners. */
  readonly paths: KeptPaths
  readonly listeners: Listeners
  readonly gates = new Set<Gate>()
  /** Counts how the connections behind the gates end. */
  readonly fates = new FateCounter()
  /** Gates of servers that the application has closed, and whose connections finish. */
  readonly #closing = new Set<Gate>()
  readonly #system: System
  readonly #handlers: RendezvousHandlers
  readonly #warn: (message: string) => void
  #rendezvous: Rendezvous | undefined
  /** Is called when a listener was closed. */
  onClosed: () => void = () => {}
  /** Whether an old process may still hold the listeners that came from it. */
  areHeldElsewhere: () => boolean = () => false

  constructor(
    system: System,
    onPeer: (fd: number) => void,
    warn: (message: string) => void,
    { rendezvous, onKeptPath }: { rendezvous?: string | undefined; onKeptPath?: () => void } = {},
  ) {
    this.#system = system
    this.#warn = warn
    const directory = () => {
      const path = rendezvous ?? this.#rendezvous?.path
      return path === undefined ? undefined : dirname(path)
    }
    this.paths = new KeptPaths(directory, onKeptPath)
    this.listeners = new Listeners(this.paths)
    this.#handlers = {
      onConnection: onPeer,
      onError: (error) => warn(`the rendezvous socket cannot accept: ${error.message}`),
    }
  }

  get rendezvous(): Rendezvous | undefined {
    return this.#rendezvous
  }

  /** The gates that may have connections behind them. */
  get busy(): readonly Gate[] {
    return [...this.gates, ...this.#closing]
  }

  /** Open connections behind all gates. */
  get connections(): number {
    return this.busy.reduce((sum, { connections }) => sum + (connections?.count ?? 0), 0)
  }

  /** How many connections the servers behind the gates have had so far. */
  get accepted(): number {
    return this.busy.reduce((sum, { connections }) => sum + (connections?.accepted ?? 0), 0)
  }

  /** Open connections by kind, without those that another process has by now. */
  get kinds(): KindCounts {
    return this.busy.reduce((sum, gate) => addKinds(sum, gate.connections?.kinds ?? {}), {})
  }

  /** Where this process listens, as text. */
  get places(): string[] {
    return this.listeners.all().map(({ entry }) => placeOf(entry))
  }

  /** Binds the rendezvous socket for the first generation; it answers once that serves. */
  bindRendezvous(path: string, allowUids: readonly number[] = []): Rendezvous {
    const { uid } = this.#system
    this.#rendezvous = Rendezvous.bind(path, { uid, allowUids }, this.#handlers)
    return this.#rendezvous
  }

  /**
   * Binds the rendezvous socket again if its path was removed with the directory of the run, once the
   * supervisor has made the directory again.
   */
  renewRendezvous(allowUids: readonly number[] = []): void {
    const old = this.#rendezvous
    if (old === undefined || !isMissing(old.path) || isMissing(dirname(old.path))) return
    try {
      this.bindRendezvous(old.path, allowUids).open()
    } catch (error) {
      return this.#warn(`cannot bind ${old.path} again: ${reasonOf(error)}`)
    }
    old.close({ unlink: false })
    this.listeners.keepPaths()
  }

  /** Returns the rendezvous socket. Without a path it makes a private one, for the replacement alone. */
  ensureRendezvous(): Rendezvous {
    if (this.#rendezvous !== undefined) return this.#rendezvous
    const rendezvous = this.bindRendezvous(privateRendezvous(this.#system))
    rendezvous.open()
    this.listeners.keepPaths()
    return rendezvous
  }

  /** Answers at the old process's rendezvous socket, if one was received, else at its own. */
  takeRendezvous(received: { entry: ManifestEntry; fd: number } | undefined): void {
    this.holdRendezvous(received)
    this.#rendezvous?.open()
  }

  /** Keeps the old process's rendezvous socket, and does not answer there yet. */
  holdRendezvous(received: { entry: ManifestEntry; fd: number } | undefined): void {
    if (received === undefined) return
    this.#rendezvous = Rendezvous.adopt(received.entry, received.fd, this.#handlers)
  }

  /** Lets all gates accept: the old process has committed. */
  async open(): Promise<void> {
    this.listeners.commit()
    await Promise.all([...this.gates].map((gate) => gate.open()))
  }

  /** Closes the listener of a gate that is not needed; its path goes only if `unlink`. */
  dropGate(gate: Gate, unlink: boolean): void {
    if (this.#removeGate(gate)) this.drop(gate.held, { unlink })
  }

  /**
   * Closes the gate of a server that the application closed. A listener that came from an old process
   * stays open for the next server at its place, until the commit, and after it while the old process
   * may hold it: clients are not refused. Any other is closed, and its path is removed if `unlink`.
   */
  closeGate(gate: Gate, unlink: boolean): void {
    if (!this.#removeGate(gate)) return
    const { held } = gate
    if (!this.listeners.unclaim(held)) {
      const vacate = held.receivedAs !== undefined && this.areHeldElsewhere()
      if (vacate) this.#cleanUp(() => this.listeners.vacate(held))
      else this.drop(held, { unlink })
    }
    this.onClosed()
  }

  /** Closes the listeners that no server has claimed. Returns their entries. */
  closeUnclaimed(): ManifestEntry[] {
    const closed = this.listeners.closeUnclaimed()
    if (closed.length > 0) this.onClosed()
    return closed
  }

  #removeGate(gate: Gate): boolean {
    if (!this.gates.delete(gate)) return false
    if ((gate.connections?.count ?? 0) > 0) this.#closing.add(gate)
    return true
  }

  /** Closes the listeners of closed servers, if no other process holds them any more. */
  closeVacated(): void {
    if (!this.areHeldElsewhere()) this.listeners.closeVacated()
  }

  /** The last connection behind a gate has ended. */
  noteEmpty(gate: Gate): void {
    this.#closing.delete(gate)
  }

  /** Closes one listener; its path goes only if `unlink`. */
  drop(held: HeldListener, { unlink }: { unlink: boolean }): void {
    this.#cleanUp(() => this.listeners.drop(held, { unlink }))
  }

  /** Closes all listeners. Pass `unlink` if no other process holds them: their paths are removed. */
  endListening(unlink: boolean): void {
    this.listeners.closeUnclaimed()
    this.listeners.closeVacated()
    for (const held of this.listeners.all()) this.drop(held, { unlink })
    const rendezvous = this.#rendezvous
    this.#rendezvous = undefined
    if (rendezvous !== undefined) this.#cleanUp(() => rendezvous.close({ unlink }))
  }

  /** Warns of a path that cannot be removed: that must not stop the end of this process. */
  #cleanUp(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.#warn(`cannot clean up: ${reasonOf(error)}`)
    }
  }
}
