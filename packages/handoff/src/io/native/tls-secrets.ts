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
  #holders = 1

  private constructor(fd: number, count: number) {
    this.#fd = fd
    this.count = count
  }

  /**
   * Makes an empty file.
   *
   * @throws a system error: `ENOSYS` if the system has no such files, `EMFILE`, `ENOMEM`.
   */
  static create(count: number): SecretsFile {
    return new SecretsFile(check(loadNative().createSecrets(count), 'memfd_create'), count)
  }

  /**
   * Takes a file that another process has sent. Owns the descriptor, and closes it if this throws.
   *
   * @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if it is not sealed, or has another form.
   */
  static receive(fd: number): SecretsFile {
    const count = loadNative().checkSecrets(fd)
    if (count > 0) return new SecretsFile(fd, count)
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

  /**
   * Makes the file unchangeable.
   *
   * @returns its size in bytes.
   */
  seal(): number {
    return check(loadNative().sealSecrets(this.#fd), 'fcntl')
  }

  /** Keeps the file open for one more holder. */
  retain(): this {
    this.#holders += 1
    return this
  }

  /** A holder does not need the file any more. The last one closes it. */
  release(): void {
    this.#holders -= 1
    if (this.#holders === 0) close(this.#fd)
  }
}
