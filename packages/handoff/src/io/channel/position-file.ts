// The file of positions: the new process writes where connections are at rest, the old one reads it if that dies.

import { readSync, writeSync } from 'node:fs'
import {
  type Position,
  PositionRecord,
  readPosition,
  recordBytes,
} from '../../protocol/position.ts'
import { HandoffError } from '../../terms/errors.ts'
import { statOfDescriptor } from '../files/file-stat.ts'
import { loadNative } from '../native/addon.ts'
import { close } from '../native/descriptors.ts'

/**
 * A file in memory without a path, which both processes have open.
 *
 * @remarks A message for each rest would wake the old process thousands of times in a second, and would
 * take a tenth of the time of both. What was written is there even after its writer was killed.
 */
export class PositionFile {
  /** For the message with which it goes to the other process. */
  readonly fd: number
  #record = new PositionRecord(recordBytes.short)
  #isClosed = false

  private constructor(fd: number) {
    this.fd = fd
  }

  /** Returns undefined if the system has no such file, or no room for one. */
  static create(): PositionFile | undefined {
    const fd = loadNative().openMemoryFile()
    return fd < 0 ? undefined : new PositionFile(fd)
  }

  /**
   * Makes one of the descriptor that came from the peer. Owns it, also if this throws.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_DESCRIPTOR_MISMATCH if it is not a file.
   */
  static from(fd: number): PositionFile {
    if (statOfDescriptor(fd).isFile()) return new PositionFile(fd)
    close(fd)
    throw new HandoffError(
      'ERR_HANDOFF_DESCRIPTOR_MISMATCH',
      'cannot receive the file of positions: its descriptor is not a file',
      { stage: 'discover' },
    )
  }

  /** Both processes know long records. Call this before the first is written or read. */
  useLongRecords(): void {
    this.#record = new PositionRecord(recordBytes.long)
  }

  /** Writes the position of a connection. Returns false if it has to be reported by a message. */
  write(number: number, position: Position): boolean {
    if (this.#isClosed || !this.#record.write(position)) return false
    const { bytes } = this.#record
    try {
      return writeSync(this.fd, bytes, 0, bytes.length, number * bytes.length) === bytes.length
    } catch {
      // There is no memory for it.
      return false
    }
  }

  /** Returns the positions of the first connections, by number; undefined of those that have none. */
  read(count: number): (Position | undefined)[] {
    const { length } = this.#record.bytes
    const bytes = Buffer.alloc(count * length)
    for (let at = 0; at < bytes.length; ) {
      const more = readSync(this.fd, bytes, at, bytes.length - at, at)
      if (more === 0) break
      at += more
    }
    return Array.from({ length: count }, (_, number) =>
      readPosition(bytes.subarray(number * length, (number + 1) * length)),
    )
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    close(this.fd)
  }
}
