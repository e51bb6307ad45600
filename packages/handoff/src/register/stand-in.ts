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
    const watch = watchClose(server)
    return this.#run(async (handoff) => {
      // From here on the handoff itself watches for a close.
      watch.end()
      if (watch.closed) return false
      await handoff.listen(server, options)
      return true
    })
  }

  bind(socket: Socket, request: BindRequest): Promise<void> {
    return this.#run(async (handoff) => {
      await handoff.bind(socket, request)
      return true
    })
  }

  /** A program that listens again after an error gets a second try. */
  #join(): Promise<HandoffProcess> {
    this.#handoff ??= this.#create().catch((error: unknown) => {
      this.#handoff = undefined
      throw error
    })
    return this.#handoff
  }

  /** Runs the listen once there is a handoff. @param listen - tells whether it has listened. */
  async #run(listen: (handoff: HandoffProcess) => Promise<boolean>): Promise<void> {
    let candidate: HandoffProcess | undefined
    this.#whenReady.begin()
    try {
      const handoff = await this.#join()
      if (await listen(handoff)) candidate = handoff
    } finally {
      this.#whenReady.end(candidate)
    }
  }
}

/** Notices that the program closes a server which does not listen yet: Node's own close would say so. */
function watchClose(server: Server): { readonly closed: boolean; end(): void } {
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
    end() {
      if (!closed) undo()
    },
  }
}
