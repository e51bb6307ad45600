// A client of TLS that says each record as a test wants it: of any size, in halves, padded, with new keys.

import { Duplex } from 'node:stream'
import { alertNames } from './alerts.ts'
import { type Handshake, type HandshakeOptions, handshake } from './handshake.ts'
import { contentType, isTls13 } from './reference.ts'

/** How pieces go over the wire; each list is one for each piece, over and over. */
export interface RecordPlan {
  /** At most so many bytes of a piece in one record. */
  sizes: readonly number[]
  /** Of each record, in bytes; TLS 1.2 has none. */
  paddings: readonly number[]
  /** Before a piece: new keys for this side, or for both. TLS 1.2 has none. */
  updates: readonly ('no' | 'own' | 'both')[]
  /** The last so many bytes of a piece come so many turns of the event loop after the others. */
  halves: readonly { bytes: number; turns: number }[]
  /** The last word: close_notify, or a FIN without it. */
  truncates: boolean
}

export const plainly: RecordPlan = {
  sizes: [2 ** 14],
  paddings: [0],
  updates: ['no'],
  halves: [{ bytes: 0, turns: 0 }],
  truncates: false,
}

const keyUpdate = 24

export class RecordClient extends Duplex {
  /** Alerts that came, close_notify too, in words. */
  readonly alerts: string[] = []
  /** How often the server changed its keys. */
  updates = 0
  readonly #plan: RecordPlan
  #pieces = 0
  #connection: Handshake | undefined
  #isEnded = false

  /** Emits `connect` after the handshake. */
  constructor(options: HandshakeOptions, plan = plainly) {
    super({ allowHalfOpen: true })
    this.#plan = plan
    handshake(options).then(
      (connection) => this.#begin(connection),
      (error) => this.destroy(error),
    )
  }

  /** The client's port. */
  get localPort(): number | undefined {
    return this.#connection?.socket.localPort
  }

  /** The suite, and the keys of both directions as they are now. */
  get keys(): Pick<Handshake, 'suite' | 'read' | 'write'> {
    if (this.#connection === undefined) throw new Error('the handshake is not over')
    return this.#connection
  }

  /** Writes bytes as they are. */
  blurt(bytes: Buffer): void {
    this.#connection?.socket.write(bytes)
  }

  /** Returns a record that the server can read. */
  seal(type: number, data: Buffer): Buffer {
    return this.keys.write.seal(type, data)
  }

  /** The connection ends by a RST. */
  reset(): void {
    this.#connection?.socket.resetAndDestroy()
  }

  override _read(): void {
    this.#connection?.socket.resume()
  }

  override _write(piece: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#say(piece).then(() => done(), done)
  }

  override _final(done: () => void): void {
    const socket = this.#connection?.socket
    if (this.#plan.truncates) socket?.end()
    else socket?.end(this.seal(contentType.alert, Buffer.from([1, 0])))
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection?.socket.destroy()
    done(error)
  }

  #begin(connection: Handshake): void {
    if (this.destroyed) {
      connection.socket.destroy()
      return
    }
    this.#connection = connection
    const { socket, splitter, rest } = connection
    const attempt = (action: () => void) => {
      try {
        action()
      } catch (error) {
        this.destroy(error as Error)
      }
    }
    socket.on('data', (data) =>
      attempt(() => {
        for (const record of splitter.push(data)) this.#hear(record)
      }),
    )
    socket.on('end', () => {
      if (this.alerts.length === 0) this.alerts.push('truncated')
      this.#end()
    })
    socket.on('error', (error) => this.destroy(error))
    this.emit('connect')
    attempt(() => {
      for (const record of rest) this.#hear(record)
    })
    socket.resume()
  }

  #end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.push(null)
  }

  #hear(record: Buffer): void {
    const { read } = this.keys
    const { type, data } = read.open(record)
    if (type === contentType.data) {
      if (data.length > 0 && !this.#isEnded && !this.push(data)) {
        this.#connection?.socket.pause()
      }
    } else if (type === contentType.alert) {
      const name = alertNames[data[1] as number] ?? `alert ${data[1]}`
      this.alerts.push(name)
      this.#end()
    } else if (type === contentType.handshake && data[0] === keyUpdate) {
      this.updates++
      read.update()
      if (data[4] === 1) this.#updateKeys(0)
    } else if (type !== contentType.handshake) {
      throw new Error(`a record of type ${type}`)
    }
  }

  async #say(piece: Buffer): Promise<void> {
    const { sizes, paddings, updates, halves } = this.#plan
    const index = this.#pieces++
    const of = <T>(list: readonly T[]) => list[index % list.length] as T
    const { suite, write } = this.keys
    const is13 = isTls13(suite)
    const update = is13 ? of(updates) : 'no'
    if (update !== 'no') this.#updateKeys(update === 'both' ? 1 : 0)
    const records: Buffer[] = []
    for (let at = 0; at < piece.length; at += of(sizes)) {
      const part = piece.subarray(at, at + of(sizes))
      records.push(write.seal(contentType.data, part, is13 ? of(paddings) : 0))
    }
    const sealed = Buffer.concat(records)
    const { bytes, turns } = of(halves)
    const cut = Math.max(0, sealed.length - bytes)
    this.blurt(sealed.subarray(0, cut))
    if (cut === sealed.length) return
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    this.blurt(sealed.subarray(cut))
  }

  #updateKeys(request: 0 | 1): void {
    this.blurt(this.seal(contentType.handshake, Buffer.from([keyUpdate, 0, 0, 1, request])))
    this.#connection?.write.update()
  }
}
