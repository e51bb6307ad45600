// Adds listeners to the process that the program cannot count, list or remove.

import type { EventEmitter } from 'node:events'
import { withoutListenerLimit } from './internals/process-state.ts'

type Name = string | symbol
type Listener = (...args: never[]) => void
type Method = (this: EventEmitter, ...args: unknown[]) => unknown

/** The methods by which listeners of the process come, go and are counted. */
type MethodName =
  | 'on'
  | 'addListener'
  | 'prependListener'
  | 'off'
  | 'removeListener'
  | 'removeAllListeners'
  | 'listenerCount'
  | 'listeners'
  | 'rawListeners'
  | 'eventNames'

export class HiddenListeners {
  readonly #emitter: EventEmitter
  /** The methods before this one replaced them: Node's own, or those of another package. */
  readonly #below: Record<MethodName, Method>
  /** Node's own listeners to `newListener` and `removeListener`: they watch signals. */
  readonly #starts: readonly Method[]
  readonly #stops: readonly Method[]
  readonly #ours = new Map<Name, { listener: Listener; first: boolean }[]>()
  #removing = 0

  /** @param emitter - its prototype must be its alone: the methods are replaced there. */
  constructor(emitter: EventEmitter) {
    this.#emitter = emitter
    this.#starts = emitter.rawListeners('newListener') as Method[]
    this.#stops = emitter.rawListeners('removeListener') as Method[]
    const methods = this.#methods()
    const names = Object.keys(methods) as MethodName[]
    this.#below = Object.fromEntries(
      names.map((name) => [name, Reflect.get(emitter, name)]),
    ) as Record<MethodName, Method>
    const prototype = Object.getPrototypeOf(emitter)
    for (const name of names) {
      const value = methods[name]
      Object.defineProperty(value, 'name', { value: this.#below[name].name, configurable: true })
      Object.defineProperty(value, 'length', {
        value: this.#below[name].length,
        configurable: true,
      })
      Object.defineProperty(prototype, name, { value, writable: true, configurable: true })
    }
  }

  /**
   * Adds a listener that the program cannot see.
   *
   * @param first - whether it is called before the listeners of the program.
   * @returns the undo.
   */
  add(name: Name, listener: Listener, first = false): () => void {
    const one = { listener, first }
    const all = this.#ours.get(name) ?? []
    this.#ours.set(name, all)
    all.push(one)
    this.#put(name, one)
    if (isSignal(name)) this.#call(this.#starts, name, listener)
    return () => {
      const index = all.indexOf(one)
      if (index < 0) return
      all.splice(index, 1)
      this.#silently(() => this.#run('removeListener', name, listener))
      if (isSignal(name) && all.length === 0) this.#call(this.#stops, name, listener)
    }
  }

  #methods(): Record<MethodName, Method> {
    const hidden = this
    const adding = (method: MethodName): Method =>
      function (this: EventEmitter, ...args: unknown[]) {
        const add = () => Reflect.apply(hidden.#below[method], this, args)
        return this === hidden.#emitter ? hidden.#withoutOurs(args[0] as Name, add) : add()
      }
    const removing = (method: MethodName): Method =>
      function (this: EventEmitter, ...args: unknown[]) {
        // Node.js no longer watches a signal without listeners: here it has to see ours.
        hidden.#removing += 1
        try {
          return Reflect.apply(hidden.#below[method], this, args)
        } finally {
          hidden.#removing -= 1
        }
      }
    const listing = (method: MethodName): Method =>
      function (this: EventEmitter, ...args: unknown[]) {
        const listeners = Reflect.apply(hidden.#below[method], this, args) as Listener[]
        return listeners.filter((listener) => !hidden.#isOurs(args[0] as Name, listener))
      }
    return {
      on: adding('on'),
      addListener: adding('addListener'),
      prependListener: adding('prependListener'),
      off: removing('off'),
      removeListener: removing('removeListener'),
      removeAllListeners(this: EventEmitter, ...args: unknown[]) {
        const remove = () => Reflect.apply(hidden.#below.removeAllListeners, this, args)
        return hidden.#withoutOurs(args[0] as Name | undefined, remove)
      },
      listenerCount(this: EventEmitter, ...args: unknown[]) {
        const count = Reflect.apply(hidden.#below.listenerCount, this, args) as number
        const counted = hidden.#removing > 0 || args[1] !== undefined
        return counted ? count : count - (hidden.#ours.get(args[0] as Name)?.length ?? 0)
      },
      listeners: listing('listeners'),
      rawListeners: listing('rawListeners'),
      eventNames(this: EventEmitter) {
        const names = Reflect.apply(hidden.#below.eventNames, this, []) as Name[]
        return names.filter((name) => !hidden.#ours.has(name) || this.listenerCount(name) > 0)
      },
    }
  }

  /** Runs an action on the listeners of this name, or of all names, while ours are removed. */
  #withoutOurs<T>(name: Name | undefined, action: () => T): T {
    const names = name === undefined ? [...this.#ours.keys()] : [name]
    const away = names.filter((each) => (this.#ours.get(each)?.length ?? 0) > 0)
    if (away.length === 0) return action()
    for (const each of away) {
      for (const { listener } of this.#ours.get(each) ?? []) {
        this.#silently(() => this.#run('removeListener', each, listener))
      }
    }
    try {
      return action()
    } finally {
      for (const each of away) {
        for (const one of this.#ours.get(each) ?? []) {
          this.#put(each, one)
          if (isSignal(each)) this.#call(this.#starts, each, one.listener)
        }
      }
    }
  }

  #put(name: Name, { listener, first }: { listener: Listener; first: boolean }): void {
    const method = first ? 'prependListener' : 'on'
    // Ours do not count for the limit at which Node.js warns.
    withoutListenerLimit(this.#emitter, () => {
      this.#silently(() => this.#run(method, name, listener))
    })
  }

  #run(method: MethodName, name: Name, listener: Listener): void {
    Reflect.apply(this.#below[method], this.#emitter, [name, listener])
  }

  /** Emits no event meanwhile: neither Node.js nor the program learns of a listener. */
  #silently(action: () => void): void {
    const own = Object.getOwnPropertyDescriptor(this.#emitter, 'emit')
    const value = () => false
    Object.defineProperty(this.#emitter, 'emit', { value, configurable: true, writable: true })
    try {
      action()
    } finally {
      if (own === undefined) Reflect.deleteProperty(this.#emitter, 'emit')
      else Object.defineProperty(this.#emitter, 'emit', own)
    }
  }

  #call(methods: readonly Method[], name: Name, listener: Listener): void {
    for (const method of methods) Reflect.apply(method, this.#emitter, [name, listener])
  }

  #isOurs(name: Name, listener: Listener): boolean {
    return this.#ours.get(name)?.some((one) => one.listener === listener) ?? false
  }
}

function isSignal(name: Name): boolean {
  return typeof name === 'string' && name.startsWith('SIG')
}

let ofProcess: HiddenListeners | undefined

/** Returns the hidden listeners of this process. Replaces its methods at the first call. */
export function hiddenListeners(): HiddenListeners {
  ofProcess ??= new HiddenListeners(process)
  return ofProcess
}
