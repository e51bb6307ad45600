// Keeps a program from removing the path of a listener that another generation serves on.

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

type AnyFunction = (...args: unknown[]) => unknown

/** Shared by all copies of this package in one process: the command's own, and the program's. */
const key = Symbol.for('socket-handoff:guarded-paths')
interface Guard {
  holdsBack(path: string): boolean
  /** Node's own. */
  readonly unlinkSync: typeof fs.unlinkSync
}
const shared = globalThis as { [key]?: Guard }

/**
 * Hooks the functions of node:fs that remove one file. A call for a path that is held back does
 * nothing, and succeeds.
 *
 * @remarks A program that removes the path of its Unix socket before it listens, or when it exits,
 * would cut its successor or its predecessor off from their clients. There is one decision for the
 * whole process: a second call replaces that of the first.
 * @internal
 */
export function guardPaths(decide: (path: string) => boolean): void {
  const guard = shared[key]
  if (guard !== undefined) {
    guard.holdsBack = decide
    return
  }
  shared[key] = { holdsBack: decide, unlinkSync: fs.unlinkSync }
  for (const name of ['unlinkSync', 'rmSync']) hook(fs, name, () => undefined)
  for (const name of ['unlink', 'rm']) hook(fs, name, callLater, endsInCallback)
  for (const name of ['unlink', 'rm']) hook(fs.promises, name, () => Promise.resolve())
  // So that named imports see it as well.
  syncBuiltinESMExports()
}

/** Removes a path, whether or not it is held back from the program. */
export function unlinkUnguarded(path: string): void {
  const { unlinkSync } = shared[key] ?? fs
  unlinkSync(path)
}

/**
 * @param skip - what is done in place of a call that is held back.
 * @param isValid - whether Node would take these arguments.
 */
function hook(target: object, name: string, skip: AnyFunction, isValid = (_: unknown[]) => true) {
  const original = Reflect.get(target, name) as AnyFunction
  // A proxy has the name, the length and the properties of what it stands for.
  const hooked = new Proxy(original, {
    apply: (call, self, args: unknown[]) =>
      isValid(args) && isHeldBack(args[0]) ? skip(...args) : Reflect.apply(call, self, args),
  })
  Reflect.set(target, name, hooked)
}

const endsInCallback = (args: unknown[]) => typeof args.at(-1) === 'function'

function callLater(...args: unknown[]): void {
  const callback = args.at(-1) as (error: null) => void
  setImmediate(() => callback(null))
}

/** What is no path goes to Node, which refuses it. */
function isHeldBack(value: unknown): boolean {
  try {
    const path = value instanceof URL ? fileURLToPath(value) : value
    if (typeof path !== 'string' && !Buffer.isBuffer(path)) return false
    return shared[key]?.holdsBack(resolve(path.toString())) ?? false
  } catch {
    return false
  }
}
