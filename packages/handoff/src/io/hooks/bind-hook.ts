// Lets datagram sockets that someone else creates bind through a handoff: one hook on dgram's bind.

import dgram, { type Socket } from 'node:dgram'
import {
  type DatagramOptions,
  isClosedDatagram,
  unboundDatagramOptions,
} from '../node/internals.ts'
import { disguise } from '../node/shadow.ts'
import { MethodHook, Pending } from './method-hook.ts'

/** What `socket.bind(...)` asks for, and what the socket was created with. */
export interface BindRequest extends DatagramOptions {
  port: number
  address?: string
}

export interface BindInterceptor {
  /** Whether this call is bound through the handoff. */
  claims(socket: Socket, request: BindRequest): boolean
  /** Binds it. A rejection becomes the socket's `error` event, as Node's own. */
  bind(socket: Socket, request: BindRequest): Promise<void>
}

const { bind } = dgram.Socket.prototype
const hook = new MethodHook<BindInterceptor>(
  dgram.Socket.prototype,
  'bind',
  disguise(hookedBind, bind),
)
const pending = new Pending<Socket>()

/**
 * Hooks `dgram.Socket.prototype.bind`. Calls that are not claimed go to Node's own, and so do those
 * with a descriptor: they are how a claimed socket is bound in the end.
 *
 * @returns the undo; with the last interceptor Node's own bind is back.
 */
export function interceptBind(interceptor: BindInterceptor): () => void {
  return hook.add(interceptor)
}

function hookedBind(this: Socket, ...args: unknown[]): Socket {
  const asked = readBindArguments(args)
  const options = unboundDatagramOptions(this)
  const request = asked && options && { ...options, ...asked }
  if (request !== undefined && pending.has(this)) {
    // A send or connect before the end of the bind binds to any port; then Node, told that
    // nothing has been bound yet, queues it until `listening`: lib/dgram.js `Socket.send`.
    if (request.port === 0 && args[1] === null) return this
    throw alreadyBound()
  }
  const interceptor = request && hook.find((candidate) => candidate.claims(this, request))
  if (request === undefined || interceptor === undefined) {
    return bind.apply(this, args as Parameters<typeof bind>)
  }
  const callback = args.at(-1)
  if (typeof callback === 'function') callOnceBound(this, callback as () => void)
  // Closed meanwhile: Node tells nobody either.
  pending.follow(this, interceptor.bind(this, request), { isTold: () => !isClosedDatagram(this) })
  return this
}

/** As lib/dgram.js: an error of the socket takes the callback away. */
function callOnceBound(socket: Socket, callback: () => void): void {
  const forget = () => {
    socket.removeListener('error', forget)
    socket.removeListener('listening', bound)
  }
  const bound = () => {
    forget()
    callback.call(socket)
  }
  socket.on('error', forget)
  socket.on('listening', bound)
}

/**
 * Reads the arguments of `socket.bind(...)` as Node does.
 *
 * @returns undefined for what is not ours: a descriptor, a handle, or what Node would refuse.
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
  // Node.js takes what is false for every address, a function for the callback, and throws at the rest.
  if (address && typeof address !== 'string' && typeof address !== 'function') return undefined
  return { port, ...(typeof address === 'string' && address !== '' ? { address } : {}) }
}

/** As lib/dgram.js throws it. */
function alreadyBound(): Error {
  return Object.assign(new Error('Socket is already bound'), { code: 'ERR_SOCKET_ALREADY_BOUND' })
}
