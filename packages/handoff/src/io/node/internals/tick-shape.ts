// Keeps process.nextTick() fast: V8 compiles it for a shape of objects that a collection of garbage can remove.

import { AsyncResource } from 'node:async_hooks'

const kept: object[] = []

/**
 * Keeps an object of the shape of those in the queue of `process.nextTick()` alive. Call it early.
 *
 * @remarks `nextTick` makes an object with computed keys for each call, and V8 refers weakly to the maps for which it
 * has compiled that. If no such object is alive during a full collection of garbage, the maps can die, and from then
 * on each call takes 270 to 370 ns where it took 50, until the process ends: a fifth of the time of a small
 * HTTP request. A process that loads this package collects garbage in such a moment more often than others.
 * Node 26 makes objects of a class, and needs none of this.
 * @see lib/internal/process/task_queues.js `nextTick` (Node 20 to 24); V8, `Runtime_DefineKeyedOwnPropertyInLiteral`.
 */
export function keepTickShape(): void {
  if (kept.length === 0) kept.push(...objectsOfTickShape())
}

/** Returns one for each map with which the literal can begin: it has four keys, or five with the frame of AsyncLocalStorage. */
export function objectsOfTickShape(): readonly object[] {
  const resource = new AsyncResource('socket-handoff:tick')
  const [id, trigger] = Object.getOwnPropertySymbols(resource).filter(({ description = '' }) =>
    /async_id/.test(description),
  )
  if (id === undefined || trigger === undefined) return []
  // Of the same representation as those of nextTick.
  const [asyncId, triggerId] = [resource.asyncId(), resource.triggerAsyncId()]
  const frame = Symbol('frame')
  const callback = () => {}
  const args = undefined
  return [
    { [id]: asyncId, [trigger]: triggerId, callback, args },
    { [id]: asyncId, [trigger]: triggerId, [frame]: undefined, callback, args },
  ]
}
