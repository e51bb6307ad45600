// Fills a batch with connections of which the application exports state: as many as one message carries.

import type { Socket } from 'node:net'
import { close } from '../../io/native/descriptors.ts'
import { descriptorOf } from '../../io/node/internals/connection-handle.ts'
import { payloadLimitBytes } from '../../protocol/codec.ts'
import { reasonOf } from '../../terms/errors.ts'
import { clearReason } from '../tracking/end-reasons.ts'
import type { Layer } from './layer.ts'
import type { Arriving, Departing, Secrets } from './mover.ts'
import { isBusy, type Pace } from './pace.ts'
import { canRelease, dupForSending } from './release-socket.ts'
import { silenceOf } from './silence.ts'

/** Largest item in bytes of JSON: with one more of this size a batch still fits into a message. */
const itemLimitBytes = payloadLimitBytes / 2 - 16_384

/**
 * How many connections a batch has at most. Each takes about 0.1 ms in both processes, and other clients
 * wait meanwhile.
 */
export const batchSize = 50

/** What a batch needs of its mover. */
export interface BatchContext {
  readonly layer: Layer
  /** Serves a connection again. */
  adopt(arriving: Arriving): void
}

/** A connection that is quiescent, as far as this process knows without the application. */
export interface Candidate {
  readonly socket: Socket
  /** Whether the application agrees that it is quiescent. May throw what the application throws. */
  atRest(): boolean
  /** Returns what the other process needs to know. May throw. */
  item(): object
  /** Keeps the application from taking the end of the socket for a close by the client. */
  removeListeners(): void
  /** The connection cannot move; `reason` says why. */
  keep(reason: string): void
}

/**
 * Takes connections until the batch is full. Those that cannot be exported stay where they are.
 *
 * @remarks The application was asked for its state, so the same socket cannot go on. A connection that
 * is not handed over after all arrives in this process again.
 * @param pace - limits how many of them are busy.
 */
export function fillBatch(
  candidates: Iterable<Candidate>,
  limit: number,
  context: BatchContext,
  pace?: Pace,
): Departing[] {
  const { layer } = context
  const batch: Departing[] = []
  const secrets = layer.beginBatch(limit)
  let bytes = 0
  for (const { candidate, mayGo } of byBusyness(candidates, pace)) {
    if (batch.length >= limit || bytes > itemLimitBytes) break
    let fd: number | undefined
    try {
      const { socket } = candidate
      if (!canRelease(socket) || !layer.canLeave([socket])[0] || !candidate.atRest() || !mayGo())
        continue
      ;[fd] = dupForSending([{ socket, fd: descriptorOf(socket) }])
      // An ack of the other process frees descriptors; then this is called again.
      if (fd === undefined) break
      const item = { ...candidate.item(), ...layer.fieldsOf(socket) }
      bytes += sizeOf(item)
      batch.push(depart(candidate, { fd, item, secrets: secrets?.add(socket) }, context))
    } catch (error) {
      if (fd !== undefined) {
        close(fd)
        clearReason(candidate.socket)
      }
      candidate.keep(reasonOf(error))
    }
  }
  secrets?.end()
  return batch
}

const always = () => true

/** Yields the candidates that have been silent for a while first, and then those that the pace may admit. */
function* byBusyness(
  candidates: Iterable<Candidate>,
  pace: Pace | undefined,
): Iterable<{ candidate: Candidate; mayGo: () => boolean }> {
  if (pace === undefined) {
    for (const candidate of candidates) yield { candidate, mayGo: always }
    return
  }
  const all = [...candidates]
  const silence = silenceOf(all.map(({ socket }) => socket))
  const busy = all.filter((_, index) => isBusy(pace, silence[index]))
  const isBusyOne = new Set(busy)
  for (const candidate of all) if (!isBusyOne.has(candidate)) yield { candidate, mayGo: always }
  let isFull = false
  const mayGo = () => {
    isFull = !pace.admit()
    return !isFull
  }
  for (const candidate of busy) {
    if (isFull) return
    yield { candidate, mayGo }
  }
}

/** Destroys the socket: a plain close(2), and no FIN while the dup is open. */
function depart(
  candidate: Candidate,
  going: { fd: number; item: object; secrets: Secrets | undefined },
  { adopt }: BatchContext,
): Departing {
  candidate.removeListeners()
  candidate.socket.destroy()
  return { ...going, complete: () => {}, serveAgain: () => adopt(going) }
}

/**
 * Returns the size of an item in bytes of JSON.
 *
 * @throws if it cannot be written as JSON, or is too large.
 */
function sizeOf(item: unknown): number {
  const size = Buffer.byteLength(JSON.stringify(item))
  if (size <= itemLimitBytes) return size
  throw new RangeError(`its state has ${size} bytes, and the limit is ${itemLimitBytes}`)
}
