// Secrets of TLS connections as the native core has them in its files, made by tests.

import { readSync, writeSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { TlsRecords } from '../../../packages/handoff/src/io/native/tls-records.ts'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'

/** One direction. */
export interface Direction {
  /** TLS 1.3: the traffic secret. TLS 1.2: key and IV. */
  readonly secret: Uint8Array
  readonly sequence?: bigint | number
  readonly explicitNonce?: bigint
}

export interface Secrets {
  readonly version: number
  readonly suite: number
  /** Defaults to true. */
  readonly server?: boolean
  readonly owesKeyUpdate?: boolean
  readonly read: Direction
  readonly write: Direction
}

/** The sizes of native/tls_secrets.h: the header of the file, and one connection. */
const header = 16
const size = 136

/** Memory files are of Linux. */
export const hasSecretsFiles = process.platform === 'linux'

/** As struct TlsSecrets. */
function toBytes({ version, suite, server = true, owesKeyUpdate = false, read, write }: Secrets) {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt16LE(version, 0)
  bytes.writeUInt16LE(suite, 2)
  bytes[4] = Number(server)
  bytes[5] = Number(owesKeyUpdate)
  for (const [at, direction] of [
    [8, read],
    [72, write],
  ] as const) {
    bytes.set(direction.secret, at)
    bytes.writeBigUInt64LE(BigInt(direction.sequence ?? 0), at + 48)
    bytes.writeBigUInt64LE(direction.explicitNonce ?? 0n, at + 56)
  }
  return bytes
}

/** Makes a file of secrets, which is closed when the test ends. */
export function secretsFile(...connections: readonly Secrets[]): SecretsFile {
  const file = SecretsFile.create(connections.length)
  onTestFinished(() => file.release())
  for (const [index, secrets] of connections.entries()) {
    writeSync(file.fd, toBytes(secrets), 0, size, header + index * size)
  }
  return file
}

/** The bytes of one connection. */
export function readSecrets(file: SecretsFile, index: number): Buffer {
  const bytes = Buffer.alloc(size)
  readSync(file.fd, bytes, 0, size, header + index * size)
  return bytes
}

export function recordsOf(secrets: Secrets): TlsRecords {
  return new TlsRecords(secretsFile(secrets), 0)
}
