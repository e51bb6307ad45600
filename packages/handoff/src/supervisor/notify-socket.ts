// Receives what the processes report, and who sent it by the kernel's word.

import { rmSync } from 'node:fs'
import { DatagramListener } from '../io/datagram.ts'
import { closeAll } from '../io/wire.ts'
import { type Report, readReport } from './event.ts'

export interface NotifySocket {
  close(): void
}

/**
 * Listens at `path`, in place of the socket that a killed supervisor left.
 *
 * @remarks Only the holder of the supervisor's lock may call it. Whoever gets a report owns the
 * descriptors that are to be stored; others are closed.
 */
export function openNotifySocket(
  path: string,
  onReport: (pid: number, report: Report, descriptors: readonly number[]) => void,
  onError: (error: Error) => void,
): NotifySocket {
  rmSync(path, { force: true })
  const ours = process.getuid?.() ?? -1
  const listener = DatagramListener.bind(
    path,
    0o600,
    ({ data, fds, pid, uid }) => {
      // Where the OS does not tell the sender (-1), the directory's mode has kept others out.
      if (uid !== ours && uid !== 0 && uid !== -1) return closeAll(fds)
      const report = readReport(data.toString())
      const sender = pid > 0 ? pid : report.event?.pid
      // sd_notify(3): a sender of BARRIER=1 waits until its descriptor is closed.
      const kept = sender === undefined || report.store === undefined ? [] : fds
      if (kept.length === 0) closeAll(fds)
      if (sender !== undefined) onReport(sender, report, kept)
    },
    onError,
  )
  return {
    close() {
      listener.close()
      rmSync(path, { force: true })
    },
  }
}
