// What the application has opted in to move, beside HTTP/1.1 connections.

import type { Server } from 'node:net'
import { isHttpServer, isTlsServer } from '../io/node/builtins.ts'
import { HandoffError } from '../terms/errors.ts'
import type { ConnectionHooks } from './raw/mover.ts'
import { OptedInServers } from './websocket/opted-in-servers.ts'

export class OptIns {
  readonly webSockets: OptedInServers
  readonly #connections = new Map<Server, ConnectionHooks>()

  constructor(warn: (message: string) => void) {
    this.webSockets = new OptedInServers(warn)
  }

  /**
   * Lets the connections of a server move. Returns the undo.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION if the server speaks HTTP or TLS.
   */
  addConnections(server: Server, hooks: ConnectionHooks): () => void {
    if (isHttpServer(server) || isTlsServer(server)) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot move connections: the server speaks HTTP or TLS',
        { help: 'Pass a server of net.createServer().' },
      )
    }
    this.#connections.set(server, hooks)
    return () => this.#connections.delete(server)
  }

  connectionsOf(server: Server): ConnectionHooks | undefined {
    return this.#connections.get(server)
  }
}
