// The states that the application hands from one generation to the next, by key.

import type { StateMoment } from '../protocol/messages.ts'
import { HandoffError, reasonOf } from '../terms/errors.ts'

/** How one value of the application goes from the old process to the new one. */
export interface StateOptions<T> {
  /**
   * Returns the value in the old process, as JSON or as a Uint8Array. It runs once in each handoff,
   * even in one that is aborted later, so it must not consume the value.
   */
  export: () => T | Promise<T>
  /** Receives the value in the new process. Not called if the old process has no such key. */
  import: (value: T) => void | Promise<void>
  /**
   * When the value is exported. `start`: when the new process connects. The old process serves on and
   * may change the value; the new process imports it while it boots. `commit`: when the old process
   * has stopped accepting. No process accepts until the value is imported, so keep it small and fast.
   *
   * @defaultValue `commit`: then the value includes every accepted request.
   */
  when?: StateMoment
}

interface Options extends StateOptions<unknown> {
  /** Whether there is nothing to export now. Then no message is sent. */
  isEmpty?(): boolean
}

/** Keys that begin with this are the library's own. */
const reserved = 'handoff:'

/** Longest key, in characters: messages and logs contain it. */
const keyLimit = 200

export class States {
  readonly #options = new Map<string, Options>()
  /** Values of the old process that are not imported yet. */
  readonly #received = new Map<string, unknown>()
  readonly #importing = new Map<string, Promise<void>>()
  readonly #onFailure: (error: HandoffError) => void

  /** @param onFailure - called when an import fails, whenever that is. */
  constructor(onFailure: (error: HandoffError) => void) {
    this.#onFailure = onFailure
  }

  /**
   * Registers a state of the application, and imports it if its value has come already.
   *
   * @returns the undo.
   * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION.
   */
  define<T>(key: string, options: StateOptions<T>): () => void {
    check(key, options)
    if (key.startsWith(reserved)) throw invalid(`keys beginning with ${reserved} are its own`)
    if (this.#options.has(key)) throw invalid(`the key ${JSON.stringify(key)} is taken`)
    return this.defineOwn(key, options)
  }

  /** Registers a state of the library, under a key that no application can have. */
  defineOwn<T>(key: string, options: StateOptions<T> & Pick<Options, 'isEmpty'>): () => void {
    const own = options as Options
    this.#options.set(key, own)
    if (this.#received.has(key)) this.#import(key, own)
    let undone = false
    return () => {
      if (!undone) this.#options.delete(key)
      undone = true
    }
  }

  /** Returns the states to export at this moment, in the order of their registration. */
  exportsAt(moment: StateMoment): { key: string; export: () => unknown }[] {
    return [...this.#options]
      .filter(([, { when = 'commit' }]) => when === moment)
      .filter(([, { isEmpty }]) => isEmpty?.() !== true)
      .map(([key, options]) => ({ key, export: () => options.export() }))
  }

  /** Takes a value. One of the start is imported as soon as its key is registered here. */
  receive(key: string, when: StateMoment, value: unknown): void {
    this.#received.set(key, value)
    const options = this.#options.get(key)
    if (when === 'start' && options !== undefined) this.#import(key, options)
  }

  /**
   * Imports all values that came and whose keys are registered here.
   *
   * @returns the other keys; their values are dropped.
   */
  importReceived(): string[] {
    for (const [key, options] of this.#options) {
      if (this.#received.has(key)) this.#import(key, options)
    }
    return this.dropUnknown()
  }

  /** Drops the values whose keys are not registered here, and returns these keys. */
  dropUnknown(): string[] {
    const unknown = [...this.#received.keys()].filter((key) => !this.#options.has(key))
    for (const key of unknown) this.#received.delete(key)
    return unknown
  }

  /** The keys of the imports under way. */
  get importing(): string[] {
    return [...this.#importing.keys()]
  }

  /** Resolves when every import under way has ended, well or not; undefined if there is none. */
  whenImported(): Promise<void> | undefined {
    if (this.#importing.size === 0) return undefined
    return Promise.all(this.#importing.values()).then(() => this.whenImported())
  }

  #import(key: string, { import: importValue }: Options): void {
    const value = this.#received.get(key)
    this.#received.delete(key)
    const fail = (cause: unknown) =>
      this.#onFailure(
        new HandoffError(
          'ERR_HANDOFF_STATE',
          `cannot import the state ${JSON.stringify(key)}: ${reasonOf(cause)}`,
          { cause },
        ),
      )
    let imported: void | Promise<void>
    try {
      imported = importValue(value)
    } catch (error) {
      return fail(error)
    }
    if (!isPromise(imported)) return
    const ended = Promise.resolve(imported)
      .catch(fail)
      .finally(() => this.#importing.delete(key))
    this.#importing.set(key, ended)
  }
}

function check(key: unknown, options: { [name in keyof StateOptions<never>]?: unknown }): void {
  if (typeof key !== 'string' || key === '' || key.length > keyLimit) {
    throw invalid(`a key has 1 to ${keyLimit} characters`)
  }
  const { when = 'commit' } = options
  if (typeof options.export !== 'function' || typeof options.import !== 'function') {
    throw invalid('export and import are functions')
  }
  if (when !== 'start' && when !== 'commit') {
    throw invalid(`when is ${String(when)}, neither start nor commit`)
  }
}

function isPromise(value: unknown): value is PromiseLike<void> {
  return typeof (value as Partial<PromiseLike<void>> | undefined)?.then === 'function'
}

function invalid(reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', `cannot register a state: ${reason}`)
}
