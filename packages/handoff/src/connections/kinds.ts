// The kinds of connections that can change process: one line for each.

import type http from 'node:http'
import type { Server, Socket } from 'node:net'
import { isHttp2SecureServer, isHttpServer, isHttpsServer } from '../io/node/builtins.ts'
import type { System } from '../io/system/system.ts'
import type { CountedKind } from '../terms/fates.ts'
import { HttpMover } from './http/mover.ts'
import type { Layer } from './moving/layer.ts'
import type { ServerMover } from './moving/mover.ts'
import type { Origins } from './moving/origins.ts'
import type { OptIns } from './opt-ins.ts'
import { RawMover } from './raw/mover.ts'
import type { KindCounter } from './tracking/kind-counter.ts'
import type { OpenSockets } from './tracking/socket-set.ts'
import { WebSocketMover } from './websocket/mover.ts'
import type { WebSockets } from './websocket/websockets.ts'

/** What a mover gets of its server and of this process. */
export interface MoverContext {
  readonly server: Server
  /** The open connections of the server. */
  readonly sockets: OpenSockets
  readonly origins: Origins
  readonly system: System
  readonly optIns: OptIns
  readonly counter: KindCounter
  /** What lies between the movers and the connections. */
  readonly layer: Layer
  /** The WebSockets of the server; undefined if it does not speak HTTP/1.1. */
  readonly webSockets: WebSockets | undefined
  /** Returns how many of the sockets belong to connections that no other process has. */
  open(): number
  /** Call this when connections belong to another process. Their sockets are to be dropped. */
  forget(sockets: readonly Socket[]): void
  /** Call this when the last parked connection has ended. */
  onEmpty(): void
  /** Call this when a connection may have become quiescent. */
  onQuiescent(): void
  onWarning(message: string): void
}

/**
 * Each makes the mover of a server, or returns undefined if no connection of it has the kind. A new kind is
 * a room with its mover, and one line here; {@link ServerMover} lists what a mover may do.
 */
const makers = {
  http: (of: MoverContext) => (speaksHttp1(of.server) ? new HttpMover(of.server, of) : undefined),
  websocket: (of: MoverContext) =>
    speaksHttp1(of.server) && of.webSockets !== undefined
      ? new WebSocketMover(of.server, of.webSockets, of)
      : undefined,
  raw: (of: MoverContext) => (speaksRaw(of.server) ? new RawMover(of.server, of) : undefined),
} satisfies Partial<Record<CountedKind, (of: MoverContext) => ServerMover | undefined>>

export type MovableKind = keyof typeof makers

/** Makes the movers of a server. */
export function moversOf(context: MoverContext): ServerMover[] {
  return Object.values(makers).flatMap((make): ServerMover[] => {
    const mover = make(context)
    return mover === undefined ? [] : [mover]
  })
}

function speaksHttp1(server: Server): server is http.Server {
  return isHttpServer(server) || isHttpsServer(server)
}

/** Whether only the application knows the protocol of a server. */
function speaksRaw(server: Server): boolean {
  return !(speaksHttp1(server) || isHttp2SecureServer(server))
}
