// The files of a supervisor in the directory of its run, which it creates again if they are removed.

import { openRunDirectory, type RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { reasonOf } from '../../terms/errors.ts'
import * as say from '../text/announcements.ts'

/** A file or socket in the directory. */
export interface Renewable {
  /** Whether it is at its path. */
  isThere(): boolean
  /** Creates it again. @throws {@link HandoffError}; a system error. */
  renew(): void
}

export interface RunFilesOptions {
  /** Of the run. */
  readonly name: string
  readonly directory: RunDirectory
  readonly lock: Renewable
  announce(line: say.Announcement): void
}

/**
 * Programs that clean up /tmp remove files that look old. A server serves on without the directory of its
 * run, but neither its reports nor commands reach the supervisor.
 */
export class RunFiles {
  readonly #options: RunFilesOptions
  #control: Renewable | undefined
  /** Why the directory could not be created again, as it was announced. */
  #announcedReason: string | undefined
  #wereRenewed = false

  constructor(options: RunFilesOptions) {
    this.#options = options
  }

  /** Adds the control socket, which is opened later. */
  addControl(control: Renewable): void {
    this.#control = control
  }

  /** Whether anything was ever created again. */
  get wereRenewed(): boolean {
    return this.#wereRenewed
  }

  /**
   * Creates again what was removed, and announces that.
   *
   * @param renewMore - creates the files of the caller again, and returns whether they were there.
   * @returns whether all files were there.
   */
  check(renewMore: () => boolean): boolean {
    try {
      const wereThere = this.#renew()
      if (!wereThere) this.#onRenewed()
      const moreWasThere = renewMore()
      if (!moreWasThere && wereThere) this.#onRenewed()
      this.#announcedReason = undefined
      return wereThere && moreWasThere
    } catch (error) {
      const reason = reasonOf(error)
      const { directory, announce } = this.#options
      if (reason !== this.#announcedReason) announce(say.cannotRenew(directory.path, reason))
      this.#announcedReason = reason
      return false
    }
  }

  #renew(): boolean {
    const { name, lock } = this.#options
    const control = this.#control
    if (lock.isThere() && control?.isThere() !== false) return true
    openRunDirectory(name)
    // The lock first: without it another supervisor may be about to begin.
    if (!lock.isThere()) lock.renew()
    if (control?.isThere() === false) control.renew()
    return false
  }

  #onRenewed(): void {
    this.#wereRenewed = true
    this.#options.announce(say.renewed(this.#options.directory.path))
  }
}
