// Runs the table of one role: feeds it events, carries out the effects, in order.

import { type Effect, type Role, type Roles, step } from '../protocol/machine.ts'

/** Effects with what came with the event: a message, an error. Each role has its own part of them. */
export type Effects = Partial<Record<Effect, (detail: unknown) => void>>

export class Runner<R extends Role> {
  readonly #role: R
  readonly #effects: Effects
  readonly #onState: (state: Roles[R]['state']) => void
  readonly #queue: { event: Roles[R]['event']; detail: unknown }[] = []
  #state: Roles[R]['state']
  #running = false

  constructor(
    role: R,
    initial: Roles[R]['state'],
    effects: Effects,
    onState: (state: Roles[R]['state']) => void,
  ) {
    this.#role = role
    this.#state = initial
    this.#effects = effects
    this.#onState = onState
  }

  get state(): Roles[R]['state'] {
    return this.#state
  }

  /** Whether the table knows the event now. */
  takes(event: Roles[R]['event']): boolean {
    return step(this.#role, this.#state, event) !== undefined
  }

  /**
   * Feeds one event. One that an effect gives rise to waits until all effects of the first are
   * done; one that the table does not know in this state changes nothing.
   */
  dispatch(event: Roles[R]['event'], detail?: unknown): void {
    this.#queue.push({ event, detail })
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#take(next.event, next.detail)
      }
    } finally {
      this.#running = false
    }
  }

  #take(event: Roles[R]['event'], detail: unknown): void {
    const transition = step(this.#role, this.#state, event)
    if (transition === undefined) return
    const changed = transition.to !== this.#state
    this.#state = transition.to
    for (const effect of transition.effects) {
      const run = this.#effects[effect]
      if (run === undefined)
        throw new TypeError(`the ${this.#role} process has no effect ${effect}`)
      run(detail)
    }
    if (changed) this.#onState(this.#state)
  }
}
