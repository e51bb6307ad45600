// The public surface of socket-handoff.

import { checkUnclaimed, claimForProgram } from './process/claim.ts'
import { startHandoff } from './process/create.ts'
import { followTls } from './process/follow-tls.ts'
import type { Handoff } from './process/public-handoff.ts'
import type { HandoffOptions } from './terms/options.ts'

export type { ConnectionHooks } from './connections/raw/mover.ts'
export type {
  WebSocketHooks,
  WebSocketLike,
  WebSocketServerLike,
} from './connections/websocket/opted-in-servers.ts'
export type { StateOptions } from './generation/states.ts'
export type { ListenOptions } from './io/node/listen-arguments.ts'
export type { ExitHook } from './old/exit.ts'
export type { BindSocketOptions } from './process/listen/adopt-socket.ts'
export type { HandoffMetrics } from './process/metrics.ts'
export type { Handoff } from './process/public-handoff.ts'
export { printable } from './protocol/printable.ts'
export { HandoffError, type HandoffErrorCode, type Serving } from './terms/errors.ts'
export {
  eventsChannel,
  type HandoffEvent,
  type ProcessStage,
  type Stage,
} from './terms/events.ts'
export type { CountedKind, DrainCounts, Fate, Fates, KindCounts } from './terms/fates.ts'
export type { HandoffOptions } from './terms/options.ts'
export type { Warmup, WarmupRequest } from './terms/warmup.ts'
export { type Description, describe } from './words/describe.ts'

// A program that imports this module controls its handoff itself; the preload hooks nothing then.
claimForProgram()
followTls()

/**
 * Finds the old process, if there is one, and receives its listeners. Clients notice nothing before
 * {@link Handoff.ready}.
 *
 * @remarks Removes the variables of the supervisor from the environment. If it rejects, it restores
 * them, so that a second call finds the same old process.
 *
 * @returns when this process may listen. Without an old process it is generation 1.
 * @throws {@link HandoffError} ERR_HANDOFF_UNSUPPORTED_PLATFORM, ERR_HANDOFF_ADDON_NOT_FOUND,
 * ERR_HANDOFF_CLUSTER, ERR_HANDOFF_INVALID_OPTION, ERR_HANDOFF_ALREADY_CREATED,
 * ERR_HANDOFF_RENDEZVOUS_UNSAFE, ERR_HANDOFF_BUSY, ERR_HANDOFF_PEER_DENIED, ERR_HANDOFF_VERSION,
 * ERR_HANDOFF_STOPPING, ERR_HANDOFF_PROTOCOL, ERR_HANDOFF_TRUNCATED,
 * ERR_HANDOFF_DESCRIPTOR_MISMATCH, ERR_HANDOFF_TIMEOUT.
 */
export async function createHandoff(options: HandoffOptions = {}): Promise<Handoff> {
  checkUnclaimed()
  return startHandoff(options, process.env)
}
