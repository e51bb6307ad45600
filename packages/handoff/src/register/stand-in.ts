// Stands in for a program that imports nothing of ours: its servers listen through a handoff.

import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import type { HandoffProcess } from '../handoff.ts'
import type { BindRequest } from '../io/bind-hook.ts'
import type { ListenOptions } from '../io/listen-arguments.ts'
import { removeStandIn, standIn } from '../io/listening-handle.ts'
import { listeningChildren, listeningPorts } from '../io/listening-ports.ts'
import type { Dropped } from './dropped.ts'
import { type Elsewhere, idleText, missingPlaces, missingText } from './missing-text.ts'
import type { Candidate, WhenReady } from './when-ready.ts'

export class StandIn {
  readonly #create: () => Promise<HandoffProcess>
  readonly #whenReady: WhenReady
  readonly #dropped: Dropped
  #handoff: Promise<HandoffProcess> | undefined
  #candidate: Candidate | undefined

  /**
   * @param create - makes the handoff, at the first server that listens.
   * @param dropped - listeners of the old process that the operator gives up.
   */
  constructor(
    create: () => Promise<HandoffProcess>,
    whenReady: WhenReady,
    dropped: Dropped = new Set(),
  ) {
    this.#create = create
    this.#whenReady = whenReady
    this.#dropped = dropped
  }

  listen(server: Server, options: ListenOptions): Promise<void> {
    let closed = false
    // The program may close it before there is a handoff; from then on that observes the server.
    standIn(server, {
      onClose: () => {
        closed = true
      },
    })
    return this.#run(
      async (handoff) => {
        if (!closed) await handoff.listenForProgram(server, options)
      },
      () => {
        if (!closed) removeStandIn(server)
      },
    )
  }

  bind(socket: Socket, request: BindRequest): Promise<void> {
    return this.#run((handoff) => handoff.bind(socket, request))
  }

  /**
   * The program has listened on nothing so far: takes part in the handoff without.
   *
   * @throws {@link HandoffError} of the handoff that cannot be made.
   */
  async idle(): Promise<void> {
    if (this.#handoff !== undefined) return
    await this.#join()
    if (this.#candidate !== undefined) this.#whenReady.idle(this.#candidate)
  }

  /** Ends the handoff of a program that has listened on nothing, and now makes one by itself. */
  async giveWay(): Promise<void> {
    const handoff = await this.#handoff
    handoff?.close()
  }

  /** A program that listens again after an error gets a second try. */
  #join(): Promise<HandoffProcess> {
    this.#handoff ??= this.#create().then(
      (handoff) => {
        this.#candidate = this.#candidateOf(handoff)
        return handoff
      },
      (error: unknown) => {
        this.#handoff = undefined
        throw error
      },
    )
    return this.#handoff
  }

  /**
   * Runs the listen once there is a handoff.
   *
   * @param onNone - called if there cannot be one.
   */
  async #run(
    listen: (handoff: HandoffProcess) => Promise<void>,
    onNone: () => void = () => {},
  ): Promise<void> {
    this.#whenReady.begin()
    try {
      const handoff = await this.#join().catch((error: unknown) => {
        onNone()
        throw error
      })
      await listen(handoff)
    } finally {
      this.#whenReady.end(this.#candidate)
    }
  }

  #candidateOf(handoff: HandoffProcess): Candidate {
    const missing = () => missingPlaces(handoff.unclaimed, this.#dropped)
    const text = (places: readonly string[]) =>
      missingText(places, handoff.replaces, elsewhere(handoff))
    handoff.onListenerClosed(() => this.#whenReady.changed())
    handoff.explainDelay(() => {
      const places = missing()
      return places.length === 0 ? undefined : text(places)
    })
    return {
      get listens() {
        return handoff.listens
      },
      get missing() {
        return missing()
      },
      ready: () => {
        if (!handoff.listens && handoff.generation === 1) handoff.warn(idleText(elsewhere(handoff)))
        return handoff.ready()
      },
      onMissing: (places) => handoff.warn(`not ready yet: ${text(places)}`),
    }
  }
}

/** Where the program listens, and the old process does not. */
function elsewhere({ receivedPorts }: HandoffProcess): Elsewhere {
  const known = new Set([...receivedPorts, process.debugPort])
  const ports = listeningPorts(process.pid).filter((port) => !known.has(port))
  return { ports, children: listeningChildren(process.pid) }
}
