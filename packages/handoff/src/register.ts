// Hands a program's servers over without a change to its code: `node --import socket-handoff/register server.js`.

import { isMainThread } from 'node:worker_threads'
import { preloadMainThread } from './preload/main-thread.ts'
import { preloadWorkerThread } from './preload/worker-thread.ts'

// Node.js runs preloads in worker threads as well.
if (isMainThread) preloadMainThread()
else preloadWorkerThread()
