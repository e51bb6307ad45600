// A listening socket that nobody can connect to: what a server listens on while it may not accept.

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bindUnix } from './bind.ts'

/**
 * Makes a server count as listening (`server.listening`, its event, the event loop kept alive)
 * before it may accept: during `adopt` the old process still does, and a connection taken too
 * early would die with an abort.
 *
 * @returns a descriptor that the caller owns.
 */
export function openPlaceholder(): number {
  // Linux has abstract names, which leave no file (unix(7)); whoever connects to it nonetheless
  // is hung up on. Elsewhere: a file that is gone before anyone can find it.
  if (process.platform === 'linux') return bindUnix({ path: `@socket-handoff-${randomUUID()}` })
  const directory = mkdtempSync(join(tmpdir(), 'handoff-'))
  try {
    return bindUnix({ path: join(directory, 's'), mode: 0o600 })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
