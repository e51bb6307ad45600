// How the connections of a drained process ended, in words.

import type { DrainCounts } from '../diagnostics.ts'

/** `12 finished, 3 handed over, 1 cut`. A process of an older release hands none over. */
export function countsText({ drained, handedOver = 0, forced }: Partial<DrainCounts>): string {
  return [
    `${drained} finished`,
    ...(handedOver > 0 ? [`${handedOver} handed over`] : []),
    `${forced} cut`,
  ].join(', ')
}
