// A memory file with the secrets of TLS connections. Only the native core reads and writes its content.

import { constants } from 'node:os'
import { HandoffError } from '../../terms/errors.ts'
import { check, loadNative } from './addon.ts'
import { close } from './descriptors.ts'

/** A sealed file that does not have the form is a mistake of the peer, and no failure of this system. */
const MALFORMED = -constants.errno.EPROTO

/**
 * The file of one batch of connections. It ends with its last holder: the process that made or received it,
 * and each connection that is read from it later.
 *
 * @remarks The kernel has no other name for it than its descriptor, and clears its memory before it gives
 * that to a process again.
 */
export class SecretsFile {
  readonly #fd: number
  /** How many connections it has. */
  readonly count: number
  #bytes: number
  #holders = 1

  private constructor(fd: number, count: number, bytes: number) {
    this.#fd = fd
    this.count = count
    this.#bytes = bytes
  }

  /**
   * Makes an empty file.
   *
   * @throws a system error: `ENOSYS` if the system has no such files, `EMFILE`, `ENOMEM`.
   */
  static create(count: number): SecretsFile {
    return new SecretsFile(check(loadNative().createSecrets(count), 'memfd_create'), count, 0)
  }

  /**
   * Takes a file that another process has sent. Owns the descriptor, and closes it if this throws.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if it is not sealed, or has another form.
   */
  static receive(fd: number): SecretsFile {
    const native = loadNative()
    const count = native.checkSecrets(fd)
    if (count > 0) return new SecretsFile(fd, count, native.sizeOfSecrets(count))
    close(fd)
    if (count !== MALFORMED) check(count, 'fstat')
    throw new HandoffError(
      'ERR_HANDOFF_PROTOCOL',
      'cannot take over connections: the file with their TLS secrets is malformed',
    )
  }

  /** Owned by this object. */
  get fd(): number {
    return this.#fd
  }

  /** Its size once it is sealed; else 0. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Makes the file unchangeable. Before that it must not be sent.
   *
   * @throws a system error.
   */
  seal(): void {
    this.#bytes = check(loadNative().sealSecrets(this.#fd), 'fcntl')
  }

  /** Keeps the file open for one more holder. */
  retain(): void {
    this.#holders += 1
  }

  /** A holder does not need the file any more. The last one closes it. */
  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) close(this.#fd)
  }
}

/**
 * Returns why this system cannot carry secrets to another process; undefined if it can.
 *
 * @remarks macOS has no memory files without a path, and a container may forbid them (seccomp).
 * @internal
 */
export function secretsObstacle(): string | undefined {
  try {
    SecretsFile.create(1).release()
    return undefined
  } catch (error) {
    return `this system has no memory files (${(error as NodeJS.ErrnoException).code})`
  }
}
