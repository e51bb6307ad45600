// Lets errors that Node.js makes in a call of ours have the stack that they have without us.

import { moduleFolder } from '../native/package-folder.ts'
import { bindStepName } from './internals.ts'

/** Frames of ours between Node.js and the step that it binds in, and some to spare. */
const spareFrames = 40

/**
 * Runs a step of Node.js. The error that it queues for the next tick gets a stack without frames of
 * ours.
 */
export function withOwnStack(step: () => void): void {
  const { nextTick } = process
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = stackTraceLimit + spareFrames
  process.nextTick = (callback: (...args: never[]) => void, ...args: unknown[]) => {
    for (const error of args) if (error instanceof Error) cleanStack(error, stackTraceLimit)
    Reflect.apply(nextTick, process, [callback, ...args])
  }
  try {
    step()
  } finally {
    process.nextTick = nextTick
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Takes our frames out, and names the step as its caller in Node.js does. */
export function cleanStack(error: Error, limit: number): void {
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
