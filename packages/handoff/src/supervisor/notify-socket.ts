// Receives what the processes report, and who sent it by the kernel's word.

import { rmSync } from 'node:fs'
import { type Datagram, DatagramListener } from '../io/datagram.ts'
import { closeAll } from '../io/wire.ts'
import { type Report, readReport } from './event.ts'

export interface NotifySocket {
  readonly fd: number
  close(): void
}

/**
 * Listens at `path`, in place of the socket that a killed supervisor left.
 *
 * @remarks Only the holder of the supervisor's lock may call it. Whoever gets a report owns the
 * descriptors that are to be stored; others are closed.
 * @param resumed - the socket of the release before in this process, which is there already.
 */
export function openNotifySocket(
  path: string,
  onReport: (pid: number, report: Report, descriptors: readonly number[]) => void,
  onError: (error: Error) => void,
  resumed?: number,
): NotifySocket {
  const ours = process.getuid?.() ?? -1
  const onDatagram = ({ data, fds, pid, uid }: Datagram) => {
    // Where the OS does not tell the sender (-1), the directory's mode has kept others out.
    if (uid !== ours && uid !== 0 && uid !== -1) return closeAll(fds)
    const report = readReport(data.toString())
    const sender = pid > 0 ? pid : report.event?.pid
    // sd_notify(3): a sender of BARRIER=1 waits until its descriptor is closed.
    const kept = sender === undefined || report.store === undefined ? [] : fds
    if (kept.length === 0) closeAll(fds)
    if (sender !== undefined) onReport(sender, report, kept)
  }
  if (resumed === undefined) rmSync(path, { force: true })
  const listener =
    resumed === undefined
      ? DatagramListener.bind(path, 0o600, onDatagram, onError)
      : DatagramListener.adopt(resumed, onDatagram, onError)
  return {
    fd: listener.fd,
    close() {
      listener.close()
      rmSync(path, { force: true })
    },
  }
}
