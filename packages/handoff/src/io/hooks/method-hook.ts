// Hooks one method of a class of Node.js, as long as there is an interceptor for its calls.

export class MethodHook<Interceptor> {
  readonly #prototype: object
  readonly #name: string
  readonly #hooked: (...args: never[]) => unknown
  readonly #original: unknown
  readonly #interceptors: Interceptor[] = []

  /** @param hooked - replaces the method `name` of `prototype`. */
  constructor(prototype: object, name: string, hooked: (...args: never[]) => unknown) {
    this.#prototype = prototype
    this.#name = name
    this.#hooked = hooked
    this.#original = Reflect.get(prototype, name)
  }

  /** @returns the undo. The last undo restores Node's own method. */
  add(interceptor: Interceptor): () => void {
    if (this.#interceptors.length === 0) Reflect.set(this.#prototype, this.#name, this.#hooked)
    this.#interceptors.push(interceptor)
    return () => {
      const index = this.#interceptors.indexOf(interceptor)
      if (index < 0) return
      this.#interceptors.splice(index, 1)
      // If another package has hooked the method since, ours stays below it and passes every call on.
      const isOurs = Reflect.get(this.#prototype, this.#name) === this.#hooked
      if (this.#interceptors.length === 0 && isOurs) {
        Reflect.set(this.#prototype, this.#name, this.#original)
      }
    }
  }

  /** Returns the first interceptor that claims a call. */
  find(claims: (interceptor: Interceptor) => boolean): Interceptor | undefined {
    return this.#interceptors.find(claims)
  }
}
