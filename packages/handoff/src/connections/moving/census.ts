// Which kinds of connections stand behind one gate, and how each of them ends.

import http from 'node:http'
import type { Server, Socket } from 'node:net'
import tls from 'node:tls'
import { transportOf } from '../../io/node/internals.ts'
import { addKinds, type CountedKind, type Fate, type KindCounts, total } from '../../terms/fates.ts'
import { fateOf } from './endings.ts'
import type { Mover } from './mover.ts'
import type { Tally } from './tally.ts'

/** @remarks Nothing is kept of connections of the server's usual kind. */
export class Census {
  readonly #usual: CountedKind
  readonly #tally: Tally
  readonly #kinds = new Map<Socket, CountedKind>()
  #unusual: KindCounts = {}

  constructor(server: Server, tally: Tally) {
    const isHttp = server instanceof http.Server
    this.#usual = isHttp ? 'http' : server instanceof tls.Server ? 'tls' : 'raw'
    this.#tally = tally
  }

  /** A connection has become something else than the usual. */
  enter(socket: Socket, kind: CountedKind): void {
    const transport = transportOf(socket)
    this.#leave(transport)
    if (transport.destroyed) return
    this.#kinds.set(transport, kind)
    this.#unusual = addKinds(this.#unusual, { [kind]: 1 })
  }

  /** A connection has ended, here at least. */
  end(socket: Socket): void {
    const fate = this.#tally.counting ? fateOf(socket) : undefined
    if (fate !== undefined) this.#tally.add(fate, this.#kinds.get(socket) ?? this.#usual)
    this.#leave(socket)
  }

  /** A parked connection has been silent for too long. */
  expired(): void {
    if (this.#tally.counting) this.#tally.add('drained', 'http')
  }

  /** Counts the parked connections of which `action` makes an end. */
  parkedEnd(fate: Fate, mover: Mover, action: () => void): void {
    const { parked } = mover
    action()
    if (this.#tally.counting) this.#tally.add(fate, mover.kind, parked - mover.parked)
  }

  /** @param open - how many connections there are. */
  count(open: number): KindCounts {
    const usual = Math.max(0, open - total(this.#unusual))
    return addKinds(this.#unusual, { [this.#usual]: usual })
  }

  #leave(transport: Socket): void {
    const kind = this.#kinds.get(transport)
    if (kind === undefined) return
    this.#kinds.delete(transport)
    this.#unusual = addKinds(this.#unusual, { [kind]: 1 }, -1)
  }
}
