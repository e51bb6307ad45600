// The object of the native core that opens and seals the records of a TLS connection.

/** One buffer, or several that are one after the other. */
export type Parts = Uint8Array | readonly Uint8Array[]

/**
 * The methods of `native/binding/tls_records.h`: each returns a number, ≥ 0 or −errno, as the functions of
 * {@link Native}.
 */
export interface NativeTlsRecords {
  /** Version, above 16 bits, and suite, as their numbers in TLS. */
  suite(): number
  /** By how many bytes a record is longer than its data. */
  overhead(): number
  open(bytes: Uint8Array, from: number, facts: Int32Array): number
  seal(type: number, parts: Parts, output: Uint8Array, from: number): number
  updateRead(): number
  updateWrite(): number
  setOwesKeyUpdate(owes: number): number
  progress(progress: Float64Array): number
  advance(progress: Float64Array): number
  writeSecrets(fd: number, index: number): number
  wipe(): number
}
