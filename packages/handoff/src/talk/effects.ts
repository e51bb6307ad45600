// What the effects of each table receive. The compiler checks that a role implements all of them.

import type { EffectOf, EventsWith, Role, Roles } from '../protocol/machine.ts'
import type { MessageOf } from '../protocol/messages.ts'
import type { DrainCounts } from '../terms/fates.ts'
import type { Peer } from './peer.ts'

type CarriedToNew =
  | 'older'
  | 'mark'
  | 'manifest'
  | 'state'
  | 'listeners'
  | 'connections'
  | 'drained'

type CarriedToOld = 'hello' | 'ack' | 'ready' | 'adopted' | 'ended' | 'rested' | 'pace'

/** What comes with an event of each role. An event that is not named here carries nothing. */
export interface Details {
  new: { readonly [E in CarriedToNew]: MessageOf<E> }
  old: { readonly [E in CarriedToOld]: MessageOf<E> } & {
    readonly connect: Peer<'old'>
    readonly share: MessageOf<'ready'>
    readonly drained: DrainCounts
  }
}

/** An event that carries something. */
export type DetailedEvent<R extends Role> = Roles[R]['event'] & keyof Details[R]

/** An event that carries nothing. */
export type PlainEvent<R extends Role> = Exclude<Roles[R]['event'], keyof Details[R]>

type DetailOf<R extends Role, Event> = Event extends keyof Details[R]
  ? Details[R][Event]
  : undefined

/**
 * One function for each effect that the table of the role names. It receives what the events carry
 * that have this effect, and the descriptors that came with a message: they belong to the effect.
 */
export type Effects<R extends Role> = {
  readonly [E in EffectOf<R>]: (
    detail: DetailOf<R, EventsWith<R, E>>,
    descriptors: number[],
  ) => void
}
