// Intercepts the bind of datagram sockets that the program creates: one hook on dgram's bind.

import dgram, { type Socket } from 'node:dgram'
import {
  type DatagramOptions,
  isClosedDatagram,
  unboundDatagramOptions,
} from '../node/internals/datagram.ts'
import { copyNameAndLength } from '../node/shadow-method.ts'
import { MethodHook } from './method-hook.ts'
import { PendingListens } from './pending-listens.ts'

/** The arguments of `socket.bind(...)`, and the options with which the socket was created. */
export interface BindRequest extends DatagramOptions {
  port: number
  address?: string
}

export interface BindInterceptor {
  /** Whether this call is bound through the handoff. */
  claims(socket: Socket, request: BindRequest): boolean
  /** Binds the socket. A rejection becomes its `error` event, as Node's own. */
  bind(socket: Socket, request: BindRequest): Promise<void>
}

const { bind } = dgram.Socket.prototype
const hook = new MethodHook<BindInterceptor>(
  dgram.Socket.prototype,
  'bind',
  copyNameAndLength(hookedBind, bind),
)
const pending = new PendingListens<Socket>()

/**
 * Hooks `dgram.Socket.prototype.bind`. Calls that are not claimed go to Node's own method, and so do
 * calls with a descriptor: a claimed socket is bound by one.
 *
 * @returns the undo. The last undo restores Node's own method.
 */
export function interceptBind(interceptor: BindInterceptor): () => void {
  return hook.add(interceptor)
}

function hookedBind(this: Socket, ...args: unknown[]): Socket {
  const asked = readBindArguments(args)
  const options = unboundDatagramOptions(this)
  const request = asked && options && { ...options, ...asked }
  if (request !== undefined && pending.has(this)) {
    // A send or connect before the end of the bind binds to any port. If that returns without a bind,
    // Node.js queues the send until `listening`: lib/dgram.js `Socket.send`.
    if (request.port === 0 && args[1] === null) return this
    throw alreadyBound()
  }
  const interceptor = request && hook.find((candidate) => candidate.claims(this, request))
  if (request === undefined || interceptor === undefined) {
    return bind.apply(this, args as Parameters<typeof bind>)
  }
  const callback = args.at(-1)
  if (typeof callback === 'function') callOnceBound(this, callback as () => void)
  // If the socket is closed meanwhile, Node.js reports no error either.
  pending.track(this, interceptor.bind(this, request), {
    reportsError: () => !isClosedDatagram(this),
  })
  return this
}

/** As lib/dgram.js: an error of the socket removes the callback. */
function callOnceBound(socket: Socket, callback: () => void): void {
  const remove = () => {
    socket.removeListener('error', remove)
    socket.removeListener('listening', bound)
  }
  const bound = () => {
    remove()
    callback.call(socket)
  }
  socket.on('error', remove)
  socket.on('listening', bound)
}

/**
 * Reads the arguments of `socket.bind(...)` as Node does.
 *
 * @returns undefined for a call that Node.js has to handle: with a descriptor, a handle, or arguments
 * that Node.js refuses.
 * @see https://nodejs.org/api/dgram.html#socketbindport-address-callback
 */
export function readBindArguments(
  args: readonly unknown[],
): { port: number; address?: string } | undefined {
  const [first, second] = args
  const given =
    typeof first === 'object' && first !== null
      ? (first as { port?: unknown; address?: unknown; fd?: unknown; recvStart?: unknown })
      : { port: first, address: second }
  if ('fd' in given || 'recvStart' in given) return undefined
  if (typeof given.port === 'symbol') return undefined
  const port = typeof given.port === 'function' ? 0 : Number(given.port ?? 0)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) return undefined
  const { address } = given
  // To Node.js a false value means every address, and a function is the callback. It refuses the rest.
  if (address && typeof address !== 'string' && typeof address !== 'function') return undefined
  return { port, ...(typeof address === 'string' && address !== '' ? { address } : {}) }
}

/** Makes the error that lib/dgram.js throws. */
function alreadyBound(): Error {
  return Object.assign(new Error('Socket is already bound'), { code: 'ERR_SOCKET_ALREADY_BOUND' })
}
