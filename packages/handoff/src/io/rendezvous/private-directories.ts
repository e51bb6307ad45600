// Removes the private directories that ended processes have left behind.

import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { sendDatagram } from '../channel/datagram.ts'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkUnguarded } from '../files/unlink-hook.ts'
import { removeStaleSocket } from '../listeners/bind-request.ts'
import { removeKept } from '../listeners/kept-paths.ts'
import { processExists } from '../system/system.ts'

/** The prefix of the names of private directories: `self-<pid>-<eight digits>`. */
export const privatePrefix = 'self-'
const pattern = new RegExp(`^${privatePrefix}([1-9]\\d*)-[0-9a-f]{8}$`)

/**
 * Removes the private directories of this user whose process has ended, and at whose sockets no process
 * listens. A process that was killed, or that has given up root, could not remove its own.
 *
 * @remarks A later generation may still use the directory of an earlier one. Then it listens at the
 * rendezvous socket.
 * @param runs - the directory with the runs of this user.
 */
export function removeDeadDirectories(runs: string): void {
  for (const name of namesIn(runs)) {
    const [, pid] = pattern.exec(name) ?? []
    if (pid === undefined || processExists(Number(pid))) continue
    try {
      removeIfDead(join(runs, name))
    } catch {
      // Another process removes it at this moment. Or it contains another file, and stays.
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
  // A process of another pid namespace may have made it a moment ago.
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
