// Makes the servers of a program without code for handoffs listen through a handoff.

import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import type { BindRequest } from '../io/hooks/bind-hook.ts'
import { installInertHandle, removeInertHandle } from '../io/listeners/listening-handle.ts'
import {
  type ListeningChild,
  listeningChildren,
  listeningPorts,
} from '../io/listeners/listening-ports.ts'
import { speaksHttp } from '../io/loopback/exchange.ts'
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import type { DroppedPlaces } from './readiness/dropped-places.ts'
import {
  type Elsewhere,
  endingChildText,
  missingPlaces,
  missingText,
  noListenerText,
  unservedPlaces,
  unservedText,
} from './readiness/listen-warnings.ts'
import { unservedChildPorts } from './readiness/unserved-child-ports.ts'
import type { Candidate, WhenReady } from './readiness/when-ready.ts'

export class ProgramHandoff {
  readonly #create: () => HandoffProcess | Promise<HandoffProcess>
  readonly #whenReady: WhenReady
  readonly #dropped: DroppedPlaces
  readonly #ignored: DroppedPlaces
  readonly #warmup: readonly string[]
  /** The servers that are warmed up before this process is ready. */
  readonly #cold = new Set<Server>()
  #handoff: HandoffProcess | Promise<HandoffProcess> | undefined
  #candidate: Candidate | undefined

  /**
   * @param create - creates the handoff at the first `listen`. If it blocks until then, the server
   * listens when its `listen` returns.
   * @param dropped - listeners of the old process that the operator drops.
   * @param ignored - listeners that are not handed over.
   * @param warmup - paths that a new process requests of its servers before it is ready.
   */
  constructor(
    create: () => HandoffProcess | Promise<HandoffProcess>,
    whenReady: WhenReady,
    dropped: DroppedPlaces = new Set(),
    ignored: DroppedPlaces = new Set(),
    warmup: readonly string[] = [],
  ) {
    this.#create = create
    this.#whenReady = whenReady
    this.#dropped = dropped
    this.#ignored = ignored
    this.#warmup = warmup
  }

  /** @param own - lets Node.js bind the server, and emit its own error if that fails. */
  listen(server: Server, options: ListenOptions, own?: () => void): Promise<void> {
    let closed = false
    // The program may close the server before there is a handoff. Later the handoff observes it.
    installInertHandle(server, {
      onClose: () => {
        closed = true
      },
    })
    return this.#run(
      async (handoff) => {
        if (this.#warmup.length > 0) this.#cold.add(server)
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
   * Takes part in the handoff although the program has no listener yet.
   *
   * @throws {@link HandoffError} as {@link createHandoff}.
   */
  async serveWithoutListener(): Promise<void> {
    if (this.#handoff !== undefined) return
    await this.#join()
    if (this.#candidate !== undefined) this.#whenReady.allowNoListener(this.#candidate)
  }

  /** Releases the handoff of a program without listeners that now creates its own. */
  async release(): Promise<void> {
    const handoff = await this.#handoff
    handoff?.release()
  }

  /** Returns the handoff, and creates it if there is none or the last one failed. */
  #join(): HandoffProcess | Promise<HandoffProcess> {
    if (this.#handoff !== undefined) return this.#handoff
    const created = this.#create()
    this.#handoff = created instanceof Promise ? this.#awaitHandoff(created) : this.#keep(created)
    return this.#handoff
  }

  async #awaitHandoff(created: Promise<HandoffProcess>): Promise<HandoffProcess> {
    try {
      this.#handoff = this.#keep(await created)
      return this.#handoff
    } catch (error) {
      this.#handoff = undefined
      throw error
    }
  }

  #keep(handoff: HandoffProcess): HandoffProcess {
    this.#candidate = this.#candidateOf(handoff)
    return handoff
  }

  /**
   * Calls `listen` once there is a handoff, in this turn if possible.
   *
   * @param onNone - called if the handoff cannot be created.
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
    // Ports of children only count if the old process itself has no listener.
    const unserved = () => (handoff.hasReceived ? [] : this.#unservedPorts(handoff))
    const text = () =>
      [
        ...some(places(), (all) => missingText(all, handoff.replaces, elsewhere(handoff))),
        ...some(unserved(), unservedText),
      ].join('; ') || undefined
    handoff.onListenerClosed(() => this.#whenReady.changed())
    handoff.explainDelay(text)
    return {
      get listens() {
        return handoff.listens
      },
      get missing() {
        return [...places(), ...unservedPlaces(unserved())]
      },
      warmUp: () => this.#warmUp(handoff),
      get mayProbe() {
        return handoff.mayProbe
      },
      ready: async () => {
        if (!handoff.listens && handoff.generation === 1)
          handoff.warn(noListenerText(elsewhere(handoff)))
        await handoff.ready()
        // It reads a file of each process of this machine: clients that wait come first.
        afterPoll(() => this.#warnOfEndingChildren(handoff))
      },
      onMissing: () => handoff.warn(`not ready yet: ${text() ?? 'a listener is missing'}`),
    }
  }

  #warmUp(handoff: HandoffProcess): Promise<void> | undefined {
    const servers = [...this.#cold].filter((server) => server.listening && speaksHttp(server))
    this.#cold.clear()
    if (servers.length === 0 || !handoff.replaces) return undefined
    const warmup = { requests: this.#warmup }
    // All of them at the same time: they have one deadline.
    return Promise.all(servers.map((server) => handoff.warmUp(server, warmup))).then(() => {})
  }

  /** The session of the old process has its children, also once the old process has ended. */
  #warnOfEndingChildren(handoff: HandoffProcess): void {
    for (const warning of some(this.#unservedPorts(handoff), endingChildText)) handoff.warn(warning)
  }

  #unservedPorts({ oldPid }: HandoffProcess): ListeningChild[] {
    if (oldPid === undefined || this.#ignored.has('*')) return []
    return unservedChildPorts(
      oldPid,
      (port) => this.#dropped.has(String(port)) || this.#ignored.has(String(port)),
    )
  }
}

/** Calls back after the event loop has polled its descriptors once more. */
function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback))
}

/** Returns the text about several things, or nothing if there are none. */
function some<T>(things: readonly T[], text: (things: readonly T[]) => string): string[] {
  return things.length === 0 ? [] : [text(things)]
}

/** Returns the ports of the program that the old process does not have. */
function elsewhere({ receivedPorts }: HandoffProcess): Elsewhere {
  const known = new Set([...receivedPorts, process.debugPort])
  const ports = listeningPorts(process.pid).filter((port) => !known.has(port))
  return { ports, children: listeningChildren(process.pid) }
}
