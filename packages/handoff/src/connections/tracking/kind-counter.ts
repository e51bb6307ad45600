// Counts the connections of one server by kind, and how each of them ends.

import type { Server, Socket } from 'node:net'
import { isHttpServer, isTlsServer } from '../../io/node/builtins.ts'
import { transportOf } from '../../io/node/internals/tls.ts'
import { addKinds, type CountedKind, type Fate, type KindCounts, total } from '../../terms/fates.ts'
import { fateOf } from './end-reasons.ts'
import type { FateCounter } from './fate-counter.ts'

/** @remarks Stores nothing for connections of the server's usual kind. */
export class KindCounter {
  readonly #usual: CountedKind
  readonly #fates: FateCounter
  readonly #kinds = new Map<Socket, CountedKind>()
  #unusual: KindCounts = {}

  constructor(server: Server, fates: FateCounter) {
    this.#usual = isHttpServer(server) ? 'http' : isTlsServer(server) ? 'tls' : 'raw'
    this.#fates = fates
  }

  /** A connection has another kind than the usual one from now on. */
  setKind(socket: Socket, kind: CountedKind): void {
    const transport = transportOf(socket)
    this.#remove(transport)
    if (transport.destroyed) return
    this.#kinds.set(transport, kind)
    this.#unusual = addKinds(this.#unusual, { [kind]: 1 })
  }

  /** Counts the end of a connection in this process. */
  countEnd(socket: Socket): void {
    const fate = this.#fates.isCounting ? fateOf(socket) : undefined
    if (fate !== undefined) this.#fates.add(fate, this.#kinds.get(socket) ?? this.#usual)
    this.#remove(socket)
  }

  /** Counts a parked connection that was silent for longer than its keep-alive time. */
  countExpired(kind: CountedKind): void {
    if (this.#fates.isCounting) this.#fates.add('drained', kind)
  }

  /** Counts the parked connections of `mover` that `close` ends. */
  countParkedEnds(
    fate: Fate,
    { kind, parking }: { kind: CountedKind; parking?: { readonly size: number } },
    close: () => void,
  ): void {
    const before = parking?.size ?? 0
    close()
    if (this.#fates.isCounting) this.#fates.add(fate, kind, before - (parking?.size ?? 0))
  }

  /**
   * Returns how many connections there are of each kind.
   *
   * @param open - how many there are of all kinds.
   */
  byKind(open: number): KindCounts {
    const usual = Math.max(0, open - total(this.#unusual))
    return addKinds(this.#unusual, { [this.#usual]: usual })
  }

  #remove(transport: Socket): void {
    const kind = this.#kinds.get(transport)
    if (kind === undefined) return
    this.#kinds.delete(transport)
    this.#unusual = addKinds(this.#unusual, { [kind]: 1 }, -1)
  }
}
