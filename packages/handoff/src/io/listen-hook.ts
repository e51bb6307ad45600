// Lets servers that someone else creates listen through a handoff: one hook on net's listen.

import net, { type Server } from 'node:net'
import { type ListenOptions, readListenArguments } from './listen-arguments.ts'
import { MethodHook, Pending } from './method-hook.ts'

export interface ListenInterceptor {
  /** Whether this server, with these options, listens through the handoff. */
  claims(server: Server, options: ListenOptions): boolean
  /** Makes it listen. A rejection becomes the server's `error` event, as Node's own. */
  listen(server: Server, options: ListenOptions): Promise<void>
}

const { listen } = net.Server.prototype
const hook = new MethodHook<ListenInterceptor>(net.Server.prototype, 'listen', hookedListen)
const pending = new Pending<Server>()

/**
 * Hooks `net.Server.prototype.listen`, which every TCP, HTTP(S) and HTTP/2 server goes through.
 * Servers that nobody claims, and calls that Node would refuse, go to Node's own.
 *
 * @returns the undo; with the last interceptor Node's own listen is back.
 */
export function interceptListen(interceptor: ListenInterceptor): () => void {
  return hook.add(interceptor)
}

function hookedListen(this: Server, ...args: unknown[]): Server {
  const call = readListenArguments(args)
  if (call !== undefined && pending.has(this)) throw alreadyListens()
  const interceptor =
    call === undefined || this.listening
      ? undefined
      : hook.find((candidate) => candidate.claims(this, call.options))
  if (call === undefined || interceptor === undefined) {
    return listen.apply(this, args as Parameters<typeof listen>)
  }
  const { options, callback } = call
  if (callback !== undefined) this.once('listening', callback)
  pending.follow(this, interceptor.listen(this, options))
  return this
}

/** As lib/net.js throws it. */
function alreadyListens(): Error {
  const text = 'Listen method has been called more than once without closing.'
  return Object.assign(new Error(text), { code: 'ERR_SERVER_ALREADY_LISTEN' })
}
