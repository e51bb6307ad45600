// Reads WebSocket frames as far as a handoff needs them: where a message ends (RFC 6455, section 5.2).

const opcodes = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa }
const known = new Set(Object.values(opcodes))

/** Opcode, length of 64 bits, mask. */
const longestHeader = 14

/** Reads one direction of a connection: its headers. Payloads are only counted. */
export class FrameReader {
  readonly #header = Buffer.alloc(longestHeader)
  #headerBytes = 0
  #payloadLeft = 0
  #fragmented = false
  #closing = false
  #broken = false
  #messages = 0

  /** Whether every message that has begun is complete, so that the next byte begins another. */
  get atBoundary(): boolean {
    const isComplete = this.#headerBytes === 0 && this.#payloadLeft === 0 && !this.#fragmented
    return isComplete && !this.#broken
  }

  /** Whether a close frame has begun. What follows it has no meaning. */
  get closing(): boolean {
    return this.#closing
  }

  /** How many messages, pings and pongs have begun their last frame. */
  get messages(): number {
    return this.#messages
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#broken; ) {
      if (this.#payloadLeft > 0) {
        const taken = Math.min(this.#payloadLeft, bytes.length - at)
        this.#payloadLeft -= taken
        at += taken
      } else {
        this.#header[this.#headerBytes++] = bytes[at++] as number
        if (this.#headerBytes === headerLength(this.#header, this.#headerBytes)) this.#startFrame()
      }
    }
  }

  /**
   * Counts text. Does not make bytes of it if all of it belongs to the frame that has begun: libraries
   * write header and payload separately.
   */
  pushText(text: string, encoding: BufferEncoding | undefined): void {
    const length = Buffer.byteLength(text, encoding)
    if (length <= this.#payloadLeft) this.#payloadLeft -= length
    else this.push(Buffer.from(text, encoding))
  }

  /** The header is complete. */
  #startFrame(): void {
    const [first = 0] = this.#header
    const opcode = first & 0x0f
    const isFinal = (first & 0x80) !== 0
    const isControl = opcode >= opcodes.close
    this.#payloadLeft = payloadLength(this.#header)
    this.#headerBytes = 0
    // Not a WebSocket any more: it has no boundaries, and such a connection cannot move.
    if (!known.has(opcode) || !Number.isSafeInteger(this.#payloadLeft)) this.#broken = true
    // A control frame may come between the fragments of a message.
    if (!isControl) this.#fragmented = !isFinal
    if (opcode === opcodes.close) this.#closing = true
    else if (isFinal) this.#messages += 1
  }
}

/** Returns the length of the header, by the bytes of it that are there: two are enough. */
function headerLength(header: Buffer, bytes: number): number {
  if (bytes < 2) return 2
  const second = header[1] as number
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & 0x80) === 0 ? 0 : 4)
}

function payloadLength(header: Buffer): number {
  const length = (header[1] as number) & 0x7f
  if (length === 126) return header.readUInt16BE(2)
  if (length === 127) return Number(header.readBigUInt64BE(2))
  return length
}

/** Reasons for a close (RFC 6455, section 7.4.1, and the registry of IANA for it). */
export const closeCodes = {
  /** 1012: another process serves, or soon will, here or on another host. Clients connect again. */
  serviceRestart: { code: 1012, reason: 'service restart' },
} as const

export type CloseCode = (typeof closeCodes)[keyof typeof closeCodes]

/** Makes the close frame of a server, which is not masked. */
export function closeFrame({ code, reason }: CloseCode): Buffer {
  const payload = Buffer.alloc(2 + reason.length)
  payload.writeUInt16BE(code, 0)
  payload.write(reason, 2)
  return Buffer.concat([Buffer.from([0x80 | opcodes.close, payload.length]), payload])
}
