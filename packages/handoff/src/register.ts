// `node --import socket-handoff/register server.js`: a server is replaced without a change to its code.

import { isMainThread } from 'node:worker_threads'

// Worker threads run preloads too, and need little of it.
if (isMainThread) (await import('./preload/main-thread.ts')).preloadMainThread()
else (await import('./preload/worker-thread.ts')).preloadWorkerThread()
