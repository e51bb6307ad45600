// A promise and its two ends (Promise.withResolvers, which Node 20 lacks).

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
  // Whoever awaits it gets the rejection; that nobody may await it is no fault.
  promise.catch(() => {})
  return { promise, ...(ends as unknown as Omit<Deferred<T>, 'promise'>) }
}
