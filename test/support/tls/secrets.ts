// Secrets of TLS connections as the native core has them in its files, made by tests.

import { readSync, writeSync } from 'node:fs'
import { onTestFinished } from 'vitest'
import { TlsRecords } from '../../../packages/handoff/src/io/native/tls-records.ts'
import { SecretsFile } from '../../../packages/handoff/src/io/native/tls-secrets.ts'
import { secretLength, suiteOf } from './reference.ts'

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

/** Of the file, in bytes: where the number of entries is, what is before the first one, and the size of each. */
export const layout = { count: 12, head: 16, entry: 136 } as const

const flags = { server: 4, owesKeyUpdate: 5 } as const
const directions = { read: 8, write: 72 } as const
/** Within a direction. */
const numbers = { sequence: 48, explicitNonce: 56 } as const

/** Memory files are of Linux. */
export const hasSecretsFiles = process.platform === 'linux'

/** One entry of a file: docs/protocol.md, and struct TlsSecrets of native/tls_secrets.h. */
function entryOf(secrets: Secrets): Buffer {
  const { version, suite, server = true, owesKeyUpdate = false } = secrets
  const entry = Buffer.alloc(layout.entry)
  entry.writeUInt16LE(version, 0)
  entry.writeUInt16LE(suite, 2)
  entry[flags.server] = Number(server)
  entry[flags.owesKeyUpdate] = Number(owesKeyUpdate)
  for (const name of ['read', 'write'] as const) {
    const { secret, sequence = 0, explicitNonce = 0n } = secrets[name]
    const at = directions[name]
    entry.set(secret, at)
    entry.writeBigUInt64LE(BigInt(sequence), at + numbers.sequence)
    entry.writeBigUInt64LE(explicitNonce, at + numbers.explicitNonce)
  }
  return entry
}

/** Makes a file with these entries, not sealed yet, which is closed when the test ends. */
export function fileOf(entries: readonly Buffer[]): SecretsFile {
  const file = SecretsFile.create(entries.length)
  onTestFinished(() => file.release())
  for (const [index, entry] of entries.entries()) {
    writeSync(file.fd, entry, 0, entry.length, layout.head + index * layout.entry)
  }
  return file
}

/** Makes a file of secrets, not sealed yet, which is closed when the test ends. */
export function secretsFile(...connections: readonly Secrets[]): SecretsFile {
  return fileOf(connections.map(entryOf))
}

/** The bytes of one connection. */
export function readEntry({ fd }: Pick<SecretsFile, 'fd'>, index = 0): Buffer {
  const entry = Buffer.alloc(layout.entry)
  readSync(fd, entry, 0, layout.entry, layout.head + index * layout.entry)
  return entry
}

/** The secrets of one connection. */
export function readSecrets(file: Pick<SecretsFile, 'fd'>, index = 0) {
  const entry = readEntry(file, index)
  const suite = suiteOf(entry.readUInt16LE(0), entry.readUInt16LE(2))
  const direction = (name: keyof typeof directions) => {
    const at = directions[name]
    return {
      secret: entry.subarray(at, at + secretLength(suite)),
      sequence: entry.readBigUInt64LE(at + numbers.sequence),
      explicitNonce: entry.readBigUInt64LE(at + numbers.explicitNonce),
    }
  }
  const owesKeyUpdate = entry[flags.owesKeyUpdate] === 1
  return { suite, owesKeyUpdate, read: direction('read'), write: direction('write') }
}

export function recordsOf(secrets: Secrets): TlsRecords {
  return new TlsRecords(secretsFile(secrets), 0)
}
