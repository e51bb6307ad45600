// Stands in for a program that imports nothing of ours: its servers listen through a handoff.

import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import { shadow } from '../connections/shadow.ts'
import type { HandoffProcess } from '../handoff.ts'
import type { BindRequest } from '../io/bind-hook.ts'
import type { ListenOptions } from '../io/listen-arguments.ts'
import type { WhenReady } from './when-ready.ts'

export class StandIn {
  readonly #create: () => Promise<HandoffProcess>
  readonly #whenReady: WhenReady
  #handoff: Promise<HandoffProcess> | undefined

  /** @param create - makes the handoff, at the first server that listens. */
  constructor(create: () => Promise<HandoffProcess>, whenReady: WhenReady) {
    this.#create = create
    this.#whenReady = whenReady
  }

  listen(server: Server, options: ListenOptions): Promise<void> {
    return this.#while(closesServer(server), (handoff) => handoff.listen(server, options))
  }

  bind(socket: Socket, request: BindRequest): Promise<void> {
    return this.#while(closesSocket(socket), (handoff) => handoff.bind(socket, request))
  }

  /** Runs the listen once there is a handoff, unless the program has closed it by then. */
  async #while(watch: CloseWatch, listen: (handoff: HandoffProcess) => Promise<void>) {
    let candidate: HandoffProcess | undefined
    this.#whenReady.begin()
    try {
      this.#handoff ??= this.#create()
      // From there on the handoff itself watches for a close.
      const handoff = await this.#handoff.finally(() => watch.end())
      if (watch.closed) return
      await listen(handoff)
      candidate = handoff
    } catch (error) {
      if (!watch.closed) throw error
    } finally {
      this.#whenReady.end(candidate)
    }
  }
}

/** Notices that the program closes what is about to listen. */
class CloseWatch {
  closed = false
  readonly #undo: () => void

  constructor(begin: (onClose: () => void) => () => void) {
    this.#undo = begin(() => {
      this.closed = true
    })
  }

  end(): void {
    if (!this.closed) this.#undo()
  }
}

function closesServer(server: Server): CloseWatch {
  return new CloseWatch((onClose) => {
    // Node's own close would say that a server that does not listen yet is not running.
    const undo = shadow(server, 'close', (callback?: (error?: Error) => void) => {
      undo()
      onClose()
      if (callback !== undefined) server.once('close', () => callback())
      return server.close()
    })
    return undo
  })
}

function closesSocket(socket: Socket): CloseWatch {
  return new CloseWatch((onClose) => {
    socket.once('close', onClose)
    // To its end: a bind of a closed socket fails, which is nobody's business.
    return () => {}
  })
}
