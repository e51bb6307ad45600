// Receives the program's sd_notify messages: READY=1 is for the handoff, the rest for the supervisor.

import { rmSync } from 'node:fs'
import { DatagramListener, sendDatagram } from '../io/channel/datagram.ts'
import { closeAll } from '../io/channel/wire.ts'
import { privateDirectory } from '../io/rendezvous/rendezvous.ts'
import type { System } from '../io/system/system.ts'

/**
 * Replaces the socket of the supervisor or systemd in the environment by one of this process. Otherwise
 * READY=1 of the program would report the whole service as ready.
 *
 * @param supervisor - the path that was in the environment.
 * @returns a function that closes the socket; the caller restores the variable.
 */
export function receiveNotifications(
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
      // A program that has given up root cannot remove it; its exit must not fail because of that.
      warn('cannot clean up', error as Error)
    }
  }
  return end
}

/** Splits READY=1 from the other lines of a notification. */
function splitReady(text: string): { ready: boolean; rest: string } {
  const lines = text.split('\n')
  const rest = lines.filter((line) => line !== 'READY=1' && line !== '')
  return { ready: lines.includes('READY=1'), rest: rest.join('\n') }
}
