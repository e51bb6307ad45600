// Receives the reports of processes, with the pid of the sender from the kernel.

import { rmSync } from 'node:fs'
import { type Datagram, DatagramListener } from '../../io/channel/datagram.ts'
import { closeAll } from '../../io/channel/wire.ts'
import { inodeAt } from '../../io/listeners/socket-path.ts'
import { type Report, readReport } from '../registry/process-report.ts'

export interface ReportSocket {
  readonly fd: number
  /**
   * Listens at the path anew if the socket was removed from there.
   *
   * @returns whether it was there.
   * @throws a system error.
   */
  renew(): boolean
  close(): void
}

/** How many sockets stay open after they were removed from the path. */
const mostSockets = 8

export interface ReportHandlers {
  /** Whether the process belongs to this run. Then it may have another uid, if it has given up its first one. */
  knows(pid: number): boolean
  /** Owns the descriptors, which are to be stored. The pid comes from the kernel. */
  onReport(pid: number, report: Report, descriptors: readonly number[]): void
  onError(error: Error): void
}

/**
 * Listens at `path`, in place of the socket that a killed supervisor left.
 *
 * @remarks Only the holder of the supervisor's lock may call it.
 * @param resumed - the socket of the release before in this process, which is there already.
 */
export function openReportSocket(
  path: string,
  { knows, onReport, onError }: ReportHandlers,
  resumed?: number,
): ReportSocket {
  const ours = process.getuid?.() ?? -1
  const onDatagram = ({ data, fds, pid, uid }: Datagram) => {
    // If the system does not name the sender (-1), the mode of the directory has kept others out.
    const mayReport = uid === ours || uid === 0 || uid === -1 || (pid > 0 && knows(pid))
    if (!mayReport) return closeAll(fds)
    const { event, ...rest } = readReport(data.toString())
    // Pid 0: a process of another pid namespace. Its number means another process here.
    const sender = pid === -1 ? event?.pid : pid > 0 ? pid : undefined
    const report: Report =
      event === undefined || sender === undefined
        ? rest
        : { ...rest, event: { ...event, pid: sender } }
    // sd_notify(3): a sender of BARRIER=1 waits until its descriptor is closed.
    const kept = sender === undefined || report.store === undefined ? [] : fds
    if (kept.length === 0) closeAll(fds)
    if (sender !== undefined) onReport(sender, report, kept)
  }
  const bind = () => {
    rmSync(path, { force: true })
    return DatagramListener.bind(path, 0o600, onDatagram, onError)
  }
  const first =
    resumed === undefined ? bind() : DatagramListener.adopt(resumed, onDatagram, onError)
  // A process that has given up root stays connected to the socket that it found first.
  const all = [first]
  let newest = first
  let inode = inodeAt(path)
  return {
    get fd() {
      return newest.fd
    },
    renew() {
      if (inode !== undefined && inodeAt(path) === inode) return true
      newest = bind()
      inode = inodeAt(path)
      if (all.push(newest) > mostSockets) all.splice(1, 1)[0]?.close()
      return false
    },
    close() {
      for (const listener of all) listener.close()
      rmSync(path, { force: true })
    },
  }
}
