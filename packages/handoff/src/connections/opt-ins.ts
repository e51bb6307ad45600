// What the application has opted in to move, beside HTTP/1.1 connections, and whether those over TLS move.

import type { Server } from 'node:net'
import {
  isHttp2SecureServer,
  isHttpServer,
  isHttpsServer,
  isTlsServer,
} from '../io/node/builtins.ts'
import { HandoffError } from '../terms/errors.ts'
import type { TlsMode } from '../terms/options.ts'
import { type Layer, plainLayer } from './moving/layer.ts'
import type { ConnectionHooks } from './raw/mover.ts'
import { TlsPolicy } from './tls/policy.ts'
import { SecureSockets } from './tls/secure-sockets.ts'
import { OptedInServers } from './websocket/opted-in-servers.ts'

interface OptedIn {
  hooks: ConnectionHooks
  /** Only of TLS servers. */
  secureSockets: SecureSockets | undefined
}

export class OptIns {
  readonly webSockets: OptedInServers
  readonly #tls: TlsPolicy
  readonly #connections = new Map<Server, OptedIn>()

  /** @param tls - what becomes of TLS connections. */
  constructor(warn: (message: string) => void, tls: TlsMode = 'close') {
    this.webSockets = new OptedInServers(warn)
    this.#tls = new TlsPolicy(tls, warn)
  }

  /** Returns what lies below the connections of a server; undefined if they stay in their process. */
  layerOf(server: Server): Layer | undefined {
    return isTlsServer(server) ? this.#tls.layer : plainLayer
  }

  /**
   * Lets the connections of a server move. Returns the undo.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION if the server speaks HTTP.
   */
  addConnections(server: Server, hooks: ConnectionHooks): () => void {
    if (isHttpServer(server) || isHttpsServer(server) || isHttp2SecureServer(server)) {
      throw new HandoffError(
        'ERR_HANDOFF_INVALID_OPTION',
        'cannot move connections: the server speaks HTTP',
        { help: 'Pass a server of net.createServer() or tls.createServer().' },
      )
    }
    const secureSockets = isTlsServer(server) ? new SecureSockets(server) : undefined
    this.#connections.set(server, { hooks, secureSockets })
    return () => {
      secureSockets?.stop()
      this.#connections.delete(server)
    }
  }

  connectionsOf(server: Server): ConnectionHooks | undefined {
    return this.#connections.get(server)?.hooks
  }

  /** Returns the application's sockets of a TLS server that has opted in. */
  secureSocketsOf(server: Server): SecureSockets | undefined {
    return this.#connections.get(server)?.secureSockets
  }
}
