// Takes over from surplus workers, one after the other, beside this process's own line.

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
   * meanwhile: it would not get the listeners that are joined after its manifest.
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

  /** Fails those that are not committed yet, since this process ends: the other processes serve on. */
  stop(): void {
    for (const joining of this.#joinings) joining.fail(stopping())
  }

  /** As {@link Intake.expectsMore}, of any of them. */
  get expectsMore(): boolean {
    return this.#joinings.some(({ intake }) => intake.expectsMore)
  }

  /** As {@link Joining.releaseOld}, for each of them. */
  releaseOld(why: 'succeeded' | 'stopped'): Promise<void>[] {
    return this.#joinings.flatMap((joining) => joining.releaseOld(why) ?? [])
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
