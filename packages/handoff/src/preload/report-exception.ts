// Reports uncaught exceptions and the last lines of stderr to the supervisor. It is preloaded, since an
// entry that does not compile never calls createHandoff.

import { isMainThread } from 'node:worker_threads'
import { keepReachable, sendDatagram } from '../io/channel/datagram.ts'
import { hiddenListeners } from '../io/node/hidden-listeners.ts'
import { exceptionField, formatNotify, wordsField } from '../protocol/notify.ts'
import { describeException } from '../terms/describe-exception.ts'
import { recordStderr, StderrTail } from './stderr-tail.ts'

// createHandoff reads the variable later, and removes it.
const socket = process.env.NOTIFY_SOCKET

// Not in worker threads: their exceptions need not end the process.
if (socket !== undefined && isMainThread) {
  const report = (field: string, text: string) => {
    try {
      sendDatagram(socket, formatNotify({ [field]: JSON.stringify(text) }))
    } catch {
      // The supervisor has exited or is busy. The text is on stderr as well.
    }
  }
  // For all reports of this process, including those of createHandoff: a server may give up root later.
  keepReachable(socket)
  const tail = new StderrTail()
  recordStderr(tail)
  hiddenListeners().add('uncaughtExceptionMonitor', (error: unknown) => {
    report(exceptionField, describeException(error))
  })
  hiddenListeners().add('exit', (code: number) => {
    if (code !== 0 && tail.summary !== undefined) report(wordsField, tail.summary)
  })
}
