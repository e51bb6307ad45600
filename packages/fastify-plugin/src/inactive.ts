// `app.handoff` of an app without a handoff: the same members, on a server that is never replaced.

import { once } from 'node:events'
import { type Handoff, HandoffError, type HandoffMetrics } from 'socket-handoff'

/**
 * The handoff of a server that no process can take over from. Registrations do nothing, `listen` and
 * `bind` are Node's own, this process leads, and `restart`, `stop` and `abort` fail with
 * ERR_HANDOFF_INACTIVE.
 */
export const inactiveHandoff: Handoff = {
  active: false,
  generation: 1,
  leadership: Promise.resolve(),
  async listen(server, { name: _, ...options }) {
    server.listen(options)
    await once(server, 'listening')
  },
  async bind(socket, { port, address }) {
    socket.bind({ port, ...(address !== undefined && { address }) })
    await once(socket, 'listening')
  },
  moveWebSockets: () => undo,
  moveConnections: () => undo,
  recheck() {},
  isAdopted: () => false,
  interceptListen: () => undo,
  state: () => undo,
  onExit: () => undo,
  async warmUp() {},
  async ready() {},
  abort(error) {
    throw inactive('abort the handoff', error)
  },
  async restart() {
    throw inactive('restart this process')
  },
  async stop() {
    throw inactive('stop this process')
  },
  metrics: () => structuredClone(nothingCounted),
  release() {},
}

function undo(): void {}

function inactive(what: string, cause?: unknown): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_INACTIVE',
    `cannot ${what}: no handoff is configured`,
    cause === undefined ? {} : { cause },
  )
}

const none = { http: 0, websocket: 0, raw: 0, tls: 0, http2: 0, other: 0 }

const nothingCounted: HandoffMetrics = {
  generation: 1,
  stage: 'serving',
  listeners: [],
  connections: 0,
  open: none,
  fates: { handedOver: none, drained: none, closed: none, forced: none, takenBack: none },
  handoffs: { completed: 0, aborted: 0, takenBack: 0 },
}
