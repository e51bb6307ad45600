// Replaces a method of one object by a function, and restores it.

type Method = (...args: never[]) => unknown

/**
 * Shadows a method on the object itself. Its prototype, which other objects share, stays as it is.
 *
 * @remarks The property is as enumerable as before, and the function has the name and the length of the
 * shadowed one.
 * @returns the undo. It restores the object, with an own property that the program had set. If the program
 * has wrapped the shadow meanwhile, the wrapper stays, and the shadow below it passes every call on.
 */
export function shadowMethod<T extends object>(
  object: T,
  name: keyof T,
  method: Method,
): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name)
  const below = object[name]
  const shadowing = function (this: unknown, ...args: unknown[]) {
    return Reflect.apply((undone ? below : method) as (...args: unknown[]) => unknown, this, args)
  }
  let undone = false
  if (typeof below === 'function') copyNameAndLength(shadowing, below)
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

/** Gives a function the name and the length of another one. Returns the function. */
export function copyNameAndLength<T extends object>(
  method: T,
  as: { name: string; length: number },
): T {
  Object.defineProperty(method, 'name', { value: as.name, configurable: true })
  return Object.defineProperty(method, 'length', { value: as.length, configurable: true })
}
