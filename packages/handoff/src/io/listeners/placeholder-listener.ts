// A listening socket without clients: a server listens on it while it may not accept.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtins } from '../node/builtins.ts'
import { bindUnix } from './bind-socket.ts'

/**
 * Opens a listener for a server that counts as listening before it may accept: `server.listening`, its
 * event, an event loop that is kept alive.
 *
 * @remarks During `adopt` the old process still accepts. A connection that this process accepted then
 * would end with an abort.
 * @returns a descriptor that the caller owns.
 */
export function openPlaceholder(): number {
  // Linux has abstract names, which leave no file (unix(7)). The server closes a connection that comes
  // nonetheless. Elsewhere: a file that is removed before another process can find it.
  if (process.platform === 'linux')
    return bindUnix({ path: `@socket-handoff-${builtins.crypto.randomUUID()}` })
  const directory = mkdtempSync(join(tmpdir(), 'handoff-'))
  try {
    return bindUnix({ path: join(directory, 's'), mode: 0o600 })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
