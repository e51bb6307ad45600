// The libuv handle with which a server listens, and the fields that go with it.

import type { AddressInfo, Server } from 'node:net'

export interface ListeningHandle {
  close(callback?: () => void): void
  /** Called with each connection that is accepted. */
  onconnection?: unknown
  getsockname?: unknown
}

/**
 * Returns the handle with which a server listens; null if it does not listen.
 *
 * @see lib/net.js `setupListenHandle`, `Server.prototype.close` (Node 20 to 26)
 */
export function handleOf(server: Server): ListeningHandle | null {
  return (server as unknown as { _handle?: ListeningHandle | null })._handle ?? null
}

/** Replaces the handle with which a server listens. Closes neither. */
export function setHandle(server: Server, handle: ListeningHandle | null): void {
  ;(server as unknown as { _handle: ListeningHandle | null })._handle = handle
}

/**
 * Gives a server that listens on a descriptor the fields that it has when it listens at an address.
 *
 * @see lib/net.js `setupListenHandle`, `Server.prototype.listen`, `Server.prototype.address` (Node
 * 20 to 26)
 */
export function setAddressFields(server: Server, at: AddressInfo | string): void {
  const fields = server as unknown as { _connectionKey: string; _pipeName?: string }
  if (typeof at === 'string') fields._pipeName = at
  const { family, address, port } =
    typeof at === 'string' ? { family: '-1', address: at, port: -1 } : at
  fields._connectionKey = `${family.replace('IPv', '')}:${address}:${port}`
}

/**
 * Calls `listen` so that the server does not count the call: the program did not make it.
 *
 * @see lib/net.js `Server.prototype.listen` (Node 20 to 26)
 */
export function listenUncounted(server: Server, listen: () => void): void {
  const counting = server as unknown as { _listeningId: number }
  const { _listeningId: count } = counting
  try {
    listen()
  } finally {
    counting._listeningId = count
  }
}

/**
 * Lets Node.js set the mode of a Unix path on a server that listens on something else for now.
 *
 * @see lib/net.js `Server.prototype.listen`: readableAll, writableAll (Node 20 to 26)
 */
export function ignoreMode(server: Server): void {
  const { _handle: handle } = server as unknown as { _handle?: object | null }
  if (handle === null || handle === undefined) return
  Object.defineProperty(handle, 'fchmod', { value: () => 0, configurable: true })
}

/** The size of `sun_path` on Linux, the only system with abstract names. @see unix(7) */
const longestName = 108

/**
 * Returns an abstract Unix name as this Node.js binds it, without the NUL before it. Node.js 20 fills
 * the name up with NULs, which are part of it.
 *
 * @see src/unix/pipe.c `uv_pipe_bind` of libuv
 */
export function abstractName(name: string): string {
  const pads = Number(process.versions.node.split('.')[0]) < 22
  return pads ? name.padEnd(longestName - 1, '\0') : name
}
