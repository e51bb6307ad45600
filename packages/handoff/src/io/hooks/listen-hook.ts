// Lets servers that someone else creates listen through a handoff: one hook on net's listen.

import cluster from 'node:cluster'
import net, { type Server } from 'node:net'
import {
  type BindStep,
  bindStepName,
  callsBindStep,
  handleOf,
  readBindStep,
  uncounted,
} from '../node/internals.ts'
import { type ListenOptions, readListenArguments } from '../node/listen-arguments.ts'
import { withOwnStack } from '../node/own-stack.ts'
import { disguise } from '../node/shadow.ts'
import { MethodHook, Pending } from './method-hook.ts'

export interface ListenInterceptor {
  /** Whether this server, with these options, listens through the handoff. */
  claims(server: Server, options: ListenOptions): boolean
  /**
   * Makes it listen, in this turn where it can. A rejection becomes the server's `error` event, as
   * Node's own.
   *
   * @param own - has Node.js bind it, and emit its own error if that fails.
   */
  listen(server: Server, options: ListenOptions, own: () => void): Promise<void>
}

const { prototype } = net.Server
const bindStep = Reflect.get(prototype, bindStepName) as BindStep
const listen: (this: Server, where: { fd: number }, backlog?: number) => Server = prototype.listen
const hook = callsBindStep()
  ? new MethodHook<ListenInterceptor>(prototype, bindStepName, disguise(hookedStep, bindStep))
  : undefined
/** In its place on a Node.js that we do not know: `listen` itself, with a reading of its arguments. */
const secondHook = new MethodHook<ListenInterceptor>(
  prototype,
  'listen',
  disguise(hookedListen, listen),
)
const pending = new Pending<Server>()
/** Whether a listen of our own is under way, which nobody intercepts. */
let isOurs = false

/**
 * Hooks the step of `listen` in which Node.js binds, after it has read and checked the arguments and
 * resolved the host. Every TCP, HTTP(S) and HTTP/2 server goes through it.
 *
 * @returns the undo; with the last interceptor Node's own step is back.
 */
export function interceptListen(interceptor: ListenInterceptor): () => void {
  return (hook ?? secondHook).add(interceptor)
}

/** Whether this Node.js has the step as we know it. Without, `listen` is hooked, which programs may notice. */
export const hooksBindStep = hook !== undefined

/** Makes a server listen on a descriptor, past all interceptors and whatever wraps its `listen`. */
export function listenOnDescriptor(server: Server, fd: number, backlog?: number): void {
  asOurs(() => uncounted(server, () => listen.call(server, { fd }, backlog)))
}

function hookedStep(this: Server, ...args: unknown[]): void {
  const bind = () => asOurs(() => Reflect.apply(bindStep, this, args))
  // A server that listens already was given a handle: by the program, or by a cluster's primary.
  const isGiven = handleOf(this) !== null && !cluster.isWorker
  const options = isOurs || isGiven ? undefined : readBindStep(args)
  if (options === undefined) return bind()
  if (pending.has(this)) throw alreadyListens()
  const interceptor = hook?.find((candidate) => candidate.claims(this, options))
  if (interceptor === undefined) return bind()
  let isNodes = false
  const listening = interceptor.listen(this, options, () => {
    isNodes = true
    withOwnStack(bind)
  })
  pending.follow(this, listening, { waits: !isNodes && handleOf(this) === null })
}

function hookedListen(this: Server, ...args: unknown[]): Server {
  const own = (given: readonly unknown[]) => Reflect.apply(listen, this, given) as Server
  const call = this.listening ? undefined : readListenArguments(args)
  if (call === undefined) return own(args)
  const { options, callback } = call
  if (pending.has(this)) throw alreadyListens()
  const interceptor = secondHook.find((candidate) => candidate.claims(this, options))
  if (interceptor === undefined) return own(args)
  if (callback !== undefined) this.once('listening', callback)
  pending.follow(
    this,
    interceptor.listen(this, options, () => void own([options])),
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

/** As lib/net.js throws it. */
function alreadyListens(): Error {
  const text = 'Listen method has been called more than once without closing.'
  return Object.assign(new Error(text), { code: 'ERR_SERVER_ALREADY_LISTEN' })
}
