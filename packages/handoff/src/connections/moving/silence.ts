// Reads how long connections have been silent.

import type { Socket } from 'node:net'
import { readSilence } from '../../io/native/many-connections.ts'
import { descriptorOf } from '../../io/node/internals/connection-handle.ts'
import { readTimers } from '../../io/node/internals/silence-timer.ts'

/**
 * Returns how many milliseconds ago data last came or went on each connection; on one without data, how
 * many milliseconds ago it was opened.
 *
 * @param timers - what their timers say.
 * @returns undefined for a connection without a timeout that is not TCP, or not on Linux.
 */
export function silenceOf(
  sockets: readonly Socket[],
  { soFar: silence } = readTimers(sockets),
): (number | undefined)[] {
  // Their timers cost less than the kernel. Not each socket has one.
  if (!silence.includes(undefined)) return silence
  const without = sockets.filter((_, index) => silence[index] === undefined)
  const byKernel = readSilence(without.map((socket) => descriptorOf(socket) ?? -1)).values()
  return silence.map((ms) => (ms === undefined ? byKernel.next().value : ms))
}
