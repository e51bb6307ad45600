// Which of a program's listeners change process, where the program itself does not say.

import type { ListenOptions } from '../io/node/listen-arguments.ts'

/** Ports and Unix paths that the operator keeps out of the handoff; `*` is all of them. */
export type Ignored = ReadonlySet<string>

/** Where a server listens, or a datagram socket is bound. */
export type Place = Pick<ListenOptions, 'port' | 'path'>

/** Reads `HANDOFF_IGNORE` or `HANDOFF_DROP`, such as `9464,/tmp/admin.sock`. */
export function readList(text = ''): ReadonlySet<string> {
  return new Set(
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
}

/**
 * TCP and UDP ports and Unix paths, which clients know beforehand. Port 0 is for someone who is told
 * the port by this very process, and a descriptor is somebody else's to hand on: both stay Node's.
 */
export function isTaken({ port, path }: Place, ignored: Ignored): boolean {
  const place = path ?? (port === undefined || port === 0 ? undefined : String(port))
  return place !== undefined && !ignored.has('*') && !ignored.has(place)
}
