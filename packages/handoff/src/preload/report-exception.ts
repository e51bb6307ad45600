// Preloaded into every process of a supervisor: tells it what an uncaught exception says, from
// the first line of the entry on, or what stderr got last. An entry that does not compile never gets
// to createHandoff.

import { isMainThread } from 'node:worker_threads'
import { keepReachable, sendDatagram } from '../io/channel/datagram.ts'
import { hiddenListeners } from '../io/node/hidden-listeners.ts'
import { exceptionField, formatNotify, wordsField } from '../protocol/notify.ts'
import { describeException } from './exception.ts'
import { followStderr, StderrTail } from './stderr-tail.ts'

// Read now, and left in the environment for createHandoff, which removes it.
const socket = process.env.NOTIFY_SOCKET

// Workers run preloads too; an exception of theirs need not be the end of the process.
if (socket !== undefined && isMainThread) {
  const tell = (field: string, text: string) => {
    try {
      sendDatagram(socket, formatNotify({ [field]: JSON.stringify(text) }))
    } catch {
      // The supervisor is gone or busy: it stands on stderr all the same.
    }
  }
  // Of every report of this process, those of createHandoff too: a server may drop root once it listens.
  keepReachable(socket)
  const tail = new StderrTail()
  followStderr(tail)
  hiddenListeners().add('uncaughtExceptionMonitor', (error: unknown) => {
    tell(exceptionField, describeException(error))
  })
  hiddenListeners().add('exit', (code: number) => {
    if (code !== 0 && tail.words !== undefined) tell(wordsField, tail.words)
  })
}
