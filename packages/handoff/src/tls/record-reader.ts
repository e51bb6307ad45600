// Puts records together from chunks of any size, and opens them.

import type { TlsRecords } from '../io/native/tls-records.ts'
import type { TlsFailure } from './failures.ts'

/** Receives what is in the records, in their order. */
export interface RecordSink {
  /** Application data of one or more records, never empty. */
  onData(data: Buffer): void
  /** A record of another type. The next one is opened after this returns, with the keys of then. */
  onRecord(type: number, content: Buffer): void
  /** A record is refused. Nothing can be opened after it. */
  onRefused(failure: TlsFailure): void
  /** Whether more records are wanted. */
  readonly open: boolean
}

/** Content type, version and length. */
const headerSize = 5

/** Reads the stream of records of one connection. */
export class RecordReader {
  readonly #records: TlsRecords
  readonly #sink: RecordSink
  /** Has room for the record that has begun, or for its header as long as that is not complete. */
  #partial: Buffer | undefined
  #filled = 0

  constructor(records: TlsRecords, sink: RecordSink) {
    this.#records = records
    this.#sink = sink
  }

  /** How many bytes have come of a record that is not complete. */
  get pending(): number {
    return this.#partial === undefined ? 0 : this.#filled
  }

  /** Reads a chunk. Decrypts it in place, and passes parts of it on. */
  read(chunk: Buffer): void {
    let at = 0
    while (this.#partial !== undefined && at < chunk.length && this.#sink.open) {
      const copied = chunk.copy(this.#partial, this.#filled, at)
      at += copied
      this.#filled += copied
      if (this.#filled < this.#partial.length) return
      const whole = this.#partial
      this.#partial = undefined
      this.#openAll(whole, 0)
    }
    if (at < chunk.length && this.#sink.open) this.#openAll(chunk, at)
  }

  /** Opens all complete records from an offset on, and keeps the rest. */
  #openAll(bytes: Buffer, from: number): void {
    let at = from
    while (this.#sink.open && at < bytes.length) {
      const opened = this.#records.open(bytes, at)
      at = opened.end
      if (opened.dataLength > 0) {
        this.#sink.onData(bytes.subarray(opened.dataOffset, opened.dataOffset + opened.dataLength))
        if (!this.#sink.open) return
      }
      if (opened.alert !== 0) {
        this.#sink.onRefused({ alert: opened.alert, reason: opened.reason })
      } else if (opened.type >= 0) {
        const content = bytes.subarray(opened.offset, opened.offset + opened.length)
        this.#sink.onRecord(opened.type, content)
      } else {
        if (at < bytes.length) this.#keep(bytes.subarray(at), opened.begun)
        return
      }
    }
  }

  #keep(begin: Buffer, size: number): void {
    this.#partial = Buffer.allocUnsafe(Math.max(size, headerSize))
    this.#filled = begin.copy(this.#partial)
  }
}
