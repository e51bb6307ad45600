// Stage adopt, new side: a server's own listen, answered by a listener that was received or bound.

import type { Socket as DatagramSocket } from 'node:dgram'
import { isIP, type Server } from 'node:net'
import { DatagramGate } from '../connections/gate/datagram-gate.ts'
import type { Gate, GateHandlers } from '../connections/gate/gate.ts'
import { gatesJoinedTo } from '../connections/gate/joined-gate.ts'
import { ServerGate } from '../connections/gate/server-gate.ts'
import type { OptIns } from '../connections/opt-ins.ts'
import type { ReceivedTicketKeys } from '../connections/tls/ticket-keys.ts'
import type { BindOptions, HeldListener } from '../io/listeners/held-listener.ts'
import type { Listeners } from '../io/listeners/listeners.ts'
import { probeListener } from '../io/listeners/probe-listener.ts'
import { type DescriptorFacts, describe, dup } from '../io/native/descriptors.ts'
import { builtins } from '../io/node/builtins.ts'
import { isClosedDatagram, isUdp6 } from '../io/node/internals/datagram.ts'
import { abstractName, ignoreMode } from '../io/node/internals/server-handle.ts'
import type { ListenOptions } from '../io/node/listen-arguments.ts'
import type { System } from '../io/system/system.ts'
import type { ListenerRequest } from '../protocol/manifest.ts'
import { HandoffError } from '../terms/errors.ts'

/** What {@link adoptServer} and {@link adoptSocket} need to know of this process. */
export interface Adoption {
  listeners: Listeners
  system: System
  /** What the application lets change process, beside HTTP connections. */
  optIns: OptIns
  /** Whether servers may accept now, or wait for the commit. */
  accept(): boolean
  /** @throws {@link HandoffError} ERR_HANDOFF_LISTEN_STATE when nothing may begin to listen now. */
  checkOpen(): void
  /**
   * Whether a server may listen without a descriptor: see {@link probeListener}. A program that knows of
   * its handoff gets the error.
   */
  readonly mayProbe?: boolean
  /** Keeps the error with which a listen fails. */
  noteError(error: unknown): void
  /** Waits, where need be, until an address that was given up here is free. */
  settled(): Promise<void> | undefined
  /** The name of the next listener on port 0 that was given none. */
  nextName(): string
  /** The gates of this process. */
  gates: Set<Gate>
  ticketKeys: ReceivedTicketKeys
  handlers: GateHandlers
}

/** Node's backlog (net.Server.listen); the kernel caps it at net.core.somaxconn. */
const defaultBacklog = 511

/**
 * Makes a server listen.
 *
 * @param own - has Node.js bind it, and emit its own error if that fails.
 * @returns its gate, or undefined when the application closed it meanwhile, or it was left to Node.js.
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
    const address = isLiteral(host) ? host : await resolve(host)
    if (gate.closed) return undefined
    // Waits only for what is not free at once: a server listens at the return of its `listen`.
    const claimed = claimNow(address, options, backlog, adoption)
    if ('settled' in claimed) {
      await claimed.settled
      if (gate.closed) return undefined
      // The commit, or the end, may have come meanwhile.
      adoption.checkOpen()
    }
    held = 'settled' in claimed ? claim(address, options, backlog, adoption) : claimed
    adoption.ticketKeys.giveTo(server, held.receivedAs)
    const accepts = adoption.accept() && held.refusal === undefined
    const listens = gate.listen(held, accepts, options.path)
    // A path that came has its mode; what is waited on in its place needs none.
    if (options.path !== undefined && !accepts) ignoreMode(server)
    // Before `listening` is told: whoever hears it may say that this process is ready.
    adoption.gates.add(gate)
    for (const more of adoption.listeners.claimJoined(held)) adoption.gates.add(gate.join(more))
    await listens
    // Closed by the application meanwhile: its listener went with it.
    if (gate.closed) return undefined
  } catch (error) {
    undoSignal()
    adoption.gates.delete(gate)
    dropJoined(gate, adoption)
    gate.detach()
    if (held !== undefined) release(held, adoption)
    else if (own !== undefined && isSystemError(error))
      return leaveToNode(server, own, error, adoption)
    throw error
  }
  return gate
}

/** Node.js fails in the same way, with an error of its own and in its own time. */
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
 * Claims what is free now.
 *
 * @returns the listener; or what to wait for until an address that was given up here is free.
 * @throws as {@link claim}.
 */
function claimNow(
  address: string | undefined,
  options: ListenOptions,
  backlog: number,
  adoption: Adoption,
): HeldListener | { settled: Promise<void> } {
  adoption.checkOpen()
  try {
    return claim(address, options, backlog, adoption)
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const settled = inUse ? adoption.settled() : undefined
    if (settled === undefined) throw error
    return { settled }
  }
}

function dropJoined(gate: Gate, { gates, listeners }: Adoption): void {
  for (const other of gatesJoinedTo(gate, gates)) {
    gates.delete(other)
    if (!listeners.unclaim(other.held)) listeners.drop(other.held, { unlink: false })
  }
}

/** The listener could not be used: it waits for the next request, or is closed if we bound it. */
function release(held: HeldListener, { listeners }: Adoption): void {
  if (!listeners.unclaim(held)) listeners.drop(held, { unlink: true })
}

