// Hands a program's servers over without a change to its code: `node --import socket-handoff/register server.js`.

import { isMainThread } from 'node:worker_threads'

// Node.js runs preloads in worker threads as well.
if (isMainThread) (await import('./preload/main-thread.ts')).preloadMainThread()
else (await import('./preload/worker-thread.ts')).preloadWorkerThread()
