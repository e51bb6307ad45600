// Intercepts the listen of servers that the program creates: one hook on net's listen.

import net, { type Server } from 'node:net'
import { isClusterWorker } from '../node/builtins.ts'
import { hideOwnFrames } from '../node/hide-own-frames.ts'
import {
  type BindStep,
  bindStepName,
  callsBindStep,
  readBindStep,
} from '../node/internals/bind-step.ts'
import { handleOf, listenUncounted } from '../node/internals/server-handle.ts'
import { type ListenOptions, readListenArguments } from '../node/listen-arguments.ts'
import { copyNameAndLength } from '../node/shadow-method.ts'
import { MethodHook } from './method-hook.ts'
import { PendingListens } from './pending-listens.ts'

export interface ListenInterceptor {
  /** Whether this server, with these options, listens through the handoff. */
  claims(server: Server, options: ListenOptions): boolean
  /**
   * Makes the server listen, in this turn of the event loop if possible. A rejection becomes its `error`
   * event, as Node's own.
   *
   * @param own - lets Node.js bind it, and emit its own error if that fails.
   */
  listen(server: Server, options: ListenOptions, own: () => void): Promise<void>
}

const { prototype } = net.Server
const bindStep = Reflect.get(prototype, bindStepName) as BindStep
const listen: (this: Server, where: { fd: number }, backlog?: number) => Server = prototype.listen
const hook = callsBindStep()
  ? new MethodHook<ListenInterceptor>(
      prototype,
      bindStepName,
      copyNameAndLength(hookedStep, bindStep),
    )
  : undefined
/** For a Node.js that does not call the step as expected: hooks `listen` itself. */
const fallbackHook = new MethodHook<ListenInterceptor>(
  prototype,
  'listen',
  copyNameAndLength(hookedListen, listen),
)
const pending = new PendingListens<Server>()
/** Whether a listen of this package is under way, which is not intercepted. */
let isOurs = false

/**
 * Hooks the step of `listen` in which Node.js binds, when it has read and checked the arguments and
 * resolved the host. Every TCP, HTTP(S) and HTTP/2 server goes through it.
 *
 * @returns the undo. The last undo restores Node's own step.
 */
export function interceptListen(interceptor: ListenInterceptor): () => void {
  return (hook ?? fallbackHook).add(interceptor)
}

/** Whether this Node.js calls the step as expected. If not, `listen` is hooked, which programs may notice. */
export const hooksBindStep = hook !== undefined

/** Makes a server listen on a descriptor, without interceptors and without a wrapper of its `listen`. */
export function listenOnDescriptor(server: Server, fd: number, backlog?: number): void {
  asOurs(() => listenUncounted(server, () => listen.call(server, { fd }, backlog)))
}

function hookedStep(this: Server, ...args: unknown[]): void {
  const bind = () => asOurs(() => Reflect.apply(bindStep, this, args))
  // A server that has a handle already got it from the program, or from the primary of a cluster.
  const isGiven = handleOf(this) !== null && !isClusterWorker
  const options = isOurs || isGiven ? undefined : readBindStep(args)
  if (options === undefined) return bind()
  if (pending.has(this)) throw alreadyListens()
  const interceptor = hook?.find((candidate) => candidate.claims(this, options))
  if (interceptor === undefined) return bind()
  let isNodes = false
  const listening = interceptor.listen(this, options, () => {
    isNodes = true
    hideOwnFrames(bind)
  })
  pending.track(this, listening, { waits: !isNodes && handleOf(this) === null })
}

function hookedListen(this: Server, ...args: unknown[]): Server {
  const listenByNode = (given: readonly unknown[]) => Reflect.apply(listen, this, given) as Server
  const call = this.listening ? undefined : readListenArguments(args)
  if (call === undefined) return listenByNode(args)
  const { options, callback } = call
  if (pending.has(this)) throw alreadyListens()
  const interceptor = fallbackHook.find((candidate) => candidate.claims(this, options))
  if (interceptor === undefined) return listenByNode(args)
  if (callback !== undefined) this.once('listening', callback)
  pending.track(
    this,
    interceptor.listen(this, options, () => void listenByNode([options])),
  )
  return this
}

function asOurs(action: () => void): void {
  const before = isOurs
  isOurs = true
  try {
    action()
  } finally {
    isOurs = before
  }
}

/** Makes the error that lib/net.js throws. */
function alreadyListens(): Error {
  const text = 'Listen method has been called more than once without closing.'
  return Object.assign(new Error(text), { code: 'ERR_SERVER_ALREADY_LISTEN' })
}
