// Gives the listeners of a surplus worker to the servers here that listen at the same places.

import type { Gate } from '../../connections/gate/gate.ts'
import { ServerGate } from '../../connections/gate/server-gate.ts'
import type { Holdings } from '../../generation/holdings.ts'
import { statOfDescriptor } from '../../io/files/file-stat.ts'
import { close } from '../../io/native/descriptors.ts'
import { joinedTo, type ManifestEntry, placeOf } from '../../protocol/manifest.ts'
import type { Messages } from '../../protocol/messages.ts'

export class JoinedListeners {
  readonly #holdings: Holdings
  /** Listeners that are not claimed yet. */
  readonly #received: { entry: ManifestEntry; fd: number }[] = []
  /** By the key that the old process has for the listener. */
  readonly #gates = new Map<string, Gate>()
  readonly #joined: Gate[] = []

  constructor(holdings: Holdings) {
    this.#holdings = holdings
  }

  /** Takes a listener that was checked against its entry. Owns the descriptor. */
  receive(entry: ManifestEntry, fd: number): void {
    this.#received.push({ entry, fd })
  }

  /** Returns the gate with the connections of this listener. */
  gateOf(key: string): Gate | undefined {
    return this.#gates.get(key)
  }

  get claimed(): string[] {
    return [...this.#gates.keys()]
  }

  /** The kinds of connections that are taken, by listener. */
  get takes(): Messages['ready']['takes'] {
    const kinds = [...this.#gates].map(([key, { connections }]) => {
      // What came to a joined listener of the old process is behind the gate of that server there.
      const movers = joinedTo(key) === undefined ? (connections?.movers ?? []) : []
      const adopting = movers.filter(({ adopts }) => adopts)
      return [key, adopting.map(({ kind }) => kind)]
    })
    return Object.fromEntries(kinds)
  }

  /**
   * Gives each listener to the server of the same key.
   *
   * @returns a warning for each that no server here claims: it is closed.
   */
  claim(): string[] {
    return this.#received.splice(0).flatMap(({ entry, fd }) => {
      const gate = this.#find(joinedTo(entry.key) ?? entry.key)
      if (gate === undefined || !this.#give(gate, entry, fd)) {
        close(fd)
        return [
          `closing ${placeOf(entry)} of the surplus worker: no server in this process listens there`,
        ]
      }
      this.#gates.set(entry.key, gate)
      return []
    })
  }

  async open(): Promise<void> {
    await Promise.all(this.#joined.map((gate) => gate.open()))
  }

  /** Closes them: the other process keeps its own. */
  drop(): void {
    for (const { fd } of this.#received.splice(0)) close(fd)
    for (const gate of this.#joined.splice(0)) {
      gate.shut()
      this.#holdings.dropGate(gate, false)
    }
  }

  #find(key: string): Gate | undefined {
    return [...this.#holdings.gates].find(({ held }) => held.entry.key === key)
  }

  /** @returns whether this process serves there; then the descriptor is taken. */
  #give(gate: Gate, entry: ManifestEntry, fd: number): boolean {
    // All workers share one queue.
    if (isSame(gate.held.fd, fd)) {
      close(fd)
      return true
    }
    if (!(gate instanceof ServerGate)) return false
    const joined = gate.join(this.#holdings.listeners.join(gate.held, entry, fd))
    this.#holdings.gates.add(joined)
    this.#joined.push(joined)
    return true
  }
}

function isSame(fd: number, other: number): boolean {
  return statOfDescriptor(fd).ino === statOfDescriptor(other).ino
}
