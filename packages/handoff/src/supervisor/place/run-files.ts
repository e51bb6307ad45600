// What a supervisor has in the directory of its run: made anew when somebody has removed it.

import { openRunDirectory, type RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { reasonOf } from '../../terms/errors.ts'
import * as say from '../text/announce.ts'

/** Something that has a path in the directory. */
export interface Renewable {
  /** Whether it still is at its path. */
  isThere(): boolean
  /** Makes it anew. @throws {@link HandoffError}; a system error. */
  renew(): void
}

export interface PremisesOptions {
  /** Of the run. */
  readonly name: string
  readonly directory: RunDirectory
  readonly lock: Renewable
  announce(line: say.Announcement): void
}

/**
 * Programs that clean up /tmp remove what they take for old. A server serves on without the directory of
 * its run; but its reports do not get here, and no command does.
 */
export class Premises {
  readonly #options: PremisesOptions
  #control: Renewable | undefined
  /** Why the directory could not be made anew, as the operator was told. */
  #refused: string | undefined
  #wereRenewed = false

  constructor(options: PremisesOptions) {
    this.#options = options
  }

  /** Where commands come in, from now on. */
  opens(control: Renewable): void {
    this.#control = control
  }

  /** Whether anything was ever made anew. */
  get wereRenewed(): boolean {
    return this.#wereRenewed
  }

  /**
   * Makes anew what was removed, and says so.
   *
   * @param renewMore - does the same for what is the caller's, and returns whether it was there.
   * @returns whether everything was there.
   */
  check(renewMore: () => boolean): boolean {
    try {
      const wereThere = this.#renew()
      if (!wereThere) this.#said()
      const moreWasThere = renewMore()
      if (!moreWasThere && wereThere) this.#said()
      this.#refused = undefined
      return wereThere && moreWasThere
    } catch (error) {
      const reason = reasonOf(error)
      const { directory, announce } = this.#options
      if (reason !== this.#refused) announce(say.cannotRenew(directory.path, reason))
      this.#refused = reason
      return false
    }
  }

  #renew(): boolean {
    const { name, lock } = this.#options
    const control = this.#control
    if (lock.isThere() && control?.isThere() !== false) return true
    openRunDirectory(name)
    // First: without it another supervisor may be about to begin here.
    if (!lock.isThere()) lock.renew()
    if (control?.isThere() === false) control.renew()
    return false
  }

  #said(): void {
    this.#wereRenewed = true
    this.#options.announce(say.renewed(this.#options.directory.path))
  }
}
