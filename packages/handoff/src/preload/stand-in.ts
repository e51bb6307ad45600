// Stands in for a program that imports nothing of ours: its servers listen through a handoff.

import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import type { BindRequest } from '../io/hooks/bind-hook.ts'
import { installInertHandle, removeInertHandle } from '../io/listeners/listening-handle.ts'
import {
  type ListeningChild,
  listeningChildren,
  listeningPorts,
} from '../io/listeners/listening-ports.ts'
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import type { Dropped } from './readiness/dropped.ts'
import { lostPorts } from './readiness/lost-ports.ts'
import {
  type Elsewhere,
  endingText,
  idleText,
  lostPlaces,
  lostText,
  missingPlaces,
  missingText,
} from './readiness/missing-text.ts'
import type { Candidate, WhenReady } from './readiness/when-ready.ts'

export class StandIn {
  readonly #create: () => HandoffProcess | Promise<HandoffProcess>
  readonly #whenReady: WhenReady
  readonly #dropped: Dropped
  readonly #ignored: Dropped
  #handoff: HandoffProcess | Promise<HandoffProcess> | undefined
  #candidate: Candidate | undefined

  /**
   * @param create - makes the handoff, at the first server that listens. If it blocks until that is
   * made, a server listens at the return of its `listen`.
   * @param dropped - listeners of the old process that the operator gives up.
   * @param ignored - listeners that are left to each process.
   */
  constructor(
    create: () => HandoffProcess | Promise<HandoffProcess>,
    whenReady: WhenReady,
    dropped: Dropped = new Set(),
    ignored: Dropped = new Set(),
  ) {
    this.#create = create
    this.#whenReady = whenReady
    this.#dropped = dropped
    this.#ignored = ignored
  }

  /** @param own - has Node.js bind the server, and emit its own error if that fails. */
  listen(server: Server, options: ListenOptions, own?: () => void): Promise<void> {
    let closed = false
    // The program may close it before there is a handoff; from then on that observes the server.
    installInertHandle(server, {
      onClose: () => {
        closed = true
      },
    })
    return this.#run(
      async (handoff) => {
        if (!closed) await handoff.listenForProgram(server, options, own)
      },
      () => {
        if (!closed) removeInertHandle(server)
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
    handoff?.release()
  }

  /** A program that listens again after an error gets a second try. */
  #join(): HandoffProcess | Promise<HandoffProcess> {
    if (this.#handoff !== undefined) return this.#handoff
    const begun = this.#create()
    this.#handoff = begun instanceof Promise ? this.#follow(begun) : this.#joined(begun)
    return this.#handoff
  }

  async #follow(begun: Promise<HandoffProcess>): Promise<HandoffProcess> {
    try {
      this.#handoff = this.#joined(await begun)
      return this.#handoff
    } catch (error) {
      this.#handoff = undefined
      throw error
    }
  }

  #joined(handoff: HandoffProcess): HandoffProcess {
    this.#candidate = this.#candidateOf(handoff)
    return handoff
  }

  /**
   * Runs the listen once there is a handoff, in this turn where that can be.
   *
   * @param onNone - called if there cannot be one.
   */
  async #run(
    listen: (handoff: HandoffProcess) => Promise<void>,
    onNone: () => void = () => {},
  ): Promise<void> {
    this.#whenReady.begin()
    try {
      let handoff: HandoffProcess | Promise<HandoffProcess>
      try {
        handoff = this.#join()
        if (handoff instanceof Promise) handoff = await handoff
      } catch (error) {
        onNone()
        throw error
      }
      await listen(handoff)
    } finally {
      this.#whenReady.end(this.#candidate)
    }
  }

  #candidateOf(handoff: HandoffProcess): Candidate {
    const places = () => missingPlaces(handoff.unclaimed, this.#dropped)
    // An old process that listens by itself is replaced for what it listens on.
    const lost = () => (handoff.hasReceived ? [] : this.#lost(handoff))
    const text = () =>
      [
        ...some(places(), (all) => missingText(all, handoff.replaces, elsewhere(handoff))),
        ...some(lost(), lostText),
      ].join('; ') || undefined
    handoff.onListenerClosed(() => this.#whenReady.changed())
    handoff.explainDelay(text)
    return {
      get listens() {
        return handoff.listens
      },
      get missing() {
        return [...places(), ...lostPlaces(lost())]
      },
      ready: () => {
        if (!handoff.listens && handoff.generation === 1) handoff.warn(idleText(elsewhere(handoff)))
        for (const warning of some(this.#lost(handoff), endingText)) handoff.warn(warning)
        return handoff.ready()
      },
      onMissing: () => handoff.warn(`not ready yet: ${text() ?? 'a listener is missing'}`),
    }
  }

  #lost({ oldPid }: HandoffProcess): ListeningChild[] {
    if (oldPid === undefined || this.#ignored.has('*')) return []
    return lostPorts(
      oldPid,
      (port) => this.#dropped.has(String(port)) || this.#ignored.has(String(port)),
    )
  }
}

/** The text about several things; none if there are none. */
function some<T>(things: readonly T[], text: (things: readonly T[]) => string): string[] {
  return things.length === 0 ? [] : [text(things)]
}

/** Where the program listens, and the old process does not. */
function elsewhere({ receivedPorts }: HandoffProcess): Elsewhere {
  const known = new Set([...receivedPorts, process.debugPort])
  const ports = listeningPorts(process.pid).filter((port) => !known.has(port))
  return { ports, children: listeningChildren(process.pid) }
}
