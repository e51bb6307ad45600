// The lock of the leading process, a file beside the rendezvous socket. Processes of other lines see it.

import { rmSync } from 'node:fs'
import { tryLockName } from '../files/lock.ts'
import { isPrivateRendezvous } from './rendezvous.ts'

export interface LeaderLock {
  /** Removes the file, and lets the next process lead. */
  release(): void
}

/** Used if no process of another line can come to the rendezvous socket. */
const noOther: LeaderLock = { release() {} }

/**
 * Takes the lock that a process holds while it leads.
 *
 * @returns undefined while another process leads.
 * @throws a system error: `EACCES`, `EROFS`, `ENOENT`.
 */
export function tryLeaderLock(rendezvous: string | undefined): LeaderLock | undefined {
  if (rendezvous === undefined || isPrivateRendezvous(rendezvous)) return noOther
  const path = `${rendezvous}.leader`
  const lock = tryLockName(path)
  if (lock === undefined) return undefined
  return {
    release() {
      rmSync(path, { force: true })
      lock.release()
    },
  }
}
