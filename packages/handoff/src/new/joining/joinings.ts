// All that a process takes over beside its own line: one worker after the other.

import { HandoffError } from '../../terms/errors.ts'
import { Joining, type JoiningContext } from './joining.ts'

export interface JoiningsContext extends JoiningContext {
  /** Whether this process serves, outside of any handoff of its own. */
  serves(): boolean
}

export class Joinings {
  readonly #context: JoiningsContext
  readonly #joinings: Joining[] = []

  constructor(context: JoiningsContext) {
    this.#context = context
  }

  /**
   * Takes over from each process that answers at one of these paths. A successor has to wait
   * meanwhile: what is joined after it was told of the listeners would be lost to it.
   */
  async run(rendezvous: readonly string[]): Promise<void> {
    if (rendezvous.length === 0) return
    const { holdings, serves } = this.#context
    holdings.rendezvous?.shut()
    for (const path of rendezvous) {
      const joining = new Joining(this.#context, path)
      this.#joinings.push(joining)
      if (serves()) await joining.run()
      else joining.fail(busy())
    }
    if (serves()) holdings.rendezvous?.open()
  }

  /** Whether any of the other processes may still live. */
  get oldMayLive(): boolean {
    return this.#joinings.some((joining) => joining.oldMayLive)
  }

  /** This process ends: what is not committed yet stays where it is. */
  stop(): void {
    for (const joining of this.#joinings) joining.fail(stopping())
  }

  /** As that of the birth, for each of them. */
  succeeded(): Promise<void>[] {
    return this.#joinings.flatMap((joining) => joining.succeeded() ?? [])
  }
}

const here = { stage: 'discover', serving: 'old' } as const

function busy(): HandoffError {
  const message = 'cannot take over: this process is being replaced'
  return new HandoffError('ERR_HANDOFF_BUSY', message, here)
}

function stopping(): HandoffError {
  const message = 'cannot take over: this process is stopping'
  return new HandoffError('ERR_HANDOFF_STOPPING', message, { serving: 'old' })
}
