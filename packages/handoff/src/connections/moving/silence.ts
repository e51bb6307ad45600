// Reads how long connections have been silent.

import type { Socket } from 'node:net'
import { readSilence } from '../../io/native/many-connections.ts'
import { descriptorOf } from '../../io/node/internals/connection-handle.ts'
import { silenceSoFar } from '../../io/node/internals/silence-timer.ts'

/**
 * Returns how many milliseconds ago data last came or went on each connection; on one without data, how
 * many milliseconds ago it was opened.
 *
 * @returns undefined for a connection without a timeout that is not TCP, or not on Linux.
 */
export function silenceOf(sockets: readonly Socket[]): (number | undefined)[] {
  const silence = readSilence(sockets.map((socket) => descriptorOf(socket) ?? -1))
  if (!silence.includes(undefined)) return silence
  const byTimer = silenceSoFar()
  return sockets.map((socket, index) => silence[index] ?? byTimer(socket))
}
