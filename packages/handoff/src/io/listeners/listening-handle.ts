// Replaces the handle with which a server listens, without an event, and observes its close.

import type { AddressInfo, Server } from 'node:net'
import { listenOnDescriptor } from '../hooks/listen-hook.ts'
import { close } from '../native/descriptors.ts'
import { handleOf, type ListeningHandle, setHandle } from '../node/internals/server-handle.ts'
import { shadowMethod } from '../node/shadow-method.ts'

/** How a handle behaves towards its server. */
export interface HandleOptions {
  /**
   * Called before the handle is closed, when the program closes the server: by `close()`, that of its
   * prototype, `Symbol.asyncDispose` or a signal.
   */
  onClose(): void
  /** The result of `server.address()`, if the handle itself has no address or another one. */
  address?: AddressInfo | string | undefined
}

/**
 * Replaces the handle with which a server listens by one that does nothing, and closes the former. To
 * the program the server listens, and no event is emitted.
 */
export function installInertHandle(server: Server, options: HandleOptions): void {
  const before = handleOf(server)
  const handle = {
    close: () => options.onClose(),
    ref() {},
    unref() {},
    hasRef: () => false,
    getAsyncId: () => 0,
  }
  answerAddress(handle, options.address)
  setHandle(server, handle)
  if (before !== null) unobserved(before).close()
}

/** Removes such a handle without an event: the server does not listen. */
export function removeInertHandle(server: Server): void {
  setHandle(server, null)
}

/**
 * Makes a server listen on a descriptor, and closes the handle that it listened with before.
 *
 * @param fd - owned by the server if it listens, else closed.
 * @param shows - whether `listening` is emitted, at the next tick.
 * @returns a promise that settles when `listening` has been emitted, or would have been.
 * @throws the error that Node.js would emit. The server keeps the handle that it had before.
 */
export async function listenOn(
  server: Server,
  {
    fd,
    backlog,
    shows,
    ...options
  }: HandleOptions & { fd: number; backlog: number; shows: boolean },
): Promise<void> {
  const before = handleOf(server)
  setHandle(server, null)
  try {
    listenOnDescriptor(server, fd, backlog)
  } catch (error) {
    setHandle(server, before)
    close(fd)
    throw error
  }
  const handle = handleOf(server)
  if (handle === null) {
    setHandle(server, before)
    close(fd) // libuv owns the descriptor only once it listens.
    throw await nextEvent(server, 'error')
  }
  observe(handle, options)
  if (before !== null) unobserved(before).close()
  if (shows) await nextTick()
  else await nextEvent(server, 'listening')
}

/** Makes a server close every connection as soon as it comes. */
export function refuseConnections(server: Server): void {
  const handle = handleOf(server)
  if (handle === null) return
  handle.onconnection = (_: unknown, connection?: ListeningHandle) => connection?.close()
}

/** The original `close` of each observed handle. */
const closes = new WeakMap<ListeningHandle, () => void>()

function observe(handle: ListeningHandle, { onClose, address }: HandleOptions): void {
  const { close: closeHandle } = handle
  closes.set(handle, () => closeHandle.call(handle))
  shadowMethod(handle, 'close', (callback?: () => void) => {
    onClose()
    closeHandle.call(handle, callback)
  })
  answerAddress(handle, address)
}

/** Returns a handle to be closed by this package, without a report. */
function unobserved(handle: ListeningHandle): { close(): void } {
  return { close: closes.get(handle) ?? (() => {}) }
}

/** Sets the address of a handle. Node.js has a path in another field: see `setAddressFields`. */
function answerAddress(handle: ListeningHandle, address: AddressInfo | string | undefined): void {
  if (address === undefined || typeof address === 'string') return
  const value = (out: object) => {
    Object.assign(out, address)
    return 0
  }
  Object.defineProperty(handle, 'getsockname', { value, configurable: true })
}

/** Hides the event that Node.js has queued for the next tick from the program. Returns its argument. */
function nextEvent(server: Server, hidden: 'listening' | 'error'): Promise<unknown> {
  const emit = server.emit as (event: string | symbol, ...args: unknown[]) => boolean
  let argument: unknown
  const undo = shadowMethod(server, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event !== hidden) return Reflect.apply(emit, server, [event, ...args])
    ;[argument] = args
    undo()
    return true
  })
  return nextTick().then(() => {
    undo()
    return argument
  })
}

/** Settles after everything that Node.js has queued for the next tick so far. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
