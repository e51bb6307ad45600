// What the application has allowed to change process, beside HTTP connections: it has to ask for it.

import http from 'node:http'
import type { Server } from 'node:net'
import tls from 'node:tls'
import { HandoffError } from '../terms/errors.ts'
import type { ConnectionHooks } from './raw/mover.ts'
import { WebSocketServers } from './websocket/servers.ts'

export class Consents {
  readonly webSockets: WebSocketServers
  readonly #connections = new Map<Server, ConnectionHooks>()

  constructor(warn: (message: string) => void) {
    this.webSockets = new WebSocketServers(warn)
  }

  /**
   * Lets the connections of a server go over. Gives back its undo.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION for a server of HTTP or TLS.
   */
  addConnections(server: Server, hooks: ConnectionHooks): () => void {
    if (server instanceof http.Server || server instanceof tls.Server) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot hand over connections: the server speaks HTTP or TLS, and is no net.Server alone',
      )
    }
    this.#connections.set(server, hooks)
    return () => this.#connections.delete(server)
  }

  connectionsOf(server: Server): ConnectionHooks | undefined {
    return this.#connections.get(server)
  }
}
