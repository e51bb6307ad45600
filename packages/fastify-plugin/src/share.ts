// Shares the one handoff of a process among its Fastify apps.

import { createHandoff, type Handoff, type HandoffOptions } from 'socket-handoff'

/** One app's part in the handoff of its process. */
export interface Share {
  readonly handoff: Handoff
  /** Reports that this app can serve. The process is ready when all its apps can. */
  ready(): void
  /** Reports that this app is closed. The last one releases the handoff. */
  leave(): void
}

let shared: { handoff: Promise<Handoff>; starting: number; open: number } | undefined

/**
 * Creates the handoff of this process, or joins it. The options of the first app count.
 *
 * @throws {@link HandoffError} as {@link createHandoff}.
 */
export async function joinHandoff(options: HandoffOptions): Promise<Share> {
  shared ??= { handoff: createHandoff(options), starting: 0, open: 0 }
  const joined = shared
  joined.starting += 1
  joined.open += 1
  const handoff = await joined.handoff.catch((error: unknown) => {
    shared = undefined
    throw error
  })
  let starting = true
  const started = () => {
    if (!starting) return
    starting = false
    joined.starting -= 1
    // If `ready` rejects, the process logs the error and exits by itself.
    if (joined.starting === 0) handoff.ready().catch(() => {})
  }
  return {
    handoff,
    ready: started,
    leave() {
      joined.open -= 1
      if (joined.open > 0) return started()
      handoff.release()
      shared = undefined
    },
  }
}
