// Puts a function of ours before a method of an object, and takes it away again.

type Method = (...args: never[]) => unknown

/**
 * Shadows a method on the object itself; its prototype, shared with others, stays as it is.
 *
 * @remarks The property is as enumerable as the one before it, and the function has the name and
 * the length of the one that it shadows.
 * @returns the undo: the object is as it was before, an own property of its user included. If its
 * user has wrapped the shadow meanwhile, that wrapper stays, and the shadow below it does nothing.
 */
export function shadow<T extends object>(object: T, name: keyof T, method: Method): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  const below = object[name]
  const shadowing = function (this: unknown, ...args: unknown[]) {
    return Reflect.apply((undone ? below : method) as (...args: unknown[]) => unknown, this, args)
  }
  let undone = false
  if (typeof below === 'function') disguise(shadowing, below)
  const enumerable = own?.enumerable ?? false
  const hidden = { value: shadowing, writable: true, configurable: true, enumerable }
  Object.defineProperty(object, name, hidden)
  return () => {
    if (undone) return
    undone = true
    if (Object.getOwnPropertyDescriptor(object, name)?.value !== shadowing) return
    if (own === undefined) Reflect.deleteProperty(object, name)
    else Object.defineProperty(object, name, own)
  }
}

/** Gives a function the name and the length of another, and returns it. */
export function disguise<T extends object>(method: T, as: { name: string; length: number }): T {
  Object.defineProperty(method, 'name', { value: as.name, configurable: true })
  return Object.defineProperty(method, 'length', { value: as.length, configurable: true })
}
