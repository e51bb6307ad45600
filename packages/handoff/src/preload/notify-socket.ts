// A notify socket for the program alone: its READY=1 is for the handoff, the rest for its supervisor.

import { rmSync } from 'node:fs'
import { DatagramListener, sendDatagram } from '../io/channel/datagram.ts'
import { closeAll } from '../io/channel/wire.ts'
import { privateDirectory } from '../io/rendezvous/rendezvous.ts'
import type { System } from '../io/system/system.ts'

/**
 * Puts a socket of this process in the place of the supervisor's, or systemd's, in the environment:
 * there READY=1 would say that the whole service is ready.
 *
 * @param supervisor - the path that was in the environment.
 * @returns the undo; the variable is its caller's to restore.
 */
export function hearNotifications(
  supervisor: string,
  system: System,
  onReady: () => void,
): () => void {
  const { path: directory, notify: path } = privateDirectory(system)
  const warn = (what: string, { message }: Error) => system.warn(`handoff: ${what}: ${message}`)
  const listener = DatagramListener.bind(
    path,
    0o600,
    ({ data, fds }) => {
      const { ready, rest } = splitReady(data.toString())
      if (ready) onReady()
      try {
        if (rest !== '') sendDatagram(supervisor, rest, fds)
      } catch (error) {
        warn('cannot pass a notification on', error as Error)
      } finally {
        closeAll(fds)
      }
    },
    (error) => warn('cannot read a notification', error),
  )
  listener.unref()
  system.env.NOTIFY_SOCKET = path
  const undo = system.onDeath(() => end())
  const end = () => {
    undo()
    listener.close()
    try {
      rmSync(directory, { recursive: true, force: true })
    } catch (error) {
      // A program that has given up its rights since cannot, and its exit must not fail by that.
      warn('cannot clean up', error as Error)
    }
  }
  return end
}

/** The lines of a notification without READY=1. */
function splitReady(text: string): { ready: boolean; rest: string } {
  const lines = text.split('\n')
  const rest = lines.filter((line) => line !== 'READY=1' && line !== '')
  return { ready: lines.includes('READY=1'), rest: rest.join('\n') }
}
