// Lets servers that someone else creates listen through a handoff: one hook on net's listen.

import net, { type Server } from 'node:net'
import { type ListenOptions, readListenArguments } from './listen-arguments.ts'

export interface ListenInterceptor {
  /** Whether this server, with these options, listens through the handoff. */
  claims(server: Server, options: ListenOptions): boolean
  /** Makes it listen. A rejection becomes the server's `error` event, as Node's own. */
  listen(server: Server, options: ListenOptions): Promise<void>
}

const interceptors: ListenInterceptor[] = []
/** Claimed, and not listening yet. */
const pending = new WeakSet<Server>()
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
  if (call !== undefined && pending.has(this)) throw alreadyListens()
  const interceptor =
    call === undefined || this.listening
      ? undefined
      : interceptors.find((candidate) => candidate.claims(this, call.options))
  if (call === undefined || interceptor === undefined) {
    return listen.apply(this, args as Parameters<typeof listen>)
  }
  const { options, callback } = call
  if (callback !== undefined) this.once('listening', callback)
  pending.add(this)
  interceptor.listen(this, options).then(
    () => pending.delete(this),
    (error: Error) => {
      pending.delete(this)
      // As Node: a failed listen is an event of the server, and fatal where nobody hears it; out of
      // the promise, where it would be an unhandled rejection, which many programs only log.
      process.nextTick(() => this.emit('error', error))
    },
  )
  return this
}

/** As lib/net.js throws it. */
function alreadyListens(): Error {
  const text = 'Listen method has been called more than once without closing.'
  return Object.assign(new Error(text), { code: 'ERR_SERVER_ALREADY_LISTEN' })
}
