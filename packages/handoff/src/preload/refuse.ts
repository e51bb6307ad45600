// Refuses listeners that the preload cannot hand over: cluster workers and worker threads.

import cluster from 'node:cluster'
import { syncBuiltinESMExports } from 'node:module'
import { interceptBind } from '../io/hooks/bind-hook.ts'
import { interceptListen } from '../io/hooks/listen-hook.ts'
import { handleOf, setHandle } from '../io/node/internals/server-handle.ts'
import { copyNameAndLength } from '../io/node/shadow-method.ts'
import { HandoffError } from '../terms/errors.ts'
import { type Ignored, isHandedOver, type Place } from './handed-over-places.ts'

/** Makes `cluster.fork` throw: the primary owns the sockets of its workers, so they cannot be handed over. */
export function refuseForks(applies: () => boolean): void {
  const { fork } = cluster
  const refusing: typeof fork = (env) => {
    if (applies()) {
      throw new HandoffError(
        'ERR_HANDOFF_CLUSTER',
        'cannot fork a cluster worker: this process has socket-handoff preloaded',
      )
    }
    return fork.call(cluster, env)
  }
  cluster.fork = copyNameAndLength(refusing, fork)
  // For `import { fork } from 'node:cluster'`.
  syncBuiltinESMExports()
}

/** Makes each `listen` and `bind` that would be handed over fail with this error. */
export function refuseListeners(
  error: () => HandoffError,
  ignored: Ignored,
  applies: () => boolean,
): void {
  const claims = (where: Place) => applies() && isHandedOver(where, ignored)
  interceptListen({
    claims: (_, options) => claims(options),
    listen: (server) => {
      const given = handleOf(server)
      given?.close()
      setHandle(server, null)
      return Promise.reject(error())
    },
  })
  interceptBind({
    claims: (_, request) => claims(request),
    bind: () => Promise.reject(error()),
  })
}
