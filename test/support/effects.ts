// Effects that do nothing, for tests that look at some of them.

import { type EffectOf, type Role, table } from '../../packages/handoff/src/protocol/machine.ts'
import type { Effects } from '../../packages/handoff/src/talk/effects.ts'

/** The effects that the table of a role names, each once. */
function effectNames<R extends Role>(role: R): EffectOf<R>[] {
  const rows: Record<string, Record<string, { effects: readonly EffectOf<R>[] }>> = table[role]
  const cells = Object.values(rows).flatMap((row) => Object.values(row))
  return [...new Set(cells.flatMap(({ effects }) => effects))]
}

/** @param run - receives the name of each effect that is carried out. */
export function noEffects<R extends Role>(
  role: R,
  run: (effect: EffectOf<R>) => void = () => {},
): Effects<R> {
  const entries = effectNames(role).map((effect) => [effect, () => run(effect)])
  return Object.fromEntries(entries) as Effects<R>
}
