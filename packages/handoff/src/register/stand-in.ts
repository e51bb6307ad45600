// Stands in for a program that imports nothing of ours: its servers listen through a handoff.

import type { Socket } from 'node:dgram'
import type { Server } from 'node:net'
import { shadow } from '../connections/shadow.ts'
import type { HandoffProcess } from '../handoff.ts'
import type { BindRequest } from '../io/bind-hook.ts'
import type { ListenOptions } from '../io/listen-arguments.ts'
import type { Readiness } from './readiness.ts'

export class StandIn {
  readonly #create: () => Promise<HandoffProcess>
  readonly #readiness: Readiness
  #handoff: Promise<HandoffProcess> | undefined

  /** @param create - makes the handoff, at the first server that listens. */
  constructor(create: () => Promise<HandoffProcess>, readiness: Readiness) {
    this.#create = create
    this.#readiness = readiness
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
    this.#readiness.begin()
    try {
      this.#handoff ??= this.#create()
      const handoff = await this.#handoff
      watch.undo()
      if (watch.closed) return
      await listen(handoff)
      candidate = handoff
    } catch (error) {
      if (!watch.closed) throw error
    } finally {
      watch.undo()
      this.#readiness.end(candidate)
    }
  }
}

/** Whether the program has closed what is about to listen. */
interface CloseWatch {
  readonly closed: boolean
  undo(): void
}

/** Until it listens, Node's own close would say that it is not running. */
function closesServer(server: Server): CloseWatch {
  let closed = false
  const undo = shadow(server, 'close', (callback?: (error?: Error) => void) => {
    closed = true
    undo()
    if (callback !== undefined) server.once('close', () => callback())
    return server.close()
  })
  return {
    get closed() {
      return closed
    },
    undo,
  }
}

function closesSocket(socket: Socket): CloseWatch {
  let closed = false
  socket.once('close', () => {
    closed = true
  })
  return {
    get closed() {
      return closed
    },
    undo: () => {},
  }
}
