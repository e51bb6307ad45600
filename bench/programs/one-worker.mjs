// The small server as the only worker of node:cluster: the primary accepts for it.

import cluster from 'node:cluster'

if (cluster.isPrimary) cluster.fork()
else await import('./hello.ts')
