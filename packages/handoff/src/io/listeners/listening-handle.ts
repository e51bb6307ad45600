// What a server listens with: swapped without an event, and observed until the program closes it.

import type { AddressInfo, Server } from 'node:net'
import { listenOnDescriptor } from '../hooks/listen-hook.ts'
import { close } from '../native/descriptors.ts'
import { handleOf, type ListeningHandle, setHandle } from '../node/internals.ts'
import { shadow } from '../node/shadow.ts'

/** What a handle is to the server that has it. */
export interface HandleOptions {
  /**
   * The program closes the server: by `close()`, its prototype's, `Symbol.asyncDispose`, a signal.
   * Called before the handle is closed.
   */
  onClose(): void
  /** What `server.address()` returns where the handle itself does not tell. */
  address?: AddressInfo | string | undefined
}

/**
 * Puts a handle that does nothing in the place of the one that a server listens with, which is
 * closed. To the program the server listens, and no event is emitted.
 */
export function standIn(server: Server, options: HandleOptions): void {
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

/** The program is done with the server: takes a stand-in away, without an event. */
export function removeStandIn(server: Server): void {
  setHandle(server, null)
}

/**
 * Makes a server listen on a descriptor, in place of what it has listened with so far.
 *
 * @param fd - owned by the server if it listens, else closed.
 * @param shows - whether the program hears of it: `listening` is emitted at the next tick.
 * @returns a promise that is settled when `listening` has been emitted, or would have been.
 * @throws the error that Node.js would emit. The server listens with what it had before.
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
    close(fd) // libuv takes the descriptor over only when it listens.
    throw await nextEvent(server, 'error')
  }
  observe(handle, options)
  if (before !== null) unobserved(before).close()
  if (shows) await nextTick()
  else await nextEvent(server, 'listening')
}

/** Accepts nothing: whatever connects is hung up on. */
export function refuseConnections(server: Server): void {
  const handle = handleOf(server)
  if (handle === null) return
  handle.onconnection = (_: unknown, connection?: ListeningHandle) => connection?.close()
}

/** The own close of each handle that is observed. */
const closes = new WeakMap<ListeningHandle, () => void>()

function observe(handle: ListeningHandle, { onClose, address }: HandleOptions): void {
  const { close: closeHandle } = handle
  closes.set(handle, () => closeHandle.call(handle))
  shadow(handle, 'close', (callback?: () => void) => {
    onClose()
    closeHandle.call(handle, callback)
  })
  answerAddress(handle, address)
}

/** A handle that is closed by us, not by the program. */
function unobserved(handle: ListeningHandle): { close(): void } {
  return { close: closes.get(handle) ?? (() => {}) }
}

/** Of a path Node.js knows by itself: see `namePlace`. */
function answerAddress(handle: ListeningHandle, address: AddressInfo | string | undefined): void {
  if (address === undefined || typeof address === 'string') return
  const value = (out: object) => {
    Object.assign(out, address)
    return 0
  }
  Object.defineProperty(handle, 'getsockname', { value, configurable: true })
}

/** Keeps the event that Node.js has queued for the next tick from the program, and returns its argument. */
function nextEvent(server: Server, hidden: 'listening' | 'error'): Promise<unknown> {
  const emit = server.emit as (event: string | symbol, ...args: unknown[]) => boolean
  let argument: unknown
  const undo = shadow(server, 'emit', (event: string | symbol, ...args: unknown[]) => {
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

/** Settles after what Node.js has queued for the next tick so far. */
function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
