// A client that writes records one by one, right ones and wrong ones.

import type { ReferenceHalf } from './reference.ts'

/** A message of the handshake protocol. */
export function message(type: number, body: Uint8Array): Buffer {
  const { length } = body
  return Buffer.concat([Buffer.of(type, length >> 16, (length >> 8) & 255, length & 255), body])
}

export const keyUpdate = (...body: number[]) => message(24, Buffer.from(body))

/** Collects the records. Each method returns the client. */
export class ScriptedClient {
  readonly half: ReferenceHalf
  #records: Buffer[] = []

  constructor(half: ReferenceHalf) {
    this.half = half
  }

  get stream(): Buffer {
    return Buffer.concat(this.#records)
  }

  data(text: string, padding = 0): this {
    return this.seal(23, Buffer.from(text), padding)
  }

  alert(...bytes: number[]): this {
    return this.seal(21, Buffer.from(bytes))
  }

  handshake(...messages: Uint8Array[]): this {
    return this.seal(22, Buffer.concat(messages))
  }

  seal(type: number, data: Uint8Array, padding = 0): this {
    return this.raw(this.half.seal(type, data, padding))
  }

  /** A record whose content has no content type of its own. */
  content(type: number, content: Uint8Array): this {
    return this.raw(this.half.sealContent(type, content))
  }

  /** Goes on to the next key, without a word. */
  update(): this {
    this.half.update()
    return this
  }

  /** Goes on to the next key, and says so. */
  keyUpdate(request = 0): this {
    return this.handshake(keyUpdate(request)).update()
  }

  raw(bytes: Uint8Array): this {
    this.#records.push(Buffer.from(bytes))
    return this
  }

  /** Changes a bit of the last record. */
  change(at: number, bit = 0x40): this {
    const last = this.#records.at(-1) as Buffer
    const index = at < 0 ? last.length + at : at
    last.writeUInt8(last.readUInt8(index) ^ bit, index)
    return this
  }

  /** Loses the last record, but for its first bytes. */
  lose(kept = 0): this {
    this.#records.push((this.#records.pop() as Buffer).subarray(0, kept))
    return this
  }

  /** Sends the last record again. */
  again(): this {
    return this.raw(this.#records.at(-1) as Buffer)
  }

  times(count: number, act: (client: this, index: number) => unknown): this {
    for (let i = 0; i < count; i++) act(this, i)
    return this
  }
}
