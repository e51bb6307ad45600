// Preloaded into every process of a supervisor: tells it what an uncaught exception says, from
// the first line of the entry on. An entry that does not compile never gets to createHandoff.

import { isMainThread } from 'node:worker_threads'
import { sendDatagram } from '../io/datagram.ts'
import { exceptionField, formatNotify } from '../protocol/notify.ts'
import { describeException } from './exception.ts'

// Read now, and left in the environment for createHandoff, which removes it.
const socket = process.env.NOTIFY_SOCKET

// Workers run preloads too; an exception of theirs need not be the end of the process.
if (socket !== undefined && isMainThread) {
  process.on('uncaughtExceptionMonitor', (error: unknown) => {
    const fields = { [exceptionField]: JSON.stringify(describeException(error)) }
    try {
      sendDatagram(socket, formatNotify(fields))
    } catch {
      // The supervisor is gone or busy: Node prints the exception all the same, to stderr.
    }
  })
}
