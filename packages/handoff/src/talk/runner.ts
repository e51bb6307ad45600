// Runs the table of one role: takes events, and carries out their effects in order.

import { type EffectOf, type Role, type Roles, step } from '../protocol/machine.ts'
import type { DetailedEvent, Details, Effects, PlainEvent } from './effects.ts'

/**
 * An effect as the runner calls it. The table pairs each effect with events that carry what it takes
 * (see {@link Effects}), but the compiler does not follow that through a lookup. The parameters of a
 * method are compared in both directions, so an effect of any detail fits here.
 */
type AnyEffect = { run(detail: unknown, descriptors: number[]): void }['run']

interface Happening<R extends Role> {
  event: Roles[R]['event']
  detail: unknown
  descriptors: number[]
}

export class Runner<R extends Role> {
  readonly #role: R
  readonly #effects: { readonly [E in EffectOf<R>]: AnyEffect }
  readonly #onState: (state: Roles[R]['state'], before: Roles[R]['state']) => void
  readonly #queue: Happening<R>[] = []
  #state: Roles[R]['state']
  #running = false

  /** @param onState - receives each new state, and the one before, after the effects that lead to it. */
  constructor(
    role: R,
    initial: Roles[R]['state'],
    effects: Effects<R>,
    onState: (state: Roles[R]['state'], before: Roles[R]['state']) => void,
  ) {
    this.#role = role
    this.#state = initial
    this.#effects = effects
    this.#onState = onState
  }

  get state(): Roles[R]['state'] {
    return this.#state
  }

  /** Whether the table has the event in this state. */
  takes(event: Roles[R]['event']): boolean {
    return step(this.#role, this.#state, event) !== undefined
  }

  /**
   * Takes one event. An event that an effect dispatches waits until all effects of the first are
   * done. One that the table does not have in this state changes nothing.
   */
  dispatch(event: PlainEvent<R>): void
  dispatch<E extends DetailedEvent<R>>(
    event: E,
    detail: Details[R][E],
    descriptors?: number[],
  ): void
  dispatch(event: Roles[R]['event'], detail?: unknown, descriptors: number[] = []): void {
    this.#queue.push({ event, detail, descriptors })
    if (this.#running) return
    this.#running = true
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next)
      }
    } finally {
      this.#running = false
    }
  }

  #step({ event, detail, descriptors }: Happening<R>): void {
    const transition = step(this.#role, this.#state, event)
    if (transition === undefined) return
    const before = this.#state
    this.#state = transition.to
    for (const effect of transition.effects) this.#effects[effect](detail, descriptors)
    if (this.#state !== before) this.#onState(this.#state, before)
  }
}
