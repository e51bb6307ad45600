// What the mover of HTTP/1.1 connections gets of its server and of this process.

import type { Socket } from 'node:net'
import type { System } from '../../io/system/system.ts'
import type { Layer } from '../moving/layer.ts'
import type { Origins } from '../moving/origins.ts'
import type { KindCounter } from '../tracking/kind-counter.ts'
import type { OpenSockets } from '../tracking/socket-set.ts'

export interface HttpContext {
  /** The open connections of the server. */
  readonly sockets: OpenSockets
  readonly origins: Origins
  readonly system: System
  readonly counter: KindCounter
  readonly layer: Layer
  /** Returns how many of the sockets belong to connections that no other process has. */
  open(): number
  /** Called when connections belong to another process. Their sockets are to be dropped. */
  forget(sockets: readonly Socket[]): void
  /** Called when the last parked connection has ended. */
  onEmpty(): void
  /** Called when a connection that could not move before may be able to move now. */
  onQuiescent(): void
}
