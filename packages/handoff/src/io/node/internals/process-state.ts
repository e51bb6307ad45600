// Process-wide state: whether this process is exiting, and the limit at which Node.js warns of listeners.

import type { EventEmitter } from 'node:events'

/**
 * Whether the `exit` listeners of this process run. The program could see a listener of this package,
 * and that might come after the program's.
 *
 * @see lib/internal/process/per_thread.js `exit` (Node 20 to 26)
 */
export function isExiting(): boolean {
  return (process as { _exiting?: boolean })._exiting === true
}

/**
 * Adds listeners that do not count for the limit at which Node.js warns of a leak.
 *
 * @see lib/events.js `_addListener` (Node 20 to 26)
 */
export function withoutListenerLimit(emitter: EventEmitter, add: () => void): void {
  const limited = emitter as unknown as { _maxListeners?: number | undefined }
  const { _maxListeners: limit } = limited
  limited._maxListeners = 0
  try {
    add()
  } finally {
    limited._maxListeners = limit
  }
}
