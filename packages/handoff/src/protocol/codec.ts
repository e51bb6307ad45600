// Encodes and decodes frames: u32 length, u8 type, u8 descriptor count, JSON. Pure: the caller decides
// what a descriptor is.
//
//   0        4      5      6
//   ┌────────┬──────┬──────┬──────────────────────┐
//   │ length │ type │ fds  │ JSON, `length` bytes │   big endian, as networks count
//   └────────┴──────┴──────┴──────────────────────┘
//
// Descriptors travel with the first byte of their frame. A stream socket may merge frames into one
// read or split one into many, but it never moves a descriptor before or behind its byte. So a queue
// is enough to find the frame of each descriptor.

import { HandoffError } from '../terms/errors.ts'
import { type Message, type MessageType, messageTypes, readMessage } from './messages.ts'

const headerBytes = 6

/** Longest payload: 1 MiB. A larger value travels as a descriptor. */
export const payloadLimitBytes = 1 << 20

/** Most descriptors of one frame; the kernel's cap is SCM_MAX_FD, 253 (unix(7), net/scm.h). */
export const descriptorLimit = 250

const typeNames = new Map<number, MessageType>(
  Object.entries(messageTypes).map(([name, number]) => [number, name as MessageType]),
)

/**
 * Encodes one message.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if the message is larger than a frame may be.
 */
export function encode(message: Message, descriptors = 0): Uint8Array {
  const { type, ...fields } = message
  const payload = new TextEncoder().encode(JSON.stringify(fields))
  if (payload.length > payloadLimitBytes || descriptors > descriptorLimit) {
    throw violation(`${type} is too large for a frame`)
  }
  const frame = new Uint8Array(headerBytes + payload.length)
  const view = new DataView(frame.buffer)
  view.setUint32(0, payload.length)
  view.setUint8(4, messageTypes[type])
  view.setUint8(5, descriptors)
  frame.set(payload, headerBytes)
  return frame
}

export interface Frame<Descriptor> {
  message: Message
  descriptors: Descriptor[]
}

/** Turns reads of any size into frames. After an error it must not be used any more. */
export class Decoder<Descriptor> {
  #pending: Uint8Array = new Uint8Array(0)
  readonly #descriptors: Descriptor[] = []

  /**
   * Returns the frames that are complete.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL on bytes that are no frame. {@link takeStrays} then
   * returns the descriptors that no frame took.
   */
  push(bytes: Uint8Array, descriptors: readonly Descriptor[] = []): Frame<Descriptor>[] {
    this.#descriptors.push(...descriptors)
    this.#pending = concat(this.#pending, bytes)
    const frames: Frame<Descriptor>[] = []
    try {
      for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
      // Descriptors may wait for the rest of their frame, but not for a frame that has not begun.
      if (this.#pending.length === 0 && this.#descriptors.length > 0) {
        throw violation(`${this.#descriptors.length} descriptors belong to no frame`)
      }
      if (this.#descriptors.length > descriptorLimit) {
        throw violation(`${this.#descriptors.length} descriptors came for one frame`)
      }
    } catch (error) {
      // The frames before it are not returned either, so their descriptors are strays too.
      this.#descriptors.push(...frames.flatMap((frame) => frame.descriptors))
      throw error
    }
    return frames
  }

  /** Whether the stream ended inside a frame. */
  get incomplete(): boolean {
    return this.#pending.length > 0
  }

  /** Returns, once, the descriptors that no frame took: the caller closes them. */
  takeStrays(): Descriptor[] {
    return this.#descriptors.splice(0)
  }

  #next(): Frame<Descriptor> | undefined {
    if (this.#pending.length < headerBytes) return undefined
    const view = new DataView(this.#pending.buffer, this.#pending.byteOffset)
    const length = view.getUint32(0)
    const type = typeNames.get(view.getUint8(4))
    const count = view.getUint8(5)
    if (type === undefined) throw violation(`message type ${view.getUint8(4)} does not exist`)
    if (length === 0 || length > payloadLimitBytes) throw violation(`a payload of ${length} bytes`)
    if (count > descriptorLimit) throw violation(`a frame with ${count} descriptors`)
    if (this.#pending.length < headerBytes + length) return undefined
    if (this.#descriptors.length < count) {
      throw violation(`${type} announces ${count} descriptors, ${this.#descriptors.length} came`)
    }
    const payload = this.#pending.subarray(headerBytes, headerBytes + length)
    const message = readMessage(type, parseJson(payload))
    this.#pending = this.#pending.slice(headerBytes + length)
    return { message, descriptors: this.#descriptors.splice(0, count) }
  }
}

function parseJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch (cause) {
    throw violation('a payload is not JSON', cause)
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const joined = new Uint8Array(a.length + b.length)
  joined.set(a)
  joined.set(b, a.length)
  return joined
}

function violation(reason: string, cause?: unknown): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    `cannot read the channel: ${reason}`,
    cause === undefined ? {} : { cause },
  )
}
