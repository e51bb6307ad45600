// One handoff a process, however many Fastify apps it has: ready when the last of them is.

import { createHandoff, type Handoff, type HandoffOptions } from 'socket-handoff'

/** One app's part in the handoff of its process. */
export interface Share {
  readonly handoff: Handoff
  /** This app can serve. */
  ready(): void
  /** This app is closed; with the last one the handoff closes. */
  leave(): void
}

let shared: { handoff: Promise<Handoff>; starting: number; open: number } | undefined

/**
 * Creates the handoff of this process, or joins it; the options of the first app count.
 *
 * @throws {@link HandoffError} as createHandoff does.
 */
export async function joinHandoff(options: HandoffOptions): Promise<Share> {
  shared ??= { handoff: createHandoff(options), starting: 0, open: 0 }
  const place = shared
  place.starting += 1
  place.open += 1
  const handoff = await place.handoff.catch((error: unknown) => {
    shared = undefined
    throw error
  })
  let starting = true
  const started = () => {
    if (!starting) return
    starting = false
    place.starting -= 1
    // Rejects only where the process exits by itself, saying why.
    if (place.starting === 0) handoff.ready().catch(() => {})
  }
  return {
    handoff,
    ready: started,
    leave() {
      place.open -= 1
      if (place.open > 0) return started()
      handoff.release()
      shared = undefined
    },
  }
}
