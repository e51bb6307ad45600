// A promise with its resolve and reject functions: Promise.withResolvers, which Node 20 lacks.

export interface Deferred<T> {
  promise: Promise<T>
  resolve(value: T): void
  reject(error: unknown): void
}

export function deferred<T>(): Deferred<T> {
  let ends: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    ends = { resolve, reject }
  })
  // A caller that awaits the promise gets the rejection. Without one it is not unhandled.
  promise.catch(() => {})
  return { promise, ...(ends as unknown as Omit<Deferred<T>, 'promise'>) }
}
