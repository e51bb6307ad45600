// The handoff as a table: role × state × event → next state and effects. Pure data, and its reader.
//
// A process plays both roles in its life: it is born as the new process of one handoff and leaves
// as the old process of the next. The table does not know sockets, clocks or promises: a runner
// feeds it events and carries out the effects, in their order.
//
// Five rules carry the whole design:
//   - Before `commit` the old process has never stopped accepting, and until `ramp` or `drain` no other
//     process has begun to accept: every failure leads to `serving`.
//   - In `ramp`, and in no other state, two processes accept. The old one has never stopped.
//   - The end of the channel is the death of the peer, since no other process holds that end. So a new
//     process whose old one died goes on alone, and an old process whose new one died takes back.
//     A process that has no use for a living peer ignores it instead of hanging up.
//   - An end that is no death is written on the mark (mark.ts) first, where the kernel keeps it. A
//     process whose peer released it or aborted reads that before it acts on the end.
//   - At most one process stands behind the one that serves: a handoff that begins ends the
//     probation of the generation before.

import { newTable } from './new-table.ts'
import { oldTable } from './old-table.ts'
import type {
  NewEvent,
  NewState,
  OldEvent,
  OldState,
  Role,
  Table,
  Transition,
} from './transitions.ts'

export {
  type NewEvent,
  type NewState,
  type OldEvent,
  type OldState,
  type Role,
  serves,
} from './transitions.ts'

export interface Roles {
  new: { state: NewState; event: NewEvent }
  old: { state: OldState; event: OldEvent }
}

interface Tables {
  new: typeof newTable
  old: typeof oldTable
}

/** The pairs of an event and one of its effects, over all states of a table. */
type Pairs<T> = {
  [S in keyof T]: {
    [E in keyof T[S]]: T[S][E] extends { effects: readonly (infer F)[] } ? [E, F] : never
  }[keyof T[S]]
}[keyof T]

/** The effects that the table of a role names. */
export type EffectOf<R extends Role> = Pairs<Tables[R]>[1] & string

/** The events that have this effect, in any state. */
export type EventsWith<R extends Role, Effect> = EventsIn<Pairs<Tables[R]>, Effect>

type EventsIn<Pair, Effect> = Pair extends [infer Event, infer Effects]
  ? Effect extends Effects
    ? Event
    : never
  : never

export type Effect = EffectOf<'new'> | EffectOf<'old'>

/** The whole protocol as data, for the diagram of docs/protocol.md and for generated tests. */
export const table: {
  readonly [R in Role]: Table<Roles[R]['state'], Roles[R]['event'], EffectOf<R>>
} = { new: newTable, old: oldTable }

/**
 * Looks up what an event does.
 *
 * @returns undefined if the table has no such event in this state: an error of its sender, which
 * changes nothing.
 */
export function step<R extends Role>(
  role: R,
  state: Roles[R]['state'],
  event: Roles[R]['event'],
): Transition<Roles[R]['state'], EffectOf<R>> | undefined {
  const rows: Table<Roles[R]['state'], Roles[R]['event'], EffectOf<R>> = table[role]
  return rows[state][event]
}
