// Removes the private directories of processes that have ended without removing them.

import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { sendDatagram } from '../channel/datagram.ts'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkUnguarded } from '../files/unlink-hook.ts'
import { removeStaleSocket } from '../listeners/bind-request.ts'
import { removeKept } from '../listeners/kept-paths.ts'
import { processExists } from '../system/system.ts'

/** What the names of private directories begin with: `self-<pid>-<eight digits>`. */
export const privatePrefix = 'self-'
const pattern = new RegExp(`^${privatePrefix}([1-9]\\d*)-[0-9a-f]{8}$`)

/**
 * Removes the private directories of this user of which the process has ended and whose sockets nothing
 * answers at. A process that was killed, or that has given up root, could not remove its own.
 *
 * @remarks A later generation may still use the directory of an earlier one. It listens at the rendezvous
 * socket then.
 * @param runs - the directory in which the runs of this user lie.
 */
export function removeDeadDirectories(runs: string): void {
  for (const name of namesIn(runs)) {
    const [, pid] = pattern.exec(name) ?? []
    if (pid === undefined || processExists(Number(pid))) continue
    try {
      removeIfDead(join(runs, name))
    } catch {
      // Another process removes it at this moment; or something else is in it, and it stays.
    }
  }
}

function removeIfDead(directory: string): void {
  const stat = statOfPath(directory)
  if (!stat?.isDirectory() || Number(stat.uid) !== process.getuid?.()) return
  const rendezvous = join(directory, 'rendezvous.sock')
  const notify = join(directory, 'notify.sock')
  const [hasRendezvous, hasNotify] = [rendezvous, notify].map(
    (path) => statOfPath(path) !== undefined,
  )
  // A process in another pid namespace may have made it a moment ago.
  if (!hasRendezvous && !hasNotify) return
  if (hasRendezvous && !removeStaleSocket(rendezvous)) return
  if (hasNotify) {
    if (!isUnread(notify)) return
    unlinkUnguarded(notify)
  }
  removeKept(directory, removeStaleSocket)
  rmdirSync(directory)
}

/** Whether no process reads from the datagram socket at a path. */
function isUnread(path: string): boolean {
  try {
    sendDatagram(path, '')
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED'
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
