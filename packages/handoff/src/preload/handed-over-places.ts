// Decides which listeners of a program without code for handoffs are handed over.

import type { ListenOptions } from '../io/node/listen-arguments.ts'

/** Ports and Unix paths that the operator excludes (HANDOFF_IGNORE); `*` excludes all. */
export type Ignored = ReadonlySet<string>

/** The address of a server or datagram socket. */
export type Place = Pick<ListenOptions, 'port' | 'path'>

/** Reads a list such as `9464,/tmp/admin.sock` from HANDOFF_IGNORE or HANDOFF_DROP. */
export function readList(text = ''): ReadonlySet<string> {
  return new Set(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
}

/**
 * Returns whether the listener is handed over: TCP and UDP ports and Unix paths are, since clients know
 * them in advance. Port 0 is not, since clients learn the port from this process. A descriptor is not,
 * since it belongs to the process that passed it on.
 */
export function isHandedOver({ port, path }: Place, ignored: Ignored): boolean {
  const place = path ?? (port === undefined || port === 0 ? undefined : String(port))
  return place !== undefined && !ignored.has('*') && !ignored.has(place)
}
