// The handoff as a table: role × state × event → next state and effects. Pure data, and its reader.
//
// A process plays both roles in its life: it is born as the new process of one handoff and leaves
// as the old process of the next. The table does not know sockets, clocks or promises: whoever
// runs it feeds it events and carries out the effects, in their order.
//
// Four rules carry the whole design:
//   - Before `commit` the old process has never stopped accepting, and until `drain` nobody else
//     has begun to: every failure leads to `serving`.
//   - The end of the channel is the death of the peer: only it holds the other end. So a new
//     process whose old one died goes on alone, and an old process whose new one died takes back.
//     Who has no use for the peer any more, but lives, is deaf to it instead of hanging up.
//   - An end that is no death is written down first, on the mark (mark.ts), where the kernel keeps it:
//     a process that was released, or aborted on, sees that before it acts on the end.
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

export type { Effect, NewEvent, NewState, OldEvent, OldState, Role } from './transitions.ts'

export interface Roles {
  new: { state: NewState; event: NewEvent }
  old: { state: OldState; event: OldEvent }
}

/** The whole protocol as data, for the diagram of docs/protocol.md and for generated tests. */
export const table: {
  readonly [R in Role]: Table<Roles[R]['state'], Roles[R]['event']>
} = { new: newTable, old: oldTable }

/**
 * Looks up what an event does.
 *
 * @returns undefined where the table has no such event in this state: an error of whoever sent
 * it, which changes nothing.
 */
export function step<R extends Role>(
  role: R,
  state: Roles[R]['state'],
  event: Roles[R]['event'],
): Transition<Roles[R]['state']> | undefined {
  const row = table[role][state] as Partial<Record<string, Transition<Roles[R]['state']>>>
  return row[event]
}
