// A listener without a descriptor, for a program that only tries whether its port is free.

import {
  keyOf,
  type ListenerRequest,
  type ManifestEntry,
  overlaps,
} from '../../protocol/manifest.ts'
import type { HeldListener } from './held-listener.ts'

/**
 * Returns a listener that could not be bound because one overlaps with it that the old process has.
 *
 * @remarks Such a program listens at another address than it serves at, and closes that listener
 * immediately. Without a handoff both would be free.
 * @param unclaimed - the received listeners that were not asked for yet.
 * @param refusal - the error of the bind.
 * @returns undefined if that error has another cause.
 */
export function probeListener(
  unclaimed: readonly ManifestEntry[],
  request: ListenerRequest,
  refusal: unknown,
): HeldListener | undefined {
  if ((refusal as NodeJS.ErrnoException).code !== 'EADDRINUSE') return undefined
  if (!unclaimed.some((entry) => overlaps(entry, request))) return undefined
  const { protocol, address = '::', port, ipv6Only } = request
  const entry = { key: `try:${keyOf(request)}`, protocol, address, port, ipv6Only }
  return { entry, fd: -1, options: {}, refusal }
}
