// Keeps the program from removing the path of a listener at which another generation serves.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

type AnyFunction = (...args: unknown[]) => unknown

/** All copies of this package in one process share the guard: that of the command, and the program's. */
const key = Symbol.for('socket-handoff:guarded-paths')
interface Guard {
  isGuarded(path: string): boolean
  /** Node's own function. */
  readonly unlinkSync: typeof fs.unlinkSync
}
const shared = globalThis as { [key]?: Guard }

/**
 * Hooks the functions of node:fs that remove one file. A call for a guarded path succeeds without an
 * effect.
 *
 * @remarks Programs remove the path of their Unix socket before they listen, or when they exit. That would
 * cut off the clients of their predecessor or their successor.
 * @param decide - returns whether a path is guarded. A second call of this function replaces it.
 * @internal
 */
export function guardPaths(decide: (path: string) => boolean): void {
  const guard = shared[key]
  if (guard !== undefined) {
    guard.isGuarded = decide
    return
  }
  shared[key] = { isGuarded: decide, unlinkSync: fs.unlinkSync }
  for (const name of ['unlinkSync', 'rmSync']) hook(fs, name, () => undefined)
  for (const name of ['unlink', 'rm']) hook(fs, name, callLater, endsInCallback)
  for (const name of ['unlink', 'rm']) hook(fs.promises, name, () => Promise.resolve())
  // Named imports get the hooked functions as well.
  syncBuiltinESMExports()
}

/** Removes a path, whether it is guarded or not. */
export function unlinkUnguarded(path: string): void {
  const { unlinkSync } = shared[key] ?? fs
  unlinkSync(path)
}

/**
 * @param skip - called instead, if the path is guarded.
 * @param isValid - returns whether Node.js accepts these arguments.
 */
function hook(target: object, name: string, skip: AnyFunction, isValid = (_: unknown[]) => true) {
  const original = Reflect.get(target, name) as AnyFunction
  // A proxy has the name, the length and the properties of its target.
  const hooked = new Proxy(original, {
    apply: (call, self, args: unknown[]) =>
      isValid(args) && isGuarded(args[0]) ? skip(...args) : Reflect.apply(call, self, args),
  })
  Reflect.set(target, name, hooked)
}

const endsInCallback = (args: unknown[]) => typeof args.at(-1) === 'function'

function callLater(...args: unknown[]): void {
  const callback = args.at(-1) as (error: null) => void
  setImmediate(() => callback(null))
}

/** Whether a path is guarded. Other values go to Node.js, which refuses them. */
function isGuarded(value: unknown): boolean {
  try {
    const path = value instanceof URL ? fileURLToPath(value) : value
    if (typeof path !== 'string' && !Buffer.isBuffer(path)) return false
    return shared[key]?.isGuarded(resolve(path.toString())) ?? false
  } catch {
    return false
  }
}
