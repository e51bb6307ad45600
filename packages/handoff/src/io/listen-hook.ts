// Lets servers that someone else creates listen through a handoff: one hook on net's listen.

import net, { type Server } from 'node:net'
import { type ListenCall, readListenArguments } from './listen-arguments.ts'

export interface ListenInterceptor {
  /** Whether this server listens through the handoff. */
  claims(server: Server): boolean
  listen(server: Server, call: ListenCall): void
}

const interceptors: ListenInterceptor[] = []
const { listen } = net.Server.prototype

/**
 * Hooks `net.Server.prototype.listen`, which every TCP, HTTP(S) and HTTP/2 server goes through.
 * Servers that nobody claims, and calls that Node would refuse, go to Node's own.
 *
 * @returns the undo; with the last interceptor Node's own listen is back.
 */
export function interceptListen(interceptor: ListenInterceptor): () => void {
  if (interceptors.length === 0) net.Server.prototype.listen = hookedListen as typeof listen
  interceptors.push(interceptor)
  return () => {
    const index = interceptors.indexOf(interceptor)
    if (index < 0) return
    interceptors.splice(index, 1)
    // Someone else may have hooked it after us; then ours stays below and passes everything on.
    if (interceptors.length === 0 && net.Server.prototype.listen === hookedListen) {
      net.Server.prototype.listen = listen
    }
  }
}

function hookedListen(this: Server, ...args: unknown[]): Server {
  const call = readListenArguments(args)
  const interceptor =
    call === undefined || this.listening
      ? undefined
      : interceptors.find((candidate) => candidate.claims(this))
  if (call === undefined || interceptor === undefined) {
    return listen.apply(this, args as Parameters<typeof listen>)
  }
  interceptor.listen(this, call)
  return this
}
