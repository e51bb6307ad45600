// Removes frames of this package from errors that Node.js makes in its calls.

import { moduleFolder } from '../native/package-folder.ts'
import { bindStepName } from './internals/bind-step.ts'

/** Own frames between Node.js and the step in which it binds, with a margin. */
const spareFrames = 40

/** Runs a step of Node.js. An error that it queues for the next tick gets a stack without own frames. */
export function hideOwnFrames(step: () => void): void {
  const { nextTick } = process
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = stackTraceLimit + spareFrames
  process.nextTick = (callback: (...args: never[]) => void, ...args: unknown[]) => {
    for (const error of args) if (error instanceof Error) removeOwnFrames(error, stackTraceLimit)
    Reflect.apply(nextTick, process, [callback, ...args])
  }
  try {
    step()
  } finally {
    process.nextTick = nextTick
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Removes own frames from a stack, and names the step as its caller in Node.js does. */
export function removeOwnFrames(error: Error, limit: number): void {
  const { stack = '' } = error
  const first = stack.indexOf('\n    at ')
  if (first < 0) return
  const frames = stack
    .slice(first + 1)
    .split('\n')
    .filter((frame) => !frame.includes(moduleFolder) && !frame.includes('at Reflect.apply'))
    .slice(0, limit)
    .map((frame) => frame.replace(/(Server\.setupListenHandle) \(/, `$1 [as ${bindStepName}] (`))
  error.stack = [stack.slice(0, first), ...frames].join('\n')
}
