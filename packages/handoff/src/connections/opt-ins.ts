// What the application has opted in to move, beside HTTP/1.1 connections.

import http from 'node:http'
import type { Server } from 'node:net'
import tls from 'node:tls'
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
    if (server instanceof http.Server || server instanceof tls.Server) {
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
