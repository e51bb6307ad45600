// Stage adopt, new side: a server's own listen, answered by a listener that was received or bound.

import type { Server } from 'node:net'
import type { Gate } from '../../connections/gate/gate.ts'
import { gatesJoinedTo } from '../../connections/gate/joined-gate.ts'
import { ServerGate } from '../../connections/gate/server-gate.ts'
import type { HeldListener } from '../../io/listeners/held-listener.ts'
import { ignoreMode } from '../../io/node/internals/server-handle.ts'
import type { ListenOptions } from '../../io/node/listen-arguments.ts'
import { type Adoption, releaseHeld } from './adoption.ts'
import { claimListener } from './claim-listener.ts'
import { isLiteral, resolveHost } from './resolve-host.ts'

/** Node's backlog (net.Server.listen); the kernel caps it at net.core.somaxconn. */
const defaultBacklog = 511

/**
 * Makes a server listen.
 *
 * @param own - lets Node.js bind the server, and emit its own error if that fails.
 * @returns its gate, or undefined if the application closed it meanwhile, or it was left to Node.js.
 * @throws the system's error, as Node's own listen gives it.
 */
export async function adoptServer(
  server: Server,
  options: ListenOptions,
  adoption: Adoption,
  own?: () => void,
): Promise<ServerGate | undefined> {
  const backlog = options.backlog ?? defaultBacklog
  const gate = new ServerGate(server, backlog, adoption.system, adoption.optIns, adoption.handlers)
  const undoSignal = closeOnAbort(server, options.signal)
  let held: HeldListener | undefined
  try {
    const { host } = options
    const address = isLiteral(host) ? host : await resolveHost(host)
    if (gate.closed) return undefined
    // Waits only for an address that is not free: a server listens at the return of its `listen`.
    const claimed = claimNow(address, options, backlog, adoption)
    if ('free' in claimed) {
      await claimed.free
      if (gate.closed) return undefined
      // The commit, or the end, may have come meanwhile.
      adoption.checkOpen()
    }
    held = 'free' in claimed ? claimListener(address, options, backlog, adoption) : claimed
    adoption.ticketKeys.giveTo(server, held.receivedAs)
    const accepts = adoption.accept() && held.refusal === undefined
    const listens = gate.listen(held, accepts, options.path)
    // A path that was received has its mode already, and a server that waits needs none.
    if (options.path !== undefined && !accepts) ignoreMode(server)
    // Before `listening` is emitted: its listener may report that this process is ready.
    adoption.gates.add(gate)
    for (const more of adoption.listeners.claimJoined(held)) adoption.gates.add(gate.join(more))
    await listens
    // The application has closed it meanwhile, and its listener with it.
    if (gate.closed) return undefined
  } catch (error) {
    undoSignal()
    adoption.gates.delete(gate)
    dropJoined(gate, adoption)
    gate.detach()
    if (held !== undefined) releaseHeld(held, adoption)
    else if (own !== undefined && isSystemError(error))
      return leaveToNode(server, own, error, adoption)
    throw error
  }
  return gate
}

/** Lets Node.js listen: it fails in the same way, with its own error and in its own time. */
function leaveToNode(
  server: Server,
  own: () => void,
  error: Error,
  { handlers, noteError }: Adoption,
): undefined {
  own()
  noteError(error)
  if (!server.listening) return
  handlers.onWarning(`${error.message}; it listens nonetheless by now, and is not handed over`)
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'errno' in error
}

/**
 * Claims the listener if its address is free now.
 *
 * @returns the listener, or a promise for the moment when an address that was given up here is free.
 * @throws as {@link claimListener}.
 */
function claimNow(
  address: string | undefined,
  options: ListenOptions,
  backlog: number,
  adoption: Adoption,
): HeldListener | { free: Promise<void> } {
  adoption.checkOpen()
  try {
    return claimListener(address, options, backlog, adoption)
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const free = inUse ? adoption.whenAddressFree() : undefined
    if (free === undefined) throw error
    return { free }
  }
}

function dropJoined(gate: Gate, { gates, listeners }: Adoption): void {
  for (const other of gatesJoinedTo(gate, gates)) {
    gates.delete(other)
    if (!listeners.unclaim(other.held)) listeners.drop(other.held, { unlink: false })
  }
}

/** Closes the server on abort, as Node's `signal` option does. Returns the undo. */
function closeOnAbort(server: Server, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {}
  const close = () => void server.close()
  const undo = () => signal.removeEventListener('abort', close)
  if (signal.aborted) process.nextTick(close)
  signal.addEventListener('abort', close, { once: true })
  server.once('close', undo)
  return undo
}
