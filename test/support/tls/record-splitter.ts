// Cuts a stream of bytes into TLS records, and refuses what is none.

const HEAD_BYTES = 5
/** RFC 8446, 5.2; TLS 1.2 allows more, which no server here writes. */
const MOST_BYTES = 2 ** 14 + 256

export class RecordSplitter {
  #rest: Buffer = Buffer.alloc(0)

  /** The bytes of a record that has begun. */
  get pending(): number {
    return this.#rest.length
  }

  /** Returns whole records with their heads; throws if the bytes cannot be a record of TLS 1.2 or 1.3. */
  push(data: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    const records: Buffer[] = []
    while (this.#rest.length >= HEAD_BYTES) {
      const [type = 0, major, minor = 0] = this.#rest
      const bytes = this.#rest.readUInt16BE(3)
      if (type < 20 || type > 23 || major !== 3 || minor > 3 || bytes > MOST_BYTES) {
        throw new Error(`no TLS record: ${JSON.stringify(this.#rest.toString('latin1', 0, 200))}`)
      }
      const end = HEAD_BYTES + bytes
      if (this.#rest.length < end) break
      records.push(this.#rest.subarray(0, end))
      this.#rest = this.#rest.subarray(end)
    }
    return records
  }
}

/** Splits a stream of whole records. */
export function splitRecords(stream: Buffer): Buffer[] {
  return new RecordSplitter().push(stream)
}
