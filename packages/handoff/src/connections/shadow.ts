// Puts a function of ours before a method of one object, and takes it away again.

type Method = (...args: never[]) => unknown

/**
 * Shadows a method on the object itself; its prototype, shared with others, stays as it is.
 *
 * @returns the undo: the object is as it was before, an own property of its user included.
 */
export function shadow<T extends object>(object: T, name: keyof T, method: Method): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  Object.defineProperty(object, name, { value: method, writable: true, configurable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, own)
  }
}
