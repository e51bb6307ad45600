// A rolling restart with node:cluster: a new worker starts at SIGHUP, and then the old one stops gracefully.

import cluster from 'node:cluster'
import { fileURLToPath } from 'node:url'

cluster.setupPrimary({
  exec: fileURLToPath(new URL('../app/server.mjs', import.meta.url)),
  args: ['stops'],
})
let current = cluster.fork()
// As the documentation shows it, a worker that dies is started again.
cluster.on('exit', (worker) => {
  if (worker === current) current = cluster.fork()
})
process.on('SIGHUP', () => {
  const old = current
  current = cluster.fork()
  current.once('listening', () => {
    // The worker has told the primary to close its share of the listener when it disconnects.
    old.send('shutdown')
    old.disconnect()
  })
})
process.on('SIGTERM', () => {
  cluster.removeAllListeners('exit')
  for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL')
  process.exit()
})
