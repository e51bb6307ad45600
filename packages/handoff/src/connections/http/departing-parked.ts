// Passes parked connections on to another process, without making sockets of them.

import { addSecrets } from '../moving/add-secrets.ts'
import type { Layer } from '../moving/layer.ts'
import type { Departing } from '../moving/mover.ts'
import type { ArrivedHttp } from './parked-connections.ts'

/** @param parking - parks those again that the other process does not take. */
export function departParked(
  parked: readonly ArrivedHttp[],
  layer: Layer,
  parking: { park(arriving: readonly ArrivedHttp[]): void },
): Departing[] {
  const batch = layer.beginBatch(parked.length)
  const departing = parked.flatMap((one): Departing[] => {
    const { fd, item, origin, received } = one
    const serveAgain = () => parking.park([one])
    const secrets = addSecrets(batch, received, serveAgain)
    if (secrets === 'none') return []
    const complete = () => {
      received?.forget()
      origin?.onEnd()
    }
    return [{ fd, item: { ...item, ...received?.itemFields }, secrets, complete, serveAgain }]
  })
  batch?.end()
  return departing
}