/** As Node's `signal` option; gives back its undo. */
function closeOnAbort(server: Server, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {}
  const close = () => void server.close()
  const undo = () => signal.removeEventListener('abort', close)
  if (signal.aborted) process.nextTick(close)
  signal.addEventListener('abort', close, { once: true })
  server.once('close', undo)
  return undo
}

export interface BindSocketOptions {
  port: number
  address?: string
  ipv6Only?: boolean
  reuseAddr?: boolean
  reusePort?: boolean
  /** See {@link ListenOptions.name}. */
  name?: string
}

/**
 * Binds a datagram socket.
 *
 * @returns its gate, or undefined if the program closed the socket meanwhile.
 * @throws the system's error, as Node's own bind gives it.
 */
export async function adoptSocket(
  socket: DatagramSocket,
  options: BindSocketOptions,
  adoption: Adoption,
): Promise<DatagramGate | undefined> {
  const { ipv6Only = false, port, reuseAddr, reusePort } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      `cannot bind: ${String(port)} is not a port from 0 to 65535`,
    )
  }
  const [family, everyAddress] = isUdp6(socket) ? ([6, '::'] as const) : ([4, '0.0.0.0'] as const)
  const address = (await resolve(options.address, family)) ?? everyAddress
  await adoption.settled()
  if (isClosedDatagram(socket)) return undefined
  adoption.checkOpen()
  const request: ListenerRequest = {
    protocol: 'udp',
    address,
    port,
    ipv6Only,
    name: port === 0 ? (options.name ?? adoption.nextName()) : '',
  }
  const held = adoption.listeners.claim(request, {
    ...(reuseAddr === undefined ? {} : { reuseAddr }),
    ...(reusePort === undefined ? {} : { reusePort }),
  })
  let gate: DatagramGate
  try {
    gate = DatagramGate.bind(socket, held, adoption.accept(), adoption.handlers)
  } catch (error) {
    release(held, adoption)
    throw error
  }
  // Before `listening` is emitted: the program may close the socket then.
  adoption.gates.add(gate)
  await gate.emitListening()
  return gate.closed ? undefined : gate
}

function claim(
  address: string | undefined,
  options: ListenOptions,
  backlog: number,
  { listeners, nextName, mayProbe }: Adoption,
): HeldListener {
  const bindOptions: BindOptions = { backlog }
  if (options.reusePort !== undefined) bindOptions.reusePort = options.reusePort
  if (options.fd !== undefined) return inherit(options.fd, listeners)
  if (typeof options.path === 'string') {
    const mode = pathMode(options)
    if (mode !== undefined) bindOptions.mode = mode
    const address = socketPath(options.path)
    const path = { protocol: 'unix' as const, address, port: 0, ipv6Only: false }
    return listeners.claim({ ...path, name: '' }, bindOptions)
  }
  const port = options.port ?? 0
  const request: ListenerRequest = {
    protocol: 'tcp',
    ...(address === undefined ? {} : { address }),
    port,
    ipv6Only: options.ipv6Only ?? false,
    name: port === 0 ? (options.name ?? nextName()) : '',
  }
  try {
    return listeners.claim(request, bindOptions)
  } catch (error) {
    const probe = mayProbe ? probeListener(listeners.unclaimed, request, error) : undefined
    if (probe === undefined) throw error
    return probe
  }
}

/** The listener that this process was started with as this descriptor, or a dup of what the application has from elsewhere. */
function inherit(fd: number, listeners: Listeners): HeldListener {
  const inherited = listeners.claimDescriptor(fd)
  if (inherited !== undefined) return inherited
  const facts = describe(fd)
  if (facts.type !== 'stream' || facts.family === 'other' || !facts.listening) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      `cannot listen on descriptor ${fd}: it is not a listening stream socket`,
    )
  }
  return listeners.hold(requestFor(facts), dup(fd))
}

function requestFor(facts: DescriptorFacts): ListenerRequest {
  const { family, address, port, path, ipv6Only } = facts
  if (family === 'unix') {
    return { protocol: 'unix', address: path, port: 0, ipv6Only: false, name: '' }
  }
  return { protocol: 'tcp', address, port, ipv6Only, name: '' }
}

/**
 * The path as the manifest and the native core have it: `@name` is abstract there. To Node.js that
 * is a file in the working directory, and `\\0name` is abstract.
 */
function socketPath(path: string): string {
  if (path.startsWith('@')) return `./${path}`
  return path.startsWith('\0') ? `@${abstractName(path.slice(1))}` : path
}

/** Node's readableAll and writableAll, as the mode that the path is bound with. */
function pathMode({ readableAll, writableAll }: ListenOptions): number | undefined {
  if (!readableAll && !writableAll) return undefined
  return 0o700 | (readableAll ? 0o444 : 0) | (writableAll ? 0o222 : 0)
}

function isLiteral(host: string | undefined): boolean {
  return host === undefined || isIP(host) !== 0
}

/** As Node: the first address that the resolver gives, of this family where one is asked for. */
function resolve(host: string | undefined, family: 0 | 4 | 6 = 0): Promise<string | undefined> {
  if (host === undefined || host === '' || isIP(host) !== 0) {
    return Promise.resolve(host === '' ? undefined : host)
  }
  return new Promise((done, fail) => {
    builtins.dns.lookup(host, family, (error, address) => (error ? fail(error) : done(address)))
  })
}
